from datetime import UTC, datetime, time, timedelta

import pytest

from beacon_service.campaigns.model import Cap, Offer, Policy, Product, Trigger, Window
from beacon_service.campaigns.programme import Programme
from beacon_service.hours import WeeklyHours
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    documents,
    offer_document,
    places,
    policy_document,
    product_document,
    programme,
    site_document,
    trigger_document,
    zone_document,
)
from tests.factories.people_and_rules import person


def zone(id_="cafe", *, site="shop", **fields):
    found = places(sites=[site_document(site)], zones=[zone_document(id_, site=site, **fields)])
    return found.zones[f"{site}/{id_}"]


def candidates(found, within, move="entered", dwell_s=None):
    return [campaign.id for campaign in found.triggers.candidates(within, move, dwell_s)]


def test_a_campaign_is_a_candidate_in_the_zones_that_it_names():
    found = programme(campaign_document("tea", trigger=trigger_document("shop/cafe", "shop/toys")))

    assert candidates(found, zone("cafe")) == ["tea"]
    assert candidates(found, zone("wine")) == []
    assert candidates(found, zone("cafe", site="mall")) == []
    assert candidates(found, zone("cafe"), move="exited") == []


def test_a_tag_names_zones_at_every_site_or_at_one():
    found = programme(
        campaign_document("everywhere", trigger=trigger_document(tags=["food"])),
        campaign_document("here", trigger=trigger_document(tags=["food", "drink"], site="shop")),
    )

    assert candidates(found, zone(tags=["food", "drink"])) == ["everywhere", "here"]
    assert candidates(found, zone(tags=["food"], site="mall")) == ["everywhere"]
    assert candidates(found, zone(tags=["toys"])) == []


def test_candidates_stand_in_the_order_of_their_ids():
    found = programme(
        campaign_document("b"),
        campaign_document("c", trigger=trigger_document(tags=["food"])),
        campaign_document("a"),
    )

    assert candidates(found, zone(tags=["food"])) == ["a", "b", "c"]


def test_a_dwell_campaign_waits_for_its_own_threshold():
    found = programme(
        campaign_document("wine", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=20))
    )

    assert candidates(found, zone(), "dwelled", 20) == ["wine"]
    assert candidates(found, zone(), "dwelled", 60) == []


@pytest.mark.parametrize(
    ("status", "expected"), [("draft", []), ("paused", ["coffee"]), ("ended", ["coffee"])]
)
def test_drafts_are_no_candidates_but_paused_and_ended_campaigns_lose_by_name(status, expected):
    assert candidates(programme(campaign_document(status=status)), zone()) == expected


def test_a_stay_arms_the_thresholds_of_its_zone_and_of_published_campaigns():
    dwelled = {"move": "dwelled", "tags": ["stop"]}
    found = programme(
        campaign_document("named", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=60)),
        campaign_document("tagged", trigger=trigger_document(**dwelled, dwell_s=20)),
        campaign_document("paused", trigger=trigger_document(**dwelled, dwell_s=99), status="paused"),
    )

    assert found.triggers.dwells(zone(tags=["stop"], dwell_s=[600, 60])) == (20, 60, 600)
    assert found.triggers.dwells(zone("toys")) == ()


def test_a_campaign_of_approaches_waits_for_its_own_distance():
    approached = {"move": "approached", "tags": ["stop"]}
    found = programme(
        campaign_document("near", trigger=trigger_document("shop/cafe", move="approached", within_m=50)),
        campaign_document("tagged", trigger=trigger_document(**approached, within_m=20)),
        campaign_document("paused", trigger=trigger_document(**approached, within_m=99), status="paused"),
        campaign_document("dwell", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=50)),
    )

    assert found.triggers.nears(zone(tags=["stop"])) == (20, 50)
    assert found.triggers.nears(zone("toys")) == ()
    assert found.triggers.nears(zone(tags=["stop"], sensitive=True)) == ()
    assert candidates(found, zone(), "approached", 50) == ["near"]
    assert candidates(found, zone(), "dwelled", 50) == ["dwell"]
    assert candidates(found, zone(), "approached", 60) == []


def test_a_campaign_is_read_whole():
    body = campaign_document(
        revision=7,
        priority=3,
        starts_at="2026-06-01T08:00:00Z",
        trigger=trigger_document("shop/cafe", tags=["food"], site="shop", nth=2),
        audience={"attribute": "loyalty", "op": "eq", "value": "gold"},
        dayparts=[{"days": ["mon", "sun"], "from": "22:00", "to": "02:30"}],
        caps=[cap_document(3, subject="total", window={"kind": "calendar", "unit": "week"}, tz="Asia/Tokyo")],
        budget={"total": 100, "per_day": None},
        hold_out=0.1,
        offers=[offer_document(link="https://shop.example/", expires_after_s=60)],
    )
    campaign = programme(body).campaigns["coffee"]

    assert (campaign.revision, campaign.priority, campaign.hold_out) == (7, 3, 0.1)
    assert (campaign.starts_at, campaign.ends_at) == (datetime(2026, 6, 1, 8, tzinfo=UTC), None)
    assert campaign.trigger == Trigger(
        "entered", frozenset({"shop/cafe"}), frozenset({"food"}), "shop", None, 2
    )
    assert campaign.audience(person(attributes={"loyalty": "gold"}))
    assert not campaign.audience(person())
    assert campaign.dayparts == (WeeklyHours(frozenset({0, 6}), time(22), time(2, 30)),)
    assert campaign.caps == (
        Cap("campaign", "total", 3, "decided", Window("calendar", 1, "week"), "Asia/Tokyo"),
    )
    assert (campaign.budget.total, campaign.budget.per_day) == (100, None)
    assert campaign.offers == (
        Offer(
            "coffee", "Coffee", "A cup is on us.", None, "https://shop.example/", None, timedelta(minutes=1)
        ),
    )


def test_an_edit_changes_what_it_names():
    before = programme(campaign_document("a"), campaign_document("b"), policy=policy_document(hold_out=0.05))
    after = before.updated(documents(deleted=[("campaign", "a")]))

    assert candidates(after, zone()) == ["b"]
    assert after.policy.hold_out == 0.05
    assert after.updated(documents(deleted=[("policy", "policy")])).policy == Policy()
    assert candidates(before, zone()) == ["a", "b"]


def test_the_contact_policy_is_read():
    found = Programme().updated(documents(policy=policy_document(cap_document(5), hold_out=0.1)))

    assert found.policy == Policy(
        (Cap("all", "customer", 5, "decided", Window("rolling", 1, "day"), "site"),), 0.1
    )


def test_products_are_those_of_the_version():
    before = Programme().updated(documents(products=[product_document(price="9.50", currency="EUR")]))
    after = before.updated(documents(products=[product_document(name="Decaf"), product_document("tea")]))
    assert before.products == {"beans": Product("beans", "Beans", (), "9.50", "EUR")}
    assert after.products == {"beans": Product("beans", "Decaf"), "tea": Product("tea", "Beans")}
    assert after.updated(documents(deleted=[("product", "tea")])).products.keys() == {"beans"}
