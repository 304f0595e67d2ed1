from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon_service.campaigns.moment import Memory
from beacon_service.identity.merge import (
    merged_attributes,
    merged_memory,
    stricter,
    with_stays,
    without_stays,
)
from beacon_service.visits.model import Presence, Stay, Visit

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def visit(number=1, started=0, left=None, open_=0, dwelled=()):
    left_at = None if left is None else at(left)
    return Visit(number, at(started), left_at=left_at, open=open_, dwelled_s=dwelled)


def merged(one, other):
    memory = merged_memory(Memory(visits={"shop": one}), Memory(visits={"shop": other}))
    return memory.visits["shop"]


def test_visits_far_apart_add_up_and_the_later_one_goes_on():
    week_ago, now = visit(3, started=-10_000, left=-9_990, dwelled=(60,)), visit(1, started=0, open_=1)
    both = replace(visit(4, started=0, open_=1), before_at=at(-9_990))
    assert merged(week_ago, now) == merged(now, week_ago) == both


def test_two_phones_in_one_place_were_one_visit():
    one, other = visit(3, started=0, open_=1, dwelled=(60,)), visit(1, started=5, open_=1, dwelled=(30, 60))
    assert merged(one, other) == visit(3, started=0, open_=2, dwelled=(30, 60))


def test_a_visit_that_began_within_ten_minutes_of_the_other_was_the_same():
    assert merged(visit(1, started=0, left=20), visit(1, started=30, left=40)) == visit(1, started=0, left=40)
    assert merged(visit(1, started=0, left=20), visit(1, started=31, left=40)).number == 2


def test_a_visit_with_one_phone_still_there_has_not_been_left():
    assert merged(visit(1, started=0, open_=1), visit(1, started=5, left=9)).left_at is None


def test_places_that_only_one_of_them_knows_are_kept():
    memory = merged_memory(Memory(visits={"shop/a": visit(2)}), Memory(visits={"shop/b": visit(5)}))
    assert memory.visits == {"shop/a": visit(2), "shop/b": visit(5)}


def test_the_named_customers_arm_wins():
    named, anonymous = Memory(arms={"x": "held_out"}), Memory(arms={"x": "offered", "y": "offered"})
    assert merged_memory(named, anonymous).arms == {"x": "held_out", "y": "offered"}


def test_the_named_customers_attributes_win():
    assert merged_attributes({"a": 1}, {"a": 2, "b": 3}) == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("named", "anonymous", "consent"),
    [
        (True, True, True),
        (True, False, False),
        (False, True, False),
        (True, None, True),
        (None, True, True),
        (None, False, False),
        (None, None, False),
    ],
)
def test_consent_is_the_stricter_of_what_was_said(named, anonymous, consent):
    assert stricter(named, anonymous) is consent


def stay(zone="shop/cafe", state="inside"):
    return Stay(zone, state, since_at=at(0), last_at=at(7))


def test_a_phone_that_goes_over_takes_its_open_stays_along():
    before = Memory(visits={"shop/cafe": visit(2, open_=1), "shop": visit(2, open_=1)})
    after = without_stays(before, Presence(stays=(stay(),)), sensitive=frozenset())
    assert after.visits == {"shop/cafe": visit(2, left=7), "shop": visit(2, left=7)}
    heir = with_stays(Memory(), Presence(stays=(stay(),)))
    assert heir.visits == {"shop/cafe": visit(1, open_=1), "shop": visit(1, open_=1)}


def test_nearness_goes_along_apart_from_visits():
    phone = Presence(near=(stay("shop/cafe~150"), stay("shop/clinic~150"), stay("shop/bar~150", "entering")))
    rings = ("shop/cafe~150", "shop/clinic~150")
    before = Memory(near={ring: visit(2, open_=1) for ring in rings})
    after = without_stays(before, phone, sensitive=frozenset({"shop/clinic"}))
    assert (after.near, after.visits) == ({"shop/cafe~150": visit(2, left=7)}, {})
    heir = with_stays(Memory(), phone)
    assert (heir.near, heir.visits) == (dict.fromkeys(rings, visit(1, open_=1)), {})


@pytest.mark.parametrize(
    ("named", "anonymous", "number", "counted"),
    [
        (visit(3, open_=1), visit(1, open_=1), 3, True),
        (visit(3, open_=1), replace(visit(0, open_=1), counted=False), 3, True),
        (replace(visit(3, open_=1), counted=False), replace(visit(2, open_=1), counted=False), 5, False),
        (visit(3, started=-100, left=-90), replace(visit(1, open_=1), counted=False), 4, False),
    ],
)
def test_approaches_of_both_add_up_and_one_that_both_phones_made_is_one(named, anonymous, number, counted):
    near = merged_memory(
        Memory(near={"shop/cafe~150": named}), Memory(near={"shop/cafe~150": anonymous})
    ).near
    both = near["shop/cafe~150"]
    assert (both.number, both.counted) == (number, counted)


def test_a_stay_that_was_not_yet_confirmed_was_no_visit():
    assert with_stays(Memory(), Presence(stays=(stay(state="entering"),))) == Memory()


def test_of_a_stay_in_a_sensitive_zone_nothing_remains():
    before = Memory(visits={"shop/clinic": visit(1, open_=1), "shop": visit(1, open_=1)})
    after = without_stays(
        before, Presence(stays=(stay("shop/clinic"),)), sensitive=frozenset({"shop/clinic"})
    )
    assert after.visits.keys() == {"shop"}


def test_of_two_who_were_one_the_visit_before_is_the_last_that_ended_before_both():
    one = replace(visit(3, started=0, open_=1), before_at=at(-900))
    other = replace(visit(2, started=5, open_=1), before_at=at(-30))
    assert merged(one, other).before_at == at(-30)
    assert merged(one, replace(other, before_at=at(2))).before_at == at(-900)


visits = st.builds(
    lambda number, started, length, open_, before: replace(
        visit(number, started, None if open_ else started + length, open_),
        before_at=before and at(started - before),
    ),
    st.integers(1, 9),
    st.integers(-600, 600),
    st.integers(0, 60),
    st.integers(0, 2),
    st.none() | st.integers(11, 900),
)


@given(visits, visits)
def test_a_merge_knows_no_order_and_loses_no_stay(one, other):
    result = merged(one, other)
    assert result == merged(other, one)
    assert result.open == one.open + other.open
    assert one.number + other.number - 1 <= result.number <= one.number + other.number
