"""A process of its own: heard while it runs, ended with whoever began it, and silent but for what it says."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from beacon_service import apart
from beacon_service.apart import StoppedError, run_apart


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A module with this code, in a process of its own."""

    def run(code, *, hear=None, meanwhile=lambda: None, **options):
        (tmp_path / "alone.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
        heard = []
        status = run_apart(["alone"], hear or heard.append, meanwhile, **options)
        return status, heard

    return run


def test_it_is_given_what_it_needs_and_heard_line_by_line(run):
    code = "import sys\nfor word in sys.stdin.read().split(): print(word, flush=True)\nsys.exit(4)"
    assert run(code, given=b"one two") == (4, [b"one\n", b"two\n"])


def test_only_what_it_says_is_heard(run, capfd):
    code = """
import os
from beacon_service.apart import begin_apart
say = begin_apart()
print("a library's chatter")
os.write(1, b"and another's")
say(b"five")
raise SystemExit(os.nice(0))
"""
    assert run(code) == (min(19, os.nice(0) + apart.NICENESS), [b"five\n"])
    assert "chatter" in capfd.readouterr().err


def test_what_goes_on_meanwhile_may_end_it(run, monkeypatch):
    monkeypatch.setattr(apart, "TELL_EVERY_S", 0.0)
    began_s = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run("import time; time.sleep(60)", meanwhile=lambda: 1 // 0)
    assert time.monotonic() - began_s < 30


def test_a_stop_ends_it(run):
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(StoppedError):
        run("import time; time.sleep(60)", stopped=stopped)


def test_a_line_that_cannot_be_understood_is_an_error_of_whoever_listens(run):
    def hear(line):
        raise ValueError(line)

    with pytest.raises(ValueError, match="gibberish"):
        run("print('gibberish')", hear=hear)


def test_it_ends_when_nobody_hears_it_any_more(tmp_path):
    code = """
from beacon_service.apart import begin_apart
import time
say = begin_apart()
while True:
    say(b"there?")
    time.sleep(0.01)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert child.stdout.readline() == b"there?\n"
    child.stdout.close()
    assert child.wait(30) == 1
