"""Requests that arrive together: each gets its own answer, and nobody waits for company."""

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
