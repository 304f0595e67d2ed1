from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from beacon_service.web.paging import encode_cursor
from tests.factories.brand import faults
from tests.factories.catalogue import campaign_document, zone_document
from tests.factories.ledger import decide


def happened(brand, *, ago=timedelta(hours=1), type_="purchase", **fields):
    return {"type": type_, "at": (brand.clock.now() - ago).isoformat()} | fields


def report(brand, *events, customer="anna", **about):
    body = {"events": list(events)} if len(events) != 1 else events[0]
    return brand.ask("POST", f"/v1/customers/{customer}/events", body, **about)


def verdicts(response):
    assert response.status_code == 200, response.text
    return [" ".join([one["status"], *one["reasons"]]) for one in response.json["results"]]


def summary(brand, customer="anna"):
    ((events,),) = brand.rows("SELECT events FROM customers WHERE id = %s", customer)
    return events


def test_a_purchase_is_kept_and_summed_up(brand):
    items = [{"id": "beans", "quantity": 2, "amount": 8.5}, {"id": "cup"}]
    bought = happened(brand, event_id="order-1", amount=17.35, currency="EUR", items=items)
    assert report(brand, bought).json == {
        "results": [{"event_id": "order-1", "status": "accepted", "reasons": []}]
    }
    (row,) = brand.rows(
        "SELECT type, at, received_at, amount, currency, items FROM events WHERE event_id = 'order-1'"
    )
    at = brand.clock.now() - timedelta(hours=1)
    kept = [{"id": "beans", "quantity": 2.0, "amount": "8.5"}, {"id": "cup", "quantity": 1.0}]
    assert row == ("purchase", at, brand.clock.now(), Decimal("17.3500"), "EUR", kept)
    assert summary(brand) == {
        "purchase": {"total": 1, "last_at": "2026-06-03T11:00:00Z", "days": {"2026-06-03": 1}}
    }


def test_who_is_not_known_yet_becomes_known_by_it(brand):
    assert verdicts(report(brand, happened(brand), customer="from-the-till")) == ["accepted"]
    assert brand.ask("GET", "/v1/customers/from-the-till").status_code == 200


def test_a_retry_counts_once_and_an_id_names_one_event(brand):
    one, other = happened(brand, event_id="order-1"), happened(brand, event_id="order-1", type_="call")
    assert verdicts(report(brand, one, one, other)) == ["accepted", "duplicate", "rejected id_reused"]
    assert verdicts(report(brand, one)) == ["duplicate"]
    assert verdicts(report(brand, one, customer="ben")) == ["rejected id_reused"]
    assert summary(brand)["purchase"]["total"] == 1
    assert summary(brand, "ben") == {}


def test_without_an_id_every_report_is_an_event_of_its_own(brand):
    assert verdicts(report(brand, happened(brand), happened(brand))) == ["accepted", "accepted"]
    assert summary(brand)["purchase"]["total"] == 2


def test_what_cannot_have_happened_is_rejected_and_the_rest_is_kept(brand):
    tomorrow = happened(brand, ago=-timedelta(minutes=2, seconds=1))
    just_ahead = happened(brand, ago=-timedelta(minutes=2))
    strange = happened(brand, decision_id="0197f0c0-0000-7000-8000-000000000000")
    assert verdicts(report(brand, tomorrow, just_ahead, strange)) == [
        "rejected too_new",
        "accepted",
        "rejected unknown_decision",
    ]


def test_an_event_may_name_the_offer_that_led_to_it_if_it_was_the_customers(brand):
    brand.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    brand.phone("phone-1", customer="anna")
    decision = decide(brand, "phone-1")
    assert verdicts(report(brand, happened(brand, decision_id=decision))) == ["accepted"]
    assert verdicts(report(brand, happened(brand, decision_id=decision), customer="ben")) == [
        "rejected unknown_decision"
    ]
    assert brand.rows("SELECT decision_id::text FROM events") == [(decision,)]


