"""Fixes that stay together become their mean; a walker's are left as they are."""

from types import SimpleNamespace

import pytest

from beacon_service.geo import degrees, distance_m
from beacon_service.positioning.fix import Fix
from beacon_service.positioning.resting import (
    FARTHEST,
    FORGOTTEN,
    LEAVES_AT_MOST_S,
    PAUSE_S,
    SETTLED_S,
    settled,
)
from tests.factories.catalogue import SOUTH, WEST
from tests.factories.presence import at

ACCURACY_M = 4.0


def fix(east_m=0.0, north_m=0.0, *, floor="ground", longitude=WEST, accuracy_m=ACCURACY_M, site="shop"):
    east, north = degrees(east_m, north_m, SOUTH)
    west = (longitude + east + 180) % 360 - 180
    return Fix("beacons", west, SOUTH + north, accuracy_m, floor, lambda _: 0.5, site)


def rested(seconds, *, longitude=WEST):
    """Who has lain so long, heard once a second a metre to either side."""
    rest = None
    for second in range(int(seconds) + 1):
        _, rest = settled(rest, fix((-1) ** second, longitude=longitude), at(second))
    return rest


def away_m(one, other):
    return distance_m(one.longitude, one.latitude, other.longitude, other.latitude)


def test_before_half_a_minute_a_fix_counts_as_it_came():
    rest = rested(SETTLED_S - 2)
    there, _ = settled(rest, fix(3), at(SETTLED_S - 1))
    assert away_m(there, fix(3)) == 0
    assert there.rested_s == 0.0


@pytest.mark.parametrize("longitude", [WEST, 179.999995])
def test_from_then_on_the_mean_counts_wherever_on_earth(longitude):
    rest = rested(SETTLED_S, longitude=longitude)
    there, after = settled(rest, fix(4, longitude=longitude), at(SETTLED_S + 1))
    assert away_m(there, fix(longitude=longitude)) < 0.3
    assert there.rested_s == after.rested_s == SETTLED_S + 1


def test_who_walks_is_never_held_back():
    rest = None
    for second in range(120):
        there, rest = settled(rest, fix(1.2 * second), at(second))
        assert away_m(there, fix(1.2 * second)) == 0, second
        assert there.rested_s == 0.0


def test_a_single_fix_elsewhere_does_not_move_who_has_settled():
    rest = rested(300)
    for elsewhere in (fix(50), fix(floor="first"), fix(site="next door"), fix(50, accuracy_m=60.0)):
        there, after = settled(rest, elsewhere, at(301))
        assert (there.floor, after.rested_s) == ("ground", 300)
        assert away_m(there, fix()) < 0.3
        back, again = settled(after, fix(), at(302))
        assert (back.rested_s, again.away_at) == (301, None)


@pytest.mark.parametrize(("minutes", "after_s"), [(1, 4), (5, 8), (30, LEAVES_AT_MOST_S)])
def test_the_longer_a_phone_has_rested_the_longer_it_must_be_away_to_have_left(minutes, after_s):
    rest, gone = rested(60 * minutes), fix(FARTHEST * ACCURACY_M + 1)
    for second in range(int(after_s)):
        there, rest = settled(rest, gone, at(60 * minutes + 1 + second))
        assert away_m(there, gone) > 1, second
    there, rest = settled(rest, gone, at(60 * minutes + 1 + after_s))
    assert (away_m(there, gone), rest.rested_s) == (0, 0.0)


def test_what_was_before_a_long_silence_says_nothing_of_rest():
    rest = rested(300)
    silent = FORGOTTEN.total_seconds()
    assert settled(rest, fix(), at(300 + silent))[0].rested_s == 300 + PAUSE_S
    assert settled(rest, fix(), at(301 + silent))[0].rested_s == 0


def test_two_pings_of_one_instant_or_one_from_before_do_not_break_it():
    rest = rested(SETTLED_S)
    for second in (SETTLED_S, SETTLED_S - 5):
        there, after = settled(rest, fix(2), at(second))
        assert (after.rested_s, after.at) == (SETTLED_S, rest.at)
        assert away_m(there, fix()) < 0.3


def test_the_floor_of_a_rest_is_sure():
    there, _ = settled(rested(SETTLED_S), fix(), at(SETTLED_S + 1))
    zones = [("shop", "ground"), ("shop", "first"), ("next door", "ground"), ("shop", None)]
    shares = [there.floor_share(SimpleNamespace(site=site, floor=floor)) for site, floor in zones]
    assert shares == [1.0, 0.0, 0.0, 0.5]


def test_the_mean_follows_a_lasting_change_however_often_it_is_heard():
    """What is rounded away at each step must not hold it fast: 5 m to the east for an hour."""
    rest = rested(700)
    for fifth in range(5 * 3600):
        _, rest = settled(rest, fix(5.0), at(701 + fifth / 5))
    assert away_m(rest, fix(5.0)) < 0.2


def test_wide_fixes_elsewhere_do_not_hold_who_has_left():
    rest = rested(600)
    for second in range(30):
        there, rest = settled(rest, fix(20.0, accuracy_m=15.0 if second % 8 == 7 else 4.0), at(601 + second))
    assert away_m(there, fix(20.0)) < 0.5


def test_slow_pings_of_a_walker_make_no_rest():
    rest = None
    for minute in range(4):
        there, rest = settled(rest, fix(8.0 * minute, accuracy_m=10.0), at(60 * minute))
    assert away_m(there, fix(24.0)) == 0
