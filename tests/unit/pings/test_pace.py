"""When a phone is asked to report again: a row of the table, a test."""

from datetime import timedelta

import pytest

from beacon_service.customers.model import Installation
from beacon_service.pings.pace import pace_s, stretched
from beacon_service.visits.model import Presence, Stay
from beacon_service.zones.model import NOWHERE
from tests.factories.catalogue import campaign_document, square, trigger_document, zone_document
from tests.factories.presence import NOON, OUT, SURE, follow, seen
from tests.factories.steps import catalogue

CAMPAIGNED = {"zones": [zone_document("cafe")], "campaigns": [campaign_document("coffee")]}
PLAIN = {"zones": [zone_document("cafe")], "campaigns": []}


def asked(presence, located=NOWHERE, *, location=True, **kinds):
    return pace_s(
        catalogue(**(kinds or CAMPAIGNED)), Installation(1, "phone", 7, location, presence), presence, located
    )


def after(*pings, **kinds):
    """What a phone is asked after these pings of (seconds, located)."""
    world = catalogue(**(kinds or CAMPAIGNED))
    presence, _ = follow(pings, world.places, dwells=world.dwells)
    return pace_s(world, Installation(1, "phone", 7, True, presence), presence, pings[-1][1])


def test_without_consent_there_is_nothing_to_hear():
    assert asked(Presence(), location=False) == 300


def test_nothing_heard_of_any_place_is_worth_a_look_now_and_then():
    assert asked(Presence()) == 30
    assert after((0, NOWHERE)) == 30


def test_far_from_all_zones():
    assert after((0, OUT)) == 30


def test_in_a_zone_that_a_campaign_waits_for():
    assert after((0, SURE)) == 5


def test_in_a_zone_that_no_campaign_waits_for():
    assert after((0, SURE), **PLAIN) == 10


@pytest.mark.parametrize("status", ["draft", "paused", "archived"])
def test_only_what_is_published_waits(status):
    campaign = campaign_document("coffee", status=status)
    assert after((0, SURE), zones=[zone_document("cafe")], campaigns=[campaign]) == 10


def test_a_campaign_may_wait_by_a_tag_and_for_any_move():
    trigger = trigger_document(tags=["food"], move="exited")
    tagged = zone_document("cafe", tags=["food"])
    assert after((0, SURE), zones=[tagged], campaigns=[campaign_document(trigger=trigger)]) == 5


def test_perhaps_in_a_zone_counts_as_near_it():
    assert after((0, seen(cafe=0.05))) == 5
    assert after((0, seen(cafe=0.05)), **PLAIN) == 10


def test_an_entry_to_be_confirmed_is_looked_at_soon():
    assert after((0, seen(cafe=0.6)), **PLAIN) == 3
    assert after((0, seen(cafe=0.6)), (3, seen(cafe=0.6)), **PLAIN) == 10


def test_who_has_begun_to_leave_is_looked_at_soon():
    assert after((0, SURE), (5, OUT), **PLAIN) == 3


def test_an_exit_that_is_held_for_an_hour_is_looked_at_soon_only_at_first():
    held = {"zones": [zone_document("cafe", exit_hold_s=3600)], "campaigns": []}
    assert after((0, SURE), (5, OUT), (35, OUT), **held) == 3
    assert after((0, SURE), (5, OUT), (36, OUT), **held) == 10


def test_near_a_zone_that_wants_to_be_approached():
    near = (Stay("shop/cafe#50", "inside", NOON, NOON),)
    assert asked(Presence(last_at=NOON, near=near), **PLAIN) == 5


def test_in_a_sensitive_zone_nothing_is_decided_wherever_else_one_is():
    chapel = zone_document("chapel", sensitive=True, geometry=square(columns=0.5))
    both = {"zones": [zone_document("cafe"), chapel], "campaigns": [campaign_document()]}
    assert after((0, seen(cafe=0.96, chapel=0.96)), **both) == 60


def test_a_threshold_of_dwell_is_met_by_the_next_ping():
    dwells = {"zones": [zone_document("cafe", dwell_s=[60])], "campaigns": []}
    assert after((0, SURE), (50, SURE), **dwells) == 10
    assert after((0, SURE), (54, SURE), **dwells) == 7
    assert after((0, SURE), (59, SURE), **dwells) == 2
    assert after((0, SURE), (60, SURE), **dwells) == 10


def test_a_zone_that_is_gone_interests_nobody():
    stay = Stay("shop/gone", "inside", NOON, NOON)
    assert asked(Presence(last_at=NOON, stays=(stay,))) == 30


def test_the_same_phone_is_always_asked_the_same():
    presence = Presence(last_at=NOON, stays=(Stay("shop/cafe", "inside", NOON - timedelta(hours=1), NOON),))
    assert {asked(presence) for _ in range(20)} == {5}


@pytest.mark.parametrize(
    ("delay_s", "pace"), [(0.0, 5), (0.01, 5), (0.05, 6), (0.25, 10), (0.5, 15), (0.75, 20), (100.0, 20)]
)
def test_load_stretches_it_up_to_four_times(delay_s, pace):
    assert stretched(5, delay_s) == pace


def test_the_hop_to_the_thread_that_decides_is_no_load():
    assert stretched(300, 0.024) == 300
    assert stretched(300, 0.025) == 330
