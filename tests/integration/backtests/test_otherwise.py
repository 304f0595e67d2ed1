"""A change of the configuration shows where it should, and nowhere else."""

from datetime import timedelta

import pytest

from beacon_service.backtests.model import Instead
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    square,
    trigger_document,
    zone_document,
)
from tests.factories.people import People
from tests.factories.replayed import ran, snapshot

NAMES = ("anna", "ben", "carla")
CAFE, BAR = zone_document("cafe", exit_hold_s=0), zone_document("bar", geometry=square(3, 0), exit_hold_s=0)
ONCE = [cap_document(1, window={"kind": "lifetime"})]
COFFEE = campaign_document("coffee", trigger=trigger_document("shop/cafe"), caps=ONCE)
BEER = campaign_document("beer", trigger=trigger_document("shop/bar"))
OUTSIDE, IN_CAFE, IN_BAR = 9, 0.5, 3.5


@pytest.fixture
def shop(app, clock):
    return People(app, clock)


@pytest.fixture
def history(shop):
    """Each of three is three times in the café, for 40 s, and once in the bar; no worker looks. Answers the beginning."""
    began_at = shop.clock.now()
    shop.configure(zones=[CAFE, BAR], campaigns=[COFFEE, BEER])
    for name in NAMES:
        assert shop.register(name).status_code == 201
        assert shop.identify(name, f"is-{name}").status_code == 200
    for visit, column in enumerate((IN_CAFE, IN_CAFE, IN_CAFE, IN_BAR)):
        for second, where in ((0, column), (20, column), (40, column), (50, OUTSIDE), (60, OUTSIDE)):
            shop.clock.now_at = began_at + timedelta(minutes=20 * visit, seconds=second)
            for name in NAMES:
                shop.ping(name, f"{visit}-{second}", column=where)
    shop.clock.now_at += timedelta(minutes=10)
    return began_at


def campaign(body, **fields):
    return Instead("campaign", body["id"], body | fields)


def told(examples):
    """(kind, campaign, zone, minutes and seconds since the first entry)"""
    first = min((one.at for one in examples), default=None)
    return sorted((one.kind, one.campaign, one.zone, (one.at - first).total_seconds()) for one in examples)


def test_a_raised_cap_gains_the_offers_that_it_stood_in_the_way_of(shop, history):
    twice = [cap_document(2, window={"kind": "lifetime"})]
    report, examples = ran(shop, history, instead=[campaign(COFFEE, caps=twice)])
    assert told(examples) == [("gained", "coffee", "cafe", 0.0)] * 3
    assert {one.at - history for one in examples} == {timedelta(minutes=20)}
    assert report["campaigns"]["coffee"] == {
        "offers": [3, 6],
        "cost": [0, 0],
        "gained": 3,
        "lost": 0,
        "capped": {"cap": [6, 3]},
        "reasons": [{"before": "cap", "after": "offered", "moments": 3}],
    }
    assert "beer" in report["campaigns"]
    assert report["campaigns"]["beer"]["gained"] == report["campaigns"]["beer"]["lost"] == 0
    assert (report["kinds"], report["moves"]) == ({"gained": 3}, {})
    assert report["customers"]["more"] == 3


def test_a_campaign_that_is_taken_away_loses_its_offers_and_no_other_does(shop, history):
    report, examples = ran(shop, history, instead=[Instead("campaign", "beer", None)])
    assert told(examples) == [("lost", "beer", "bar", 0.0)] * 3
    assert report["campaigns"]["coffee"]["offers"] == [3, 3]


def test_one_that_comes_first_takes_the_place_of_another(shop, history):
    tea = campaign_document("tea", trigger=trigger_document("shop/cafe"), priority=5, caps=ONCE)
    report, examples = ran(shop, history, instead=[campaign(tea)])
    # At the second visit tea has been had, and coffee has its turn.
    assert (
        told(examples) == [("changed", "tea", "cafe", 0.0)] * 3 + [("gained", "coffee", "cafe", 1200.0)] * 3
    )
    assert report["campaigns"]["tea"]["gained"] == report["campaigns"]["coffee"]["lost"] == 3


