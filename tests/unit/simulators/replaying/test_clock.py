"""The trace's time and the wall's: shifted, compressed or kept, and what was before stays before."""

import itertools

import pytest

from simulators.replaying.clock import TraceClock, iso

BEGINS, ENDS, NOW = 1_000_000.0, 1_003_600.0, 2_000_000.0


def clock(speed=1.0, times="compressed"):
    return TraceClock.begun(BEGINS, ENDS, speed, times, NOW)


def test_in_real_time_all_is_shifted_to_now():
    assert clock().due_s(BEGINS + 60) == NOW + 60 == clock().told_s(BEGINS + 60)


def test_at_a_speed_times_are_compressed_as_they_are_played():
    fast = clock(10.0)
    assert fast.due_s(BEGINS + 600) == NOW + 60 == fast.told_s(BEGINS + 600)
    assert fast.told_s(BEGINS - 100) == NOW - 10


def test_kept_times_are_as_far_apart_as_they_were_and_end_when_the_replay_does():
    kept = clock(10.0, "kept")
    assert kept.due_s(BEGINS + 600) == NOW + 60
    assert kept.told_s(ENDS) == NOW + 360 == kept.due_s(ENDS)
    assert kept.told_s(BEGINS + 600) - kept.told_s(BEGINS) == 600


def test_times_of_a_trace_without_an_end_cannot_be_kept():
    with pytest.raises(ValueError, match="when it ends"):
        TraceClock.begun(BEGINS, None, 1.0, "kept", NOW)


def test_as_fast_as_it_takes_a_line_is_told_to_be_of_when_it_was_played():
    fastest = clock(None)
    fastest.played(BEGINS + 100, NOW + 1)
    fastest.played(BEGINS + 200, NOW + 3)
    assert fastest.due_s(BEGINS + 1e6) == 0.0
    assert [fastest.told_s(BEGINS + s) for s in (0, 50, 100, 150, 200)] == [
        NOW, NOW + 0.5, NOW + 1, NOW + 2, NOW + 3,
    ]  # fmt: skip


def test_what_was_before_is_before_however_long_the_trace():
    fastest = clock(None)
    for number in range(50_000):
        fastest.played(BEGINS + number, NOW + number * 0.01)
    assert len(fastest.trace_s) <= 20_000
    told = [fastest.told_s(BEGINS + number / 3) for number in range(-100, 150_100)]
    assert all(before < after for before, after in itertools.pairwise(told))


def test_a_replay_that_was_stopped_goes_on_and_what_was_told_stays_as_it_was():
    stopped = clock(10.0)
    before = [stopped.told_s(BEGINS + s) for s in range(0, 600, 7)]
    stopped.goes_on(BEGINS + 600, NOW + 1000)
    assert [stopped.told_s(BEGINS + s) for s in range(0, 600, 7)] == before
    assert stopped.due_s(BEGINS + 610) == pytest.approx(NOW + 1001, abs=1e-3)


@pytest.mark.parametrize("times", ["compressed", "kept"])
@pytest.mark.parametrize("speed", [1.0, 25.0])
def test_what_the_service_tells_is_found_in_the_trace_again(speed, times):
    found = clock(speed, times)
    for seconds in (-5.0, 0.0, 1800.0, 4000.0):
        assert found.trace_of(found.told_s(BEGINS + seconds)) == pytest.approx(BEGINS + seconds, abs=1e-3)


def test_instants_are_written_in_utc():
    assert iso(0.25) == "1970-01-01T00:00:00.250000Z"
