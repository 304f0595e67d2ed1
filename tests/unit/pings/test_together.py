"""Requests that arrive together: each gets its own answer, and nobody waits for company."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from beacon_service.pings.together import Together


def together(run, *, most=200):
    return Together(run, size=lambda job: 1, most=most)


def test_each_thread_gets_its_own_result():
    with ThreadPoolExecutor(16) as pool:
        double = together(lambda jobs: [2 * job for job in jobs])
        assert list(pool.map(double, range(500))) == [2 * n for n in range(500)]


def test_alone_a_job_runs_at_once_and_alone():
    groups = []
    run = together(lambda jobs: groups.append(list(jobs)) or jobs)
    assert run("only") == "only"
    assert groups == [["only"]]


def blocked(groups, *, most=200):
    """A runner whose first group waits until it is let go, so that others queue up behind it."""
    first_in, let_go = threading.Event(), threading.Event()

    def run(jobs):
        groups.append(list(jobs))
        if len(groups) == 1:
            first_in.set()
            assert let_go.wait(5)
        return jobs

    return together(run, most=most), first_in, let_go


def queue_behind(runner, first_in, let_go, jobs):
    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        first = pool.submit(runner, "first")
        assert first_in.wait(5)
        others = [pool.submit(runner, job) for job in jobs]
        while runner._queue.qsize() < len(jobs):
            time.sleep(0.001)
        let_go.set()
        return [one.result(5) for one in [first, *others]]


def test_what_queued_up_meanwhile_goes_together():
    groups = []
    runner, first_in, let_go = blocked(groups)
    assert queue_behind(runner, first_in, let_go, [1, 2, 3]) == ["first", 1, 2, 3]
    assert [sorted(map(str, group)) for group in groups] == [["first"], ["1", "2", "3"]]


def test_a_group_has_a_bound():
    groups = []
    runner, first_in, let_go = blocked(groups, most=2)
    queue_behind(runner, first_in, let_go, [1, 2, 3, 4, 5])
    assert [len(group) for group in groups] == [1, 2, 2, 1]


def test_an_exception_is_raised_where_it_belongs():
    def run(jobs):
        return [ValueError("bad") if job == "bad" else job for job in jobs]

    groups = together(run)
    assert groups("good") == "good"
    with pytest.raises(ValueError, match="bad"):
        groups("bad")


def test_when_the_run_itself_fails_all_of_its_group_are_told():
    def run(jobs):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        together(run)("job")


def test_a_run_that_answers_too_few_hangs_nobody():
    groups = together(lambda jobs: [])
    for _ in range(2):
        with pytest.raises(ValueError, match="zip"):
            groups("job")


def test_whatever_a_run_raises_the_next_group_is_served():
    def run(jobs):
        if jobs == ["bad"]:
            raise SystemExit("out")
        return jobs

    groups = together(run)
    with pytest.raises(SystemExit):
        groups("bad")
    assert groups("good") == "good"


def test_a_large_job_goes_alone_and_waits_for_no_group():
    sizes = []
    groups = Together(lambda jobs: sizes.append(len(jobs)) or jobs, size=len, most=3)
    assert groups("large") == "large"
    assert groups("s") == "s"
    assert sizes == [1, 1]
    assert groups._queue.empty()


def test_a_process_that_was_forked_off_starts_a_thread_of_its_own():
    groups = together(lambda jobs: jobs)
    assert groups("here") == "here"
    child = os.fork()
    if child == 0:  # pragma: no cover - ends here, whatever comes of it
        signal.alarm(5)
        os._exit(0 if groups("there") == "there" else 1)
    assert os.waitpid(child, 0)[1] == 0