def test_a_customer_has_at_most_fifty_types_of_them(brand):
    many = [happened(brand, type_=f"type-{number}") for number in range(51)]
    assert verdicts(report(brand, *many)) == ["accepted"] * 50 + ["rejected too_many_types"]
    assert verdicts(report(brand, happened(brand, type_="type-7"))) == ["accepted"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"at": "2026-06-03T10:00:00Z"}, "/"),
        ({"type": "purchase", "at": 5}, "/at"),
        ({"type": "purchase", "at": "0001-01-01T00:00:00+05:00"}, "/at"),
        ({"type": "purchase", "at": "9999-12-31T23:59:59-05:00"}, "/at"),
        ({"type": "a b", "at": "2026-06-03T10:00:00Z"}, "/type"),
        ({"type": "purchase", "at": "2026-06-03T10:00:00Z", "amount": 5}, "/"),
        ({"type": "purchase", "at": "2026-06-03T10:00:00Z", "amount": 1.23456, "currency": "EUR"}, "/amount"),
        ({"type": "purchase", "at": "2026-06-03T10:00:00Z", "amount": 5, "currency": "euro"}, "/currency"),
        ({"type": "purchase", "at": "2026-06-03T10:00:00Z", "price": 5}, "/price"),
        ({"type": "purchase", "events": []}, "/events"),
        ({"events": [{"type": "purchase"}]}, "/events/0/at"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(brand, body, where):
    assert where in faults(brand.ask("POST", "/v1/customers/anna/events", body))
    assert brand.rows("SELECT count(*) FROM customers") == [(0,)]


def test_they_are_logged_in_the_order_of_things(brand):
    report(brand, happened(brand, event_id="order-1"))
    ((kind, body, now, seq, last_seq),) = brand.rows(
        "SELECT kind, body, now, seq, last_seq FROM changes JOIN customers ON key = customer_key"
    )
    said = {"event_id": "order-1", "type": "purchase", "at": "2026-06-03T11:00:00+00:00"}
    assert (kind, body, now, seq) == ("event", {"events": [said]}, brand.clock.now(), last_seq)
    assert brand.rows("SELECT seq FROM events") == [(seq,)]


def test_a_till_needs_no_more_than_the_scope_for_outcomes(brand, app):
    assert report(brand, happened(brand), key=brand.publishable).json["code"] == "secret_key_required"


def test_of_many_reports_at_once_none_is_lost_or_counted_twice(brand):
    def send(number):
        return verdicts(report(brand, happened(brand, event_id=f"order-{number % 10}")))[0]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(send, range(40)))
    assert sorted(told) == ["accepted"] * 10 + ["duplicate"] * 30
    assert summary(brand)["purchase"]["total"] == 10


def test_what_an_anonymous_customer_did_goes_over_with_them(brand):
    brand.register("phone-1")
    ((anonymous,),) = brand.rows("SELECT id FROM customers")
    report(brand, happened(brand, event_id="before", ago=timedelta(days=2)), customer=anonymous)
    report(brand, happened(brand, event_id="elsewhere"))
    brand.identify("phone-1", "anna")
    assert summary(brand) == {
        "purchase": {
            "total": 2,
            "last_at": "2026-06-03T11:00:00Z",
            "days": {"2026-06-01": 1, "2026-06-03": 1},
        }
    }
    exported = brand.ask("GET", "/v1/customers/anna/export").json["events"]
    assert [one["event_id"] for one in exported] == ["before", "elsewhere"]
    assert verdicts(report(brand, happened(brand, event_id="before", ago=timedelta(days=2)))) == ["duplicate"]


def test_they_are_listed_newest_first_page_by_page(brand):
    report(
        brand,
        happened(brand, event_id="old", ago=timedelta(days=2)),
        happened(brand, event_id="b", amount=-5.5, currency="EUR", items=[{"id": "cup"}]),
        happened(brand, event_id="a"),
    )
    report(brand, happened(brand, event_id="bens"), customer="ben")
    first = brand.ask("GET", "/v1/customers/anna/events?limit=2").json
    assert [one["event_id"] for one in first["items"]] == ["b", "a"]
    assert first["items"][0] == {
        "event_id": "b",
        "type": "purchase",
        "at": "2026-06-03T11:00:00Z",
        "received_at": "2026-06-03T12:00:00Z",
        "amount": -5.5,
        "currency": "EUR",
        "items": [{"id": "cup", "quantity": 1.0}],
        "decision_id": None,
    }
    rest = brand.ask("GET", f"/v1/customers/anna/events?limit=2&cursor={first['next_cursor']}").json
    assert ([one["event_id"] for one in rest["items"]], rest["next_cursor"]) == (["old"], None)
    assert brand.ask("GET", "/v1/customers/nobody/events").status_code == 404
    assert brand.ask("GET", f"/v1/customers/anna/events?cursor={encode_cursor('x y')}").status_code == 400
