"""A sensitive zone leaves nothing behind: no move, no decision, no visit; only where the phone is, while it is."""

import pytest

from tests.factories.catalogue import campaign_document, square, trigger_document, zone_document


@pytest.fixture
def shop(shop):
    shop.configure(
        zones=[
            zone_document("store", geometry=square(columns=8, rows=4), exit_hold_s=0),
            zone_document("clinic", geometry=square(columns=2, rows=2), sensitive=True, exit_hold_s=0),
            zone_document("toys", geometry=square(4, columns=2, rows=2), exit_hold_s=0),
        ],
        campaigns=[
            campaign_document("named", trigger=trigger_document("shop/clinic")),
            campaign_document("leaving", trigger=trigger_document("shop/clinic", move="exited")),
            campaign_document("around", trigger=trigger_document("shop/store")),
            campaign_document("toy", trigger=trigger_document("shop/toys")),
        ],
    )
    shop.phone("anna")
    return shop


def visits(shop):
    return shop.rows("SELECT memory -> 'visits' FROM customers")[0][0]


def test_a_stay_leaves_no_move_no_decision_and_no_visit(shop):
    inside = shop.ping("anna", "1", column=1, row=1)
    assert [event["zone"] for event in inside["events"]] == ["store"]
    assert inside["decisions"] == []
    assert "shop/clinic" in visits(shop)
    shop.clock.advance(seconds=20)
    shop.ping("anna", "2", column=9, row=9)
    assert "shop/clinic" not in visits(shop)
    assert shop.rows("SELECT count(*) FROM moves WHERE zone = 'clinic'") == [(0,)]
    assert shop.rows("SELECT count(*) FROM decisions") == [(0,)]


def test_offers_are_made_again_as_soon_as_one_has_left(shop):
    shop.ping("anna", "1", column=1, row=1)
    shop.clock.advance(seconds=20)
    answer = shop.ping("anna", "2", column=5, row=1)
    assert [one["campaign"] for one in answer["decisions"]] == ["toy"]


def test_another_phone_of_the_customer_brings_no_offer_meanwhile(shop):
    shop.phone("watch", customer="of-anna")
    shop.ping("anna", "1", column=1, row=1)
    answer = shop.ping("watch", "1", column=5, row=1)
    assert {event["zone"] for event in answer["events"]} == {"store", "toys"}
    assert answer["decisions"] == []


def test_a_zone_that_becomes_sensitive_is_so_for_those_inside(shop):
    shop.ping("anna", "1", column=5, row=1)
    shop.configure(
        sites=[],
        zones=[zone_document("toys", geometry=square(4, columns=2, rows=2), sensitive=True, exit_hold_s=0)],
    )
    shop.clock.advance(seconds=20)
    answer = shop.ping("anna", "2", column=9, row=9)
    assert [event["zone"] for event in answer["events"]] == ["store"]
    assert "shop/toys" not in visits(shop)
