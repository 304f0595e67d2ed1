"""A command that ends early says why in a sentence, and its exit status says that it did."""

import signal

import pytest

from benchmarks.servers import ServerFailed
from benchmarks.telling import ending


@pytest.fixture(autouse=True)
def _as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_work_that_was_done_has_its_own_status():
    assert ending("It", lambda: None) == 0
    assert ending("It", lambda: 1) == 1


@pytest.mark.parametrize("failure", [ServerFailed, TimeoutError])
def test_what_a_measuring_may_fail_of_is_told_without_a_place_of_this_machine(failure, capsys):
    def fail():
        raise failure("no such file: /home/somebody/log.txt")

    assert ending("The measuring", fail) == 1
    assert capsys.readouterr().err == "The measuring ended early: no such file: log.txt\n"


def test_who_interrupts_it_knows_why():
    def interrupt():
        raise KeyboardInterrupt

    assert ending("It", interrupt) == 130


def test_a_mistake_of_the_benchmark_s_own_is_shown_as_one():
    def mistake():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ending("It", mistake)
