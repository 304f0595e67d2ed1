"""Processor time is read from the kernel's own line about a process."""

import os
import time

from benchmarks.processes import family, largest_mb, processor_s, resident_mb, used_ticks

# pid (name) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime ...
STAT = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 200 0 0 70 30 500 400 20 0 4 0 1000 0 0"


def test_user_and_system_time_are_added_and_those_of_children_that_were_waited_for():
    """70 + 30, and 500 + 400."""
    assert used_ticks(STAT) == 1000


def test_a_process_that_works_is_charged():
    before = processor_s(os.getpid())
    ends_at = time.process_time() + 0.1
    while time.process_time() < ends_at:
        pass
    assert 0.05 < processor_s(os.getpid()) - before < 1.0


def test_one_is_of_its_own_family_and_takes_memory_and_who_is_gone_takes_none():
    assert family(os.getpid())[0] == os.getpid()
    assert 1.0 < resident_mb(os.getpid(), "RssAnon") <= resident_mb(os.getpid())
    assert largest_mb(os.getpid()) >= resident_mb(os.getpid(), "RssAnon")
    assert resident_mb(2**22 + 1) == 0.0
