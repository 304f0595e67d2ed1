"""What the demo starts it stops, by process id; what it keeps only its owner can read."""

import socket
import stat
import subprocess
import sys

import pytest

from simulators.client import Keys
from simulators.demo.machine import Child, Machine, MachineError, free_port, stop
from simulators.demo.secrets_file import SecretsFile

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def child_of(tmp_path, command):
    log = tmp_path / "child.log"
    with log.open("wb") as words:
        return Child("child", log, subprocess.Popen(command, stdout=words, stderr=words))


def test_a_port_that_is_taken_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 50


def test_a_child_is_stopped_and_stopping_twice_does_no_harm(tmp_path):
    child = child_of(tmp_path, SLEEPS)
    stop(child)
    stop(child)
    assert child.process.returncode is not None


def test_a_child_that_died_is_told_with_its_last_words(tmp_path):
    child = child_of(tmp_path, [sys.executable, "-c", "raise SystemExit('no such schema')"])
    child.process.wait()
    machine = Machine(tmp_path, children=[child])
    with pytest.raises(MachineError, match=r"child process ended by itself \(status 1\): no such schema"):
        machine.check_children()


def test_a_second_demo_in_the_same_place_is_refused(tmp_path):
    with Machine(tmp_path), pytest.raises(MachineError, match="another demo"), Machine(tmp_path):
        pass


def test_leaving_stops_the_children_and_gives_the_place_free(tmp_path):
    with Machine(tmp_path) as machine:
        machine.children.append(child_of(tmp_path, SLEEPS))
    assert machine.children[0].process.returncode is not None
    with Machine(tmp_path):
        pass


def test_keys_are_the_same_in_the_next_run_and_private(tmp_path):
    file = SecretsFile(tmp_path / "demo" / "keys.json")
    file.keep_keys("postgresql://here", Keys("pk_1", "sk_1"))
    again = SecretsFile(file.path)
    assert again.keys("postgresql://here") == Keys("pk_1", "sk_1")
    assert again.keys("postgresql://elsewhere") is None
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
