"""Requests in one transaction do not see each other's trouble, and a retry that overtakes gets its answer."""

import msgspec
import pytest
from flask import current_app

from beacon_service.auth import bearer_hash, token_hash
from beacon_service.errors import Contended, Problem, RateLimited
from beacon_service.pings import deciding, sql
from beacon_service.pings.schema import parse
from tests.factories.catalogue import campaign_document, cap_document, zone_document


@pytest.fixture
def cafe(shop):
    """A cafe with an offer of coffee; Anna and Ben have the app."""
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    shop.phone("ben")
    return shop


@pytest.fixture
def asked(shop):
    """A request of a phone that is in the cafe."""

    def ask(phone, *, ping_id="1", token_of=None):
        encoded = msgspec.json.encode({"installation_id": phone, "pings": [shop.ping_body(ping_id)]})
        return call(shop, encoded, token_of or phone)

    return ask


def call(shop, encoded, token_of):
    key, token = bearer_hash(f"Bearer {shop.publishable}"), token_hash(shop.tokens[token_of])
    return deciding.Call(parse(encoded, most_pings=10), key, token, "127.0.0.1", shop.clock.now())


@pytest.fixture
def group(shop):
    """Decides several phones' requests as one group, as if they had arrived together."""

    def decide(*calls):
        with shop.app.test_request_context("/v1/pings"):
            assert current_app
            return deciding.decide_together(calls)

    return decide


@pytest.fixture
def anna_locked(cafe, monkeypatch):
    """Somebody holds the row of Anna's customer, and whoever comes upon it does not wait."""
    monkeypatch.setattr(sql, "LOCK_CUSTOMERS", sql.LOCK_CUSTOMERS + " NOWAIT")
    with cafe.connect() as other:
        other.autocommit = False
        other.execute(
            "SELECT FROM customers c JOIN installations i ON i.customer_key = c.key WHERE i.id = 'anna' FOR UPDATE OF c"
        )
        yield
        other.rollback()


def said_by(answer):
    return [result.status for result in answer.results], [one.campaign for one in answer.decisions]


def test_each_request_is_answered_for_itself(shop, asked, group):
    capped = campaign_document(
        "coffee", caps=[cap_document(limit=1, subject="total", window={"kind": "lifetime"})]
    )
    shop.configure(zones=[zone_document("cafe")], campaigns=[capped])
    first, second = group(asked(shop.phone("anna")), asked(shop.phone("ben")))
    assert said_by(first) == (["accepted"], ["coffee"])
    assert said_by(second) == (["accepted"], [])
    assert {event.installation_id for event in first.events} == {"anna"}


def test_a_wrong_token_fails_alone(cafe, asked, group):
    good, bad = group(asked("anna"), asked("ben", token_of="anna"))
    assert said_by(good) == (["accepted"], ["coffee"])
    assert isinstance(bad, Problem)
    assert bad.code == "token_wrong"
    assert cafe.rows("SELECT count(*) FROM pings") == [(1,)]


def test_a_retry_that_overtakes_its_first_try_brings_the_same_offer(cafe, asked, group):
    first, retry = group(asked("anna"), asked("anna"))
    assert said_by(first) == (["accepted"], ["coffee"])
    assert said_by(retry) == (["duplicate"], ["coffee"])
    assert retry.decisions == first.decisions
    assert cafe.rows("SELECT count(*) FROM grants") == [(1,)]


def test_one_that_breaks_the_transaction_does_not_break_its_neighbours(cafe, asked, group):
    with cafe.connect() as connection:
        ben_key = connection.execute("SELECT key FROM installations WHERE id = 'ben'").fetchone()[0]
        connection.execute(
            f"ALTER TABLE presence ADD CONSTRAINT poisoned CHECK (installation_key <> {ben_key})"
        )
    try:
        good, bad = group(asked("anna"), asked("ben"))
    finally:
        with cafe.connect() as connection:
            connection.execute("ALTER TABLE presence DROP CONSTRAINT poisoned")
    assert said_by(good) == (["accepted"], ["coffee"])
    assert isinstance(bad, Exception)
    assert cafe.rows("SELECT installation_key = %s FROM pings", ben_key) == [(False,)]


def test_two_of_a_kind_in_one_request_share_their_verdict(shop):
    shop.configure(zones=[zone_document("cafe")])
    anna = shop.phone("anna", location=False)
    ping = shop.ping_body("1")
    results = shop.post(anna, ping, ping).json["results"]
    assert [(one["status"], one["reasons"]) for one in results] == [("rejected", ["no_location_consent"])] * 2


@pytest.mark.usefixtures("anna_locked")
def test_a_call_that_waits_for_a_locked_customer_does_not_keep_its_neighbours(asked, group):
    """Whoever holds a row for too long is a trouble of that row's customer alone."""
    blocked, served = group(asked("anna"), asked("ben"))
    assert isinstance(blocked, Contended)
    assert [result.status for result in served.results] == ["accepted"]


@pytest.mark.usefixtures("anna_locked")
def test_a_group_that_was_taken_apart_is_answered_in_bounded_time(cafe, asked, group, monkeypatch):
    """The first of them waits for its customer's lock for longer than all may take; the other is told to come again."""
    now = [0.0]
    decide = deciding._decide

    def slowly(calls, counted):
        now[0] += deciding.LONGEST_APART_S + 1
        return decide(calls, counted)

    monkeypatch.setattr(deciding, "_decide", slowly)
    monkeypatch.setattr(deciding, "monotonic", lambda: now[0])
    blocked, late = group(asked("anna"), asked("ben"))
    assert isinstance(blocked, Contended)
    assert (late.code, late.retry_after_s) == ("service_unavailable", 2)
    assert cafe.rows("SELECT count(*) FROM pings") == [(0,)]


def test_a_limit_that_was_reached_holds_when_the_transaction_begins_anew(cafe, asked, group):
    group(asked("ben", ping_id="0"))
    gate = cafe.app.extensions["beacon_gate"]
    while gate.rates._installations.wait_s("anna", gate.clock.now().timestamp()) == 0.0:
        pass
    cafe.configure(zones=[zone_document("tills")])  # this process does not know of it yet
    limited, served = group(asked("anna"), asked("ben"))
    assert isinstance(limited, RateLimited)
    assert [result.status for result in served.results] == ["accepted"]
    assert cafe.rows("SELECT count(*) FROM pings") == [(2,)]


def test_time_spent_waiting_here_is_not_taken_for_a_wrong_clock(shop, group):
    anna = shop.phone("anna")
    body = {"installation_id": anna, "sent_at": shop.clock.now(), "pings": [shop.ping_body("1")]}
    arrived = call(shop, msgspec.json.encode(body), anna)
    shop.clock.advance(seconds=40)
    (answer,) = group(arrived)
    assert [result.status for result in answer.results] == ["accepted"]
    assert shop.rows("SELECT offset_ms FROM pings") == [(0,)]
