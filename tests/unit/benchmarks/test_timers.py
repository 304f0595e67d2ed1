"""How late timers were fired is judged from what the database says; whatever it says wrongly is found."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.arming import WARMING, planned
from benchmarks.timers import Fired, judge

FIRST_AT = datetime(2026, 6, 3, 12, tzinfo=UTC)
MOVES = {"later": "entered", "stay": "dwelled", "leave": "exited"}


def of(scenario, due=100):
    return planned(scenario, due, 10.0, FIRST_AT)


def fired(timer, scenario, *, after_s=0.25, **other):
    came_at = timer.due_at if scenario == "timers" else timer.due_at - timedelta(seconds=timer.ahead_s)
    plain = {
        "number": timer.number,
        "due_at": timer.due_at,
        "fired_at": timer.due_at + timedelta(seconds=after_s),
        "at": came_at,
        "move": MOVES[timer.campaign],
        "campaign": timer.campaign,
    }
    return Fired(**plain | other)


def every(scenario, **other):
    timers = of(scenario)
    return timers, [fired(timer, scenario, **other) for timer in timers]


def counts(found):
    return found.late, found.lost, found.twice, found.wrong


@pytest.mark.parametrize("scenario", ["timers", "waiting", "rush"])
def test_what_is_fired_as_it_was_armed_is_sound(scenario):
    timers, found = every(scenario)
    judged = judge(scenario, timers, found)
    assert (judged.due, judged.worst, judged.sound) == (100, 0.25, True)
    assert counts(judged) == (0, 0, 0, 0)


def test_they_are_due_as_evenly_as_the_clock_allows_and_at_once_in_a_rush():
    timers = of("timers")[WARMING:]
    assert timers[0].due_at == FIRST_AT
    assert timers[-1].due_at - timers[0].due_at == timedelta(seconds=9.9)
    assert {timer.campaign for timer in timers} == {"stay", "leave"}
    assert {timer.due_at for timer in of("rush")[WARMING:]} == {FIRST_AT}


def test_what_is_late_is_counted_apart_from_what_is_wrong():
    timers, found = every("timers", after_s=1.5)
    judged = judge("timers", timers, found)
    assert counts(judged) == (100, 0, 0, 0)
    assert judged.sound


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        ({"fired_at": None}, (0, 1, 0, 0)),
        ({"number": WARMING + 1}, (0, 1, 1, 1)),
        ({"campaign": None}, (0, 0, 0, 1)),
        ({"campaign": "stay-else"}, (0, 0, 0, 1)),
        ({"move": "exited"}, (0, 0, 0, 1)),
        ({"at": FIRST_AT + timedelta(seconds=1)}, (0, 0, 0, 1)),
        ({"due_at": FIRST_AT - timedelta(seconds=1)}, (0, 0, 0, 1)),
    ],
)
def test_what_is_lost_doubled_or_not_as_planned_is_found(spoilt, expected):
    timers, found = every("timers")
    found[WARMING] = found[WARMING]._replace(**spoilt)
    judged = judge("timers", timers, found)
    lag = judged.late if "due_at" in spoilt else 0
    assert counts(judged) == (lag, *expected[1:])
    assert not judged.sound


def test_a_moment_that_still_waits_is_lost():
    timers, found = every("waiting")
    assert judge("waiting", timers, found, left=1).lost == 1
