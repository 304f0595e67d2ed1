"""Requests that arrive together: each gets its own answer, and nobody waits for company."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from beacon_service.errors import Overloaded
from beacon_service.pings.shedding import Bounds
from beacon_service.pings.together import LARGE_AT_ONCE, LARGE_WAITING, Together

PATIENT = Bounds(most=1_000, few=100, target_s=0.25, interval_s=0.5, longest_s=30.0)


def together(run, *, most=200, bounds=PATIENT):
    return Together(run, size=lambda job: 1, most=most, bounds=bounds)


def test_each_thread_gets_its_own_result():
    with ThreadPoolExecutor(16) as pool:
        double = together(lambda jobs: [2 * job for job in jobs])
        assert list(pool.map(double, range(500))) == [2 * n for n in range(500)]


def test_alone_a_job_runs_at_once_and_alone():
    groups = []
    run = together(lambda jobs: groups.append(list(jobs)) or jobs)
    assert run("only") == "only"
    assert groups == [["only"]]


class Held:
    """A runner whose first group waits until it is let go, so that others queue up behind it."""

    def __init__(self, *, most=200, bounds=PATIENT):
        self.groups, self.refused = [], []
        self._first_in, self._let_go = threading.Event(), threading.Event()
        self.runner = together(self._run, most=most, bounds=bounds)
        self.runner.on_refusal = self.refused.append

    def _run(self, jobs):
        self.groups.append(list(jobs))
        if len(self.groups) == 1:
            self._first_in.set()
            assert self._let_go.wait(5)
        return jobs

    @contextmanager
    def behind_the_first(self, *jobs):
        """Yields what comes of a first, whose turn has begun, and of these jobs, which have queued up behind it."""
        with ThreadPoolExecutor(len(jobs) + 1) as pool:
            taken = [pool.submit(self.runner, "first")]
            assert self._first_in.wait(5)
            taken += [pool.submit(self.runner, job) for job in jobs]
            wait_until(lambda: self.runner.waiting == len(jobs))
            yield taken

    def let_go(self):
        self._let_go.set()


def results(taken):
    return [one.result(5) for one in taken]


def wait_until(holds):
    ends_at = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.001)


def test_what_queued_up_meanwhile_goes_together():
    held = Held()
    with held.behind_the_first(1, 2, 3) as taken:
        held.let_go()
        assert results(taken) == ["first", 1, 2, 3]
    assert [sorted(map(str, group)) for group in held.groups] == [["first"], ["1", "2", "3"]]


def test_a_group_has_a_bound():
    held = Held(most=2)
    with held.behind_the_first(1, 2, 3, 4, 5) as taken:
        held.let_go()
        results(taken)
    assert [len(group) for group in held.groups] == [1, 2, 2, 1]


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
    groups = Together(lambda jobs: sizes.append(len(jobs)) or jobs, size=len, most=3, bounds=PATIENT)
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


def test_no_more_come_in_than_there_is_room_for_and_those_are_answered():
    held = Held(bounds=PATIENT._replace(most=3))
    with held.behind_the_first(1, 2) as taken:
        for _ in range(5):
            with pytest.raises(Overloaded) as refusal:
                held.runner("too many")
            assert refusal.value.retry_after_s in {1, 2}
        assert held.runner.waiting == 2
        held.let_go()
        assert results(taken) == ["first", 1, 2]
    assert held.runner("again") == "again"
    assert held.refused == ["full"] * 5


def test_who_is_still_queued_when_the_longest_wait_is_over_goes_without_its_turn():
    held = Held(bounds=PATIENT._replace(longest_s=0.05))
    with held.behind_the_first("late") as (first, late):
        with pytest.raises(Overloaded):
            late.result(5)
        assert held.runner.delay_s > 0.05
        with pytest.raises(Overloaded):  # behind one who waited too long nobody queues up
            held.runner("later")
        assert not first.done()  # whose turn has begun is answered
        held.let_go()
        assert first.result(5) == "first"
        wait_until(lambda: held.runner.waiting == 0)
        assert held.runner("again") == "again"
    assert held.groups == [["first"], ["again"]]
    assert held.refused == ["waited", "long"]


def test_a_timeout_of_the_job_s_own_is_no_wait_for_a_turn():
    def run(jobs):
        return [TimeoutError("the job's") for _ in jobs]

    with pytest.raises(TimeoutError, match="the job's"):
        together(run)("job")


def test_the_delay_is_that_of_the_oldest_in_the_queue_and_then_that_of_the_last_turn():
    now = [100.0]
    held = Held()
    held.runner._clock = lambda: now[0]
    assert held.runner.delay_s == 0.0
    with held.behind_the_first("second") as taken:
        now[0] += 0.3
        assert held.runner.delay_s == pytest.approx(0.3)
        held.let_go()
        assert results(taken) == ["first", "second"]
    now[0] += 0.4
    assert held.runner.delay_s == pytest.approx(0.3)
    now[0] += 0.2
    assert held.runner.delay_s == 0.0


@contextmanager
def large_ones(count, *, bounds=PATIENT):
    """So many large jobs handed in, of which none ends before it is let go: (runner, taken, running, let go)."""
    let_go, running = threading.Event(), []

    def run(jobs):
        running.append(jobs)
        assert let_go.wait(5)
        return jobs

    runner = Together(run, size=len, most=3, bounds=bounds)
    with ThreadPoolExecutor(count) as pool:
        yield runner, [pool.submit(runner, "large") for _ in range(count)], running, let_go.set


def test_large_jobs_wait_for_each_other_a_few_at_a_time():
    with large_ones(LARGE_AT_ONCE + LARGE_WAITING) as (runner, taken, running, let_go):
        wait_until(lambda: runner._large_inside == len(taken))
        with pytest.raises(Overloaded):
            runner("large")
        assert len(running) == LARGE_AT_ONCE
        let_go()
        assert results(taken) == ["large"] * len(taken)
    assert runner("large") == "large"


def test_a_large_job_waits_no_longer_than_anybody():
    impatient = PATIENT._replace(longest_s=0.05)
    with large_ones(LARGE_AT_ONCE, bounds=impatient) as (runner, taken, running, let_go):
        wait_until(lambda: len(running) == LARGE_AT_ONCE)
        began_at = time.monotonic()
        with pytest.raises(Overloaded):
            runner("large")
        assert time.monotonic() - began_at < 3  # and not until the others are done
        let_go()
        assert results(taken) == ["large"] * LARGE_AT_ONCE
    assert runner("large") == "large"
