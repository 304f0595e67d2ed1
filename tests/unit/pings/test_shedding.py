"""When a queue refuses, on a clock of the test's own."""

import pytest

from beacon_service.pings.shedding import Bounds, Line, Shedding, retry_after_s

BOUNDS = Bounds(most=100, few=10, target_s=0.25, interval_s=0.5, longest_s=2.0)


def line(inside=30, waiting=20, turns_ahead=1, oldest_s=0.0):
    return Line(inside, waiting, turns_ahead, oldest_s)


@pytest.fixture
def shedding():
    return Shedding(BOUNDS)


def slow_turns(shedding, until_s, *, waited_s=0.4, every_s=0.1):
    """Turns that each begin with too long a wait; the last one begins at `until_s`."""
    for number in range(round(until_s / every_s) + 1):
        shedding.began(waited_s, number * every_s)
        shedding.ended(waited_s)


def test_a_long_queue_that_is_soon_done_with_refuses_nobody(shedding):
    slow_turns(shedding, 10.0, waited_s=0.2)
    assert shedding.refuses(line(inside=99, waiting=90, oldest_s=0.2), 10.0) is None


def test_as_many_as_there_is_room_for_and_no_more(shedding):
    assert shedding.refuses(line(inside=99), 0.0) is None
    assert shedding.refuses(line(inside=100), 0.0) == "full"


def test_a_burst_may_wait_beyond_the_target(shedding):
    slow_turns(shedding, 0.4)
    assert shedding.refuses(line(oldest_s=0.4), 0.4) is None


def test_a_wait_that_stays_above_the_target_for_an_interval_refuses(shedding):
    slow_turns(shedding, 0.5)
    assert shedding.refuses(line(oldest_s=0.3), 0.5) == "standing"


def test_while_it_stays_those_are_let_in_whose_own_wait_is_within_the_target(shedding):
    slow_turns(shedding, 5.0, waited_s=0.26)
    shedding.ended(0.1)
    assert shedding.refuses(line(oldest_s=0.2, turns_ahead=1), 5.0) is None
    assert shedding.refuses(line(oldest_s=0.2, turns_ahead=3), 5.0) == "standing"


def test_one_turn_with_little_wait_ends_it_at_once(shedding):
    slow_turns(shedding, 5.0)
    shedding.began(0.25, 5.1)
    assert shedding.refuses(line(oldest_s=0.4), 5.1) is None


def test_an_empty_queue_ends_it_at_once(shedding):
    slow_turns(shedding, 5.0)
    shedding.emptied()
    assert shedding.refuses(line(oldest_s=0.4), 5.1) is None


def test_a_few_are_let_be_where_turns_are_slow_by_themselves(shedding):
    slow_turns(shedding, 60.0, waited_s=1.5)
    assert shedding.refuses(line(inside=20, waiting=9, oldest_s=1.5), 60.0) is None
    assert shedding.refuses(line(inside=20, waiting=10, oldest_s=1.5), 60.0) == "standing"


def test_behind_one_who_has_waited_too_long_nobody_queues_up(shedding):
    assert shedding.refuses(line(inside=2, waiting=1, oldest_s=2.01), 0.0) == "long"


def test_who_would_wait_too_long_is_told_at_once(shedding):
    shedding.ended(0.5)
    shedding.ended(0.6)
    assert shedding.refuses(line(turns_ahead=4), 0.0) is None
    assert shedding.refuses(line(turns_ahead=5), 0.0) == "long"


def test_one_turn_that_hung_says_nothing_of_those_to_come(shedding):
    shedding.ended(0.02)
    shedding.ended(10.0)
    assert shedding.refuses(line(turns_ahead=3), 0.0) is None


def test_returns_are_spread_the_wider_the_longer_it_lasts():
    assert [retry_after_s(0.0, draw) for draw in (0.0, 0.49, 0.5, 0.999)] == [1, 1, 2, 2]
    assert [retry_after_s(10.5, draw) for draw in (0.0, 0.999)] == [1, 12]
    assert [retry_after_s(3600.0, draw) for draw in (0.0, 0.999)] == [1, 30]


def test_how_long_it_has_lasted_begins_anew_after_a_pause(shedding):
    assert [shedding.refused(at_s) for at_s in (10.0, 12.0, 16.5, 30.0, 31.0)] == [0.0, 2.0, 6.5, 0.0, 1.0]
