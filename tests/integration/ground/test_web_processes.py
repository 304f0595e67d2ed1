"""Web processes of the real server: one that dies is replaced by one that is ready at once."""

import os
import signal
from pathlib import Path

import pytest

from tests.torture.processes import is_ready, service, wait_until

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@pytest.fixture(scope="module")
def running():
    with service(web_processes=1, workers=0, unsafe=True) as made:
        yield made


def test_who_replaces_a_process_that_died_reads_no_modules_anew(running):
    (dead,) = running.web.children()
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: is_ready(running.address) and running.web.children() != [dead], 30, "another answers")
    (fresh,) = running.web.children()
    assert processor_s(fresh) < processor_s(running.web.pid) / 4
