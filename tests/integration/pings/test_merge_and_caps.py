"""Saying who one is must not be a way to the same offer twice."""

import pytest

from tests.factories.catalogue import campaign_document, cap_document, trigger_document, zone_document
from tests.factories.people import People


@pytest.fixture
def people(app, clock):
    return People(app, clock)


def entering(people, phone, ping_id):
    """A visit to the café, half an hour after whatever was before: (the offers made, why campaigns lost)."""
    people.clock.advance(minutes=30)
    answer = people.post(phone, people.ping_body(ping_id)).json
    assert [event["type"] for event in answer["events"]] == ["entered"], answer
    ((at, reasons),) = people.rows("SELECT decided_at, reasons FROM decisions ORDER BY seq DESC LIMIT 1")
    assert at == people.clock.now()
    people.clock.advance(minutes=1)
    people.post(phone, people.ping_body(f"{ping_id}-gone", column=9, row=9))
    return [one["campaign"] for one in answer["decisions"]], reasons


def configure(people, *, limit, **fields):
    capped = campaign_document("coffee", caps=[cap_document(limit, **fields)])
    people.configure(zones=[zone_document("cafe", exit_hold_s=0)], campaigns=[capped])


def test_what_was_offered_before_identifying_counts_after(people):
    configure(people, limit=1)
    people.register("phone")
    assert entering(people, "phone", "1") == (["coffee"], {})
    assert people.identify("phone", "anna").json["merged"] is True
    assert entering(people, "phone", "2") == ([], {"coffee": "cap"})


def test_the_offers_of_both_add_up(people):
    configure(people, limit=3)
    people.register("phone")
    people.identify("phone", "anna")
    assert entering(people, "phone", "1") == (["coffee"], {})
    people.register("watch")
    assert entering(people, "watch", "1") == (["coffee"], {})
    people.identify("watch", "anna")
    assert entering(people, "watch", "2") == (["coffee"], {})
    assert entering(people, "phone", "2") == ([], {"coffee": "cap"})


def test_a_cap_that_the_merge_exceeds_blocks_and_nothing_is_deleted(people):
    configure(people, limit=1)
    for phone in ("phone", "watch"):
        people.register(phone)
        assert entering(people, phone, "1") == (["coffee"], {})
        people.identify(phone, "anna")
    assert entering(people, "watch", "2") == ([], {"coffee": "cap"})
    assert people.rows("SELECT count(*) FROM grants") == [(2,)]
    assert people.rows("SELECT count(DISTINCT customer_key) FROM grants") == [(1,)]


def test_visits_add_up_so_that_a_first_visit_is_not_had_twice(people):
    first = campaign_document("hello", trigger=trigger_document("shop/cafe", nth=1))
    people.configure(zones=[zone_document("cafe", exit_hold_s=0)], campaigns=[first])
    for phone in ("phone", "watch"):
        people.register(phone)
        assert entering(people, phone, "1") == (["hello"], {})
        people.identify(phone, "anna")
    assert entering(people, "watch", "2") == ([], {"hello": "visit"})
    assert people.rows("SELECT max(visit) FROM decisions") == [(3,)]


def test_a_phone_that_goes_from_one_named_customer_to_another_leaves_the_ledger_behind(people):
    configure(people, limit=1)
    people.register("phone")
    people.customer("ben", consents={"marketing": True})
    people.identify("phone", "anna")
    assert entering(people, "phone", "1") == (["coffee"], {})
    assert people.identify("phone", "ben").json["merged"] is False
    assert entering(people, "phone", "2") == (["coffee"], {})
