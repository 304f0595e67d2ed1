"""A soak is flat only where that is certain."""

import random

import pytest

from benchmarks.soak.report import status
from benchmarks.soak.steadiness import (
    Judged,
    Sample,
    judged_bloat,
    judged_memory,
    judged_p99,
    overall,
    slope,
)

HALF_MINUTES = range(1, 61)


def samples(memory=lambda hours: 170.0, p99=lambda hours: 80.0, count=60):
    return [
        Sample(30.0 * n, 500.0, 30.0, p99(n / 120), {"web 1": memory(n / 120)}, {})
        for n in range(1, count + 1)
    ]


def noisy(mb_per_hour, noise_mb=0.2):
    draw = random.Random(1)
    return lambda hours: 170 + mb_per_hour * hours + draw.gauss(0, noise_mb)


def test_a_slope_is_found_whatever_one_point_says():
    xs = list(range(20))
    ys = [3.0 * x for x in xs]
    ys[7] = 1_000.0
    found = slope(xs, ys)
    assert found.middle == 3.0
    assert found.low <= 3.0 <= found.high
    assert slope(xs[:5], ys[:5]) is None


def test_noise_makes_a_slope_less_certain():
    draw = random.Random(2)
    xs = list(range(30))
    calm, wild = (slope(xs, [x + draw.gauss(0, noise) for x in xs]) for noise in (0.1, 20.0))
    assert wild.high - wild.low > 10 * (calm.high - calm.low)
    assert wild.low < 1.0 < wild.high


@pytest.mark.parametrize(
    ("mb_per_hour", "state"), [(0.0, "flat"), (-30.0, "flat"), (3.0, "flat"), (20.0, "not flat")]
)
def test_memory_is_flat_where_it_surely_grows_by_no_more_than_the_bound(mb_per_hour, state):
    assert judged_memory("web 1", samples(noisy(mb_per_hour))).state == state


def test_what_noise_hides_is_not_called_flat():
    assert judged_memory("web 1", samples(noisy(4.0, noise_mb=8.0))).state == "too short to tell"


def test_memory_is_not_judged_before_everything_has_come_about_for_a_while():
    """45 half minutes, of which the first 15 are for settling, leave 14 and a half minutes."""
    leaking = noisy(100.0)
    assert judged_memory("web 1", samples(leaking, count=45)).state == "too short to tell"
    assert judged_memory("web 1", samples(leaking, count=47)).state == "not flat"


def test_caches_may_fill_in_the_first_third():
    assert judged_memory("web 1", samples(lambda hours: 120 + 300 * min(hours, 1 / 6))).state == "flat"


def test_a_process_that_ended_or_came_later_is_not_flat():
    found = samples()
    found[-1] = Sample(1800.0, 500.0, 30.0, 80.0, {"web 2": 100.0}, {})
    assert judged_memory("web 1", found).state == "not flat"
    assert judged_memory("web 2", found).state == "not flat"


@pytest.mark.parametrize(("last_ms", "state"), [(80.0, "flat"), (119.0, "flat"), (121.0, "not flat")])
def test_the_last_third_must_be_about_as_fast_as_the_first(last_ms, state):
    assert judged_p99(samples(p99=lambda hours: 80.0 if hours < 1 / 3 else last_ms)).state == state


def test_one_slow_half_minute_is_the_machines():
    assert judged_p99(samples(p99=lambda hours: 900.0 if 0.45 < hours < 0.46 else 80.0)).state == "flat"
    assert judged_p99(samples(p99=lambda hours: 8.0 if hours < 0.2 else 17.0)).state == "flat"
    assert judged_p99(samples(count=5)).state == "too short to tell"


def test_a_table_may_hold_twice_what_its_rows_need_and_a_small_one_some_pages():
    assert judged_bloat("presence", held=200_000_000, needed=100_000_000).state == "flat"
    assert judged_bloat("presence", held=201_000_000, needed=100_000_000).state == "not flat"
    assert judged_bloat("job_runs", held=7_000_000, needed=16_384).state == "flat"


def test_all_must_be_flat_and_every_answer_right():
    flat, grown, unknown = (Judged("x", state, "") for state in ("flat", "not flat", "too short to tell"))
    assert (overall([flat, flat]), status([flat, flat], 0)) == ("flat", 0)
    assert (overall([flat, unknown, grown]), status([flat, unknown, grown], 0)) == ("not flat", 1)
    assert (overall([flat, unknown]), status([flat, unknown], 0)) == ("too short to tell", 1)
    assert (overall([]), status([], 0)) == ("too short to tell", 1)
    assert status([flat], 1) == 1
