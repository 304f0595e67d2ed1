"""What the kernel says of who worked."""

import os
import subprocess
import sys
import time

from benchmarks.processors import Spent, spent

BURN = "import time\nwhile time.process_time() < 0.6: pass\n"


def burn(by):
    return subprocess.run([sys.executable, "-c", by], check=True)


def test_work_of_children_that_have_ended_counts_with_their_parents():
    # A parent that does nothing but wait for one that works, and then waits to be asked.
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        before = spent(process.pid, None)
        process.stdout.readline()
        assert spent(process.pid, None).since(before).web >= 0.4
    finally:
        process.communicate("\n")


def test_what_others_do_is_neither_ours_nor_idle():
    before = spent(os.getpid(), None)
    time.sleep(0.3)
    after = spent(os.getpid(), None).since(before)
    assert after.web < 0.2
    assert after.available > 0.25


def test_the_share_that_went_elsewhere():
    used = Spent(web=3.0, postgres=2.0, loader=1.0, available=10.0, idle=1.0, stolen=1.0)
    assert used.elsewhere == 0.3
    assert Spent(0, 0, 0, 0, 0, 0).elsewhere == 0.0
