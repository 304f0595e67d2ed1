"""Requests that arrive together: each gets its own answer, and nobody waits for company."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

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


def blocked(groups, *, most=200, bounds=PATIENT):
    """A runner whose first group waits until it is let go, so that others queue up behind it."""
    first_in, let_go = threading.Event(), threading.Event()

    def run(jobs):
        groups.append(list(jobs))
        if len(groups) == 1:
            first_in.set()
            assert let_go.wait(5)
        return jobs

    return together(run, most=most, bounds=bounds), first_in, let_go


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


def wait_until(holds):
    ends_at = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.001)


def test_no_more_come_in_than_there_is_room_for_and_those_are_answered():
    groups, refused = [], []
    runner, first_in, let_go = blocked(groups, bounds=PATIENT._replace(most=3))
    runner.on_refusal = refused.append
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(runner, "first")
        assert first_in.wait(5)
        others = [pool.submit(runner, job) for job in (1, 2)]
        wait_until(lambda: runner.waiting == 2)
        for _ in range(5):
            with pytest.raises(Overloaded) as refusal:
                runner("too many")
            assert refusal.value.retry_after_s in {1, 2}
        assert runner.waiting == 2
        let_go.set()
        assert [one.result(5) for one in (first, *others)] == ["first", 1, 2]
    assert runner("again") == "again"
    assert refused == ["full"] * 5


def test_who_is_still_queued_when_the_longest_wait_is_over_goes_without_its_turn():
    groups, refused = [], []
    runner, first_in, let_go = blocked(groups, bounds=PATIENT._replace(longest_s=0.05))
    runner.on_refusal = refused.append
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(runner, "first")
        assert first_in.wait(5)
        late = pool.submit(runner, "late")
        with pytest.raises(Overloaded):
            late.result(5)
        assert runner.delay_s > 0.05
        with pytest.raises(Overloaded):  # behind one who waited too long nobody queues up
            runner("later")
        assert not first.done()  # whose turn has begun is answered
        let_go.set()
        assert first.result(5) == "first"
        wait_until(lambda: runner.waiting == 0)
        assert runner("again") == "again"
    assert groups == [["first"], ["again"]]
    assert refused == ["waited", "long"]


def test_a_timeout_of_the_job_s_own_is_no_wait_for_a_turn():
    def run(jobs):
        return [TimeoutError("the job's") for _ in jobs]

    with pytest.raises(TimeoutError, match="the job's"):
        together(run)("job")


def test_the_delay_is_that_of_the_oldest_in_the_queue_and_then_that_of_the_last_turn():
    now = [100.0]
    groups = []
    runner, first_in, let_go = blocked(groups)
    runner._clock = lambda: now[0]
    assert runner.delay_s == 0.0
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(runner, "first")
        assert first_in.wait(5)
        second = pool.submit(runner, "second")
        wait_until(lambda: runner.waiting == 1)
        now[0] += 0.3
        assert runner.delay_s == pytest.approx(0.3)
        let_go.set()
        assert (first.result(5), second.result(5)) == ("first", "second")
    now[0] += 0.4
    assert runner.delay_s == pytest.approx(0.3)
    now[0] += 0.2
    assert runner.delay_s == 0.0


def large(run, *, bounds=PATIENT):
    return Together(run, size=len, most=3, bounds=bounds)


def test_large_jobs_wait_for_each_other_a_few_at_a_time():
    let_go, running = threading.Event(), []

    def run(jobs):
        running.append(jobs)
        assert let_go.wait(5)
        return jobs

    runner = large(run)
    with ThreadPoolExecutor(LARGE_AT_ONCE + LARGE_WAITING) as pool:
        taken = [pool.submit(runner, "large") for _ in range(LARGE_AT_ONCE + LARGE_WAITING)]
        wait_until(lambda: runner._large_inside == len(taken))
        with pytest.raises(Overloaded):
            runner("large")
        assert len(running) == LARGE_AT_ONCE
        let_go.set()
        assert [one.result(5) for one in taken] == ["large"] * len(taken)
    assert runner("large") == "large"


def test_a_large_job_waits_no_longer_than_anybody():
    let_go, running = threading.Event(), []

    def run(jobs):
        running.append(jobs)
        assert let_go.wait(5)
        return jobs

    runner = large(run, bounds=PATIENT._replace(longest_s=0.05))
    with ThreadPoolExecutor(LARGE_AT_ONCE) as pool:
        taken = [pool.submit(runner, "large") for _ in range(LARGE_AT_ONCE)]
        wait_until(lambda: len(running) == LARGE_AT_ONCE)
        began_at = time.monotonic()
        with pytest.raises(Overloaded):
            runner("large")
        assert time.monotonic() - began_at < 3  # and not until the others are done
        let_go.set()
        assert [one.result(5) for one in taken] == ["large"] * LARGE_AT_ONCE
    assert runner("large") == "large"
