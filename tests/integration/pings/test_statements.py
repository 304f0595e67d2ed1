"""What a request costs the database, counted on the wire: statements and round trips, whatever the batch's size."""

import re
from contextlib import contextmanager

import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import event

from beacon_service.db import db
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    trigger_document,
    zone_document,
)

WARM_UP = 2  # each statement is prepared at its first use; from then on only its name is sent


@pytest.fixture
def wire(shop, tmp_path):
    """Counts (statements, round trips) of what runs inside."""

    @contextmanager
    def counted():
        path = tmp_path / "wire"
        counts = {}
        with shop.app.app_context(), path.open("w") as trace:
            engine = db.engine

            def begin(connection, _record, _proxy):
                connection.pgconn.trace(trace.fileno())

            def end(connection, _record):
                connection.pgconn.untrace()

            event.listen(engine, "checkout", begin)
            event.listen(engine, "checkin", end)
            yield counts
            event.remove(engine, "checkout", begin)
            event.remove(engine, "checkin", end)
        sent = re.findall(r"\tF\t\d+\t(\w+)(.*)", path.read_text())
        # Our statements are prepared and go by name; BEGIN, SAVEPOINT and COMMIT have none.
        counts["statements"] = sum(kind == "Bind" and "beacon_" in rest for kind, rest in sent)
        counts["round_trips"] = sum(kind == "Sync" for kind, _ in sent)

    return counted


def everything_at_once():
    """A campaign that makes a ping read and write all there is: own caps, shared caps of both kinds, a budget."""
    caps = [
        cap_document(limit=1000),
        cap_document(limit=1000, subject="total", window={"kind": "lifetime"}),
        cap_document(limit=1000, subject="total", window={"kind": "rolling", "n": 1, "unit": "hour"}),
    ]
    return campaign_document("coffee", caps=caps, budget={"total": 1000, "per_day": 1000})


@pytest.mark.parametrize("size", [1, 20, 100, 200])
def test_a_batch_in_which_every_ping_decides_takes_twelve_statements_in_four_round_trips(shop, wire, size):
    shop.configure(zones=[zone_document("cafe")], campaigns=[everything_at_once()])
    for turn in range(WARM_UP):
        for kind, phones in {"one": 1, "many": size}.items():
            names = [shop.phone(f"warm-{turn}-{kind}-{n}") for n in range(phones)]
            shop.post_many({name: [shop.ping_body("1")] for name in names})
    names = [shop.phone(f"p{n}") for n in range(size)]
    with wire() as counts:
        answer = shop.post_many({name: [shop.ping_body("1")] for name in names}).json
    assert len(answer["decisions"]) == size
    assert counts == {"statements": 12, "round_trips": 4}


@pytest.mark.parametrize("channel", ["webhook", "push"])
def test_what_leaves_by_another_channel_costs_no_statement_more(shop, wire, channel):
    campaign = everything_at_once() | {"channel": channel}
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign])
    with shop.connect() as connection:
        connection.execute("INSERT INTO webhooks VALUES ('till', 'https://shop.example/', true, '{}', 1)")
    for turn in range(WARM_UP):
        shop.post_many({shop.phone(f"warm-{turn}"): [shop.ping_body("1")]})
    phone = shop.phone("phone")
    with shop.connect() as connection:
        push = {"provider": "fcm", "token": "t"}
        connection.execute("UPDATE installations SET push = %s WHERE id = 'phone'", [Jsonb(push)])
    with wire() as counts:
        shop.post_many({phone: [shop.ping_body("1")]})
    assert counts == {"statements": 12, "round_trips": 4}
    sent = shop.rows(
        "SELECT endpoint FROM deliveries AS d JOIN installations AS i ON i.key = d.installation_key"
        " WHERE i.id = 'phone'"
    )
    assert sent == [("till" if channel == "webhook" else "fcm",)]