def test_a_dwell_that_nobody_waited_for_comes_about_by_a_timer_of_the_replays_own(shop, history):
    linger = campaign_document("linger", trigger=trigger_document("shop/bar", move="dwelled", dwell_s=30))
    _, examples = ran(shop, history, instead=[campaign(linger)])
    assert told(examples) == [("gained", "linger", "bar", 0.0)] * 3
    assert {one.at - history for one in examples} == {timedelta(minutes=60, seconds=30)}
    late_s = [(_decided_at(one) - one.at).total_seconds() for one in examples]
    assert max(late_s) < 15


def _decided_at(example):
    return type(example.at).fromisoformat(example.after["decided_at"])


def test_what_is_put_off_is_decided_when_it_is_due(shop, history):
    later = campaign_document("later", trigger=trigger_document("shop/bar", delay_s=25))
    left = campaign_document(
        "left", trigger=trigger_document("shop/bar", delay_s=55, recheck="still_in_zone"), priority=1
    )
    report, examples = ran(shop, history, instead=[campaign(later), campaign(left)])
    assert [one.campaign for one in examples] == ["later"] * 3
    assert {"before": "not_asked", "after": "left", "moments": 3} in report["campaigns"]["left"]["reasons"]


def test_a_zone_that_is_drawn_elsewhere_is_entered_by_others(shop, history):
    moved = BAR | {"geometry": square(0, 0)}
    report, examples = ran(shop, history, instead=[Instead("zone", "shop/bar", moved)])
    assert report["moves"]["shop/bar"]["entered"] == [3, 9]
    assert sorted(one.kind for one in examples).count("lost") >= 3
    assert report["zones"]["shop/bar"][0] == 3


def test_an_event_triggers_a_campaign_that_is_not_there_yet(shop, history):
    at = shop.clock.now().isoformat()
    body = {"events": [{"type": "purchase", "at": at, "event_id": "bought"}]}
    assert shop.ask("POST", "/v1/customers/is-anna/events", body).status_code == 200
    shop.clock.now_at += timedelta(minutes=5)
    shop.ping("ben", "afterwards", column=OUTSIDE)
    thanks = campaign_document("thanks", trigger=trigger_document(move=None, event="purchase", delay_s=60))
    _, examples = ran(shop, history, instead=[campaign(thanks)])
    assert [(one.kind, one.campaign, one.zone) for one in examples] == [("gained", "thanks", None)]


def test_a_budget_is_spent_virtually_and_in_order(shop, history):
    four = campaign(COFFEE, caps=[], budget={"total": 4, "per_day": None})
    report, examples = ran(shop, history, instead=[four])
    assert report["campaigns"]["coffee"]["offers"] == [3, 4]
    assert report["campaigns"]["coffee"]["capped"] == {"cap": [6, 0], "budget": [0, 5]}
    assert [one.kind for one in examples] == ["gained"]


def test_nothing_is_written(shop, history):
    tables = ("decisions", "grants", "tallies", "moves", "presence", "waiting", "deliveries")
    before = [
        shop.rows(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {one} t")
        for one in tables
    ]
    ran(shop, history, instead=[campaign(COFFEE, caps=[], offers=[offer_document("other")])])
    after = [
        shop.rows(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {one} t")
        for one in tables
    ]
    assert before == after


def test_it_may_begin_with_a_snapshot(shop, history):
    snapshot(shop)
    middle_at = shop.clock.now() + timedelta(seconds=1)
    for second, column in ((10, IN_CAFE), (20, IN_CAFE)):
        shop.clock.now_at = middle_at + timedelta(seconds=second)
        shop.ping("anna", f"again-{second}", column=column)
    report, examples = ran(shop, middle_at, instead=[campaign(COFFEE, caps=[])])
    assert [(one.kind, one.campaign) for one in examples] == [("gained", "coffee")]
    assert report["from_snapshot_at"] is not None
    # What was granted before is known: a cap of two is not used up by one, and one of one is.
    assert ran(shop, middle_at, instead=[campaign(COFFEE)])[1] == []
    twice = [cap_document(2, window={"kind": "lifetime"})]
    assert len(ran(shop, middle_at, instead=[campaign(COFFEE, caps=twice)])[1]) == 1