def test_a_ping_that_changes_nothing_takes_seven_statements_in_three_round_trips(shop, wire):
    shop.configure(zones=[zone_document("cafe")], campaigns=[everything_at_once()])
    phone = shop.phone()
    for number in range(4):
        shop.ping(phone, f"{number}")
        shop.clock.advance(seconds=5)
    with wire() as counts:
        shop.ping(phone, "last")
    assert counts == {"statements": 7, "round_trips": 3}


@pytest.mark.parametrize("size", [1, 20, 100, 200])
def test_a_batch_in_which_nobody_moves_takes_seven_statements_in_three_round_trips(shop, wire, size):
    shop.configure(zones=[zone_document("cafe")], campaigns=[everything_at_once()])
    names = [shop.phone(f"p{n}") for n in range(size)]
    # What one ping alone takes is prepared apart, as other sizes may go other ways.
    for turn in range(2 * WARM_UP):
        for some in (names[:1], names[1:]):
            if some:
                shop.post_many({name: [shop.ping_body(f"{turn}")] for name in some})
        shop.clock.advance(seconds=5)
    with wire() as counts:
        answer = shop.post_many({name: [shop.ping_body("last")] for name in names}).json
    assert [one["status"] for one in answer["results"]] == ["accepted"] * size
    assert not answer["events"]
    assert counts == {"statements": 7, "round_trips": 3}


@pytest.mark.parametrize("size", [20, 100])
def test_a_batch_of_which_a_few_decide_takes_no_more_than_one_that_decides_alone(shop, wire, size):
    shop.configure(zones=[zone_document("cafe")], campaigns=[everything_at_once()])
    names = [shop.phone(f"p{n}") for n in range(size)]
    staying, coming = names[: size * 4 // 5], names[size * 4 // 5 :]
    for turn in range(WARM_UP):
        warming = [shop.phone(f"warm-{turn}-{n}") for n in range(len(coming))]
        shop.post_many({name: [shop.ping_body(f"{turn}")] for name in [*staying, *warming]})
        shop.clock.advance(seconds=5)
    with wire() as counts:
        answer = shop.post_many({name: [shop.ping_body("last")] for name in names}).json
    assert {one["installation_id"] for one in answer["decisions"]} == set(coming)
    assert counts == {"statements": 12, "round_trips": 4}


def test_being_near_a_zone_costs_no_statement_and_coming_near_no_more_than_entering(shop, wire):
    trigger = trigger_document("shop/cafe", move="approached", within_m=150)
    shop.configure(zones=[zone_document("cafe")], campaigns=[everything_at_once() | {"trigger": trigger}])
    for turn in range(WARM_UP):
        shop.ping(shop.phone(f"warm-{turn}"), "1", row=-9)
    phone = shop.phone()
    shop.ping(phone, "afar", row=-30)
    with wire() as coming:
        assert len(shop.ping(phone, "near", row=-9)["decisions"]) == 1
    with wire() as being:
        shop.ping(phone, "still-near", row=-9)
    assert coming == {"statements": 12, "round_trips": 4}
    assert being == {"statements": 7, "round_trips": 3}


def test_giving_out_codes_of_a_pool_takes_one_statement_and_one_round_trip_more(shop, wire):
    offer = offer_document(codes={"pool": "summer"})
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", offers=[offer])])
    shop.pool("summer", *(f"CODE-{number}" for number in range(2 * WARM_UP + 20)))
    for turn in range(WARM_UP):
        shop.ping(shop.phone(f"warm-{turn}"), "1")
    names = [shop.phone(f"p{number}") for number in range(20)]
    with wire() as counts:
        answer = shop.post_many({name: [shop.ping_body("1")] for name in names}).json
    assert len({one["offer"]["code"] for one in answer["decisions"]}) == 20
    # No cap and no budget: the pool's tally is locked, but nothing is counted from the ledger.
    assert counts == {"statements": 12, "round_trips": 5}
