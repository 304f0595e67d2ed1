"""One engine, two shells: random pings through HTTP and PostgreSQL, and through dicts, to the same result."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon_service.customers.model import Customer, Installation
from beacon_service.db import db, transaction
from beacon_service.engine import Catalogue, Given
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.tick import tick
from beacon_service.visits.model import Presence
from tests.factories.catalogue import (
    IBEACON_UUID,
    beacon_document,
    campaign_document,
    cap_document,
    offer_document,
    place,
    places,
    policy_document,
    programme,
    square,
    trigger_document,
    zone_document,
)
from tests.factories.memory import MemoryService
from tests.factories.shop import Shop

CONFIGURATION = {
    "zones": [
        zone_document("store", geometry=square(columns=4, rows=2), dwell_s=[30]),
        zone_document("left", geometry=square(columns=2, rows=2), tags=["half"]),
        zone_document("right", geometry=square(2, columns=2, rows=2), tags=["half"], exit_hold_s=5),
        zone_document("chapel", geometry=square(3, 1), sensitive=True),
    ],
    "beacons": [beacon_document("b1", at=(1, 1)), beacon_document("b22", at=(3, 1))],
    "campaigns": [
        campaign_document(
            "welcome", trigger=trigger_document("shop/store"), caps=[cap_document(limit=2)], hold_out=0.3
        ),
        campaign_document(
            "halves",
            priority=2,
            trigger=trigger_document(tags=["half"]),
            caps=[
                cap_document(limit=3, subject="total", window={"kind": "rolling", "n": 2, "unit": "minute"})
            ],
            audience={"attribute": "tier", "op": "eq", "value": "gold"},
        ),
        campaign_document(
            "linger",
            priority=1,
            trigger=trigger_document("shop/store", move="dwelled", dwell_s=30),
            budget={"total": 3, "per_day": 2},
            offers=[offer_document("stay", expires_after_s=60)],
        ),
        campaign_document(
            "goodbye",
            trigger=trigger_document("shop/left", move="exited"),
            audience={
                "any": [
                    {"visits": {"site": "shop"}, "op": "ge", "value": 2},
                    {"not": {"consent": "location"}},
                ]
            },
        ),
        campaign_document(
            "first",
            priority=3,
            trigger=trigger_document("shop/left", nth=1),
            caps=[cap_document(limit=2, subject="site", window={"kind": "calendar"})],
        ),
        campaign_document(
            "nearby",
            trigger=trigger_document(tags=["half"], move="approached", within_m=10),
            caps=[cap_document(limit=5)],
        ),
    ],
    "policy": policy_document(
        cap_document(limit=3, window={"n": 10, "unit": "minute"}),
        cap_document(limit=6, subject="total", window={"kind": "calendar"}),
        hold_out=0.1,
    ),
}
PHONES = {"a1": "anna", "a2": "anna", "b1": "ben", "c1": "carla"}
ATTRIBUTES = {"anna": {"tier": "gold"}, "ben": {"tier": "gold"}, "carla": {}}


@st.composite
def a_ping(draw):
    ping = {
        "ping_id": f"{draw(st.integers(0, 40))}",
        "seconds_ago": draw(st.sampled_from([0, 0, 0, 1, 7, 30, 200, 300_000])),
    }
    if draw(st.booleans()):
        ping["place"] = (
            draw(st.floats(-1, 5)),
            draw(st.floats(-1, 3)),
            draw(st.sampled_from([1.0, 3.0, 8.0, 30.0])),
        )
    if draw(st.booleans()):
        ping["heard"] = draw(
            st.lists(st.tuples(st.sampled_from([2, 3, 9]), st.integers(-95, -40)), min_size=1, max_size=4)
        )
    return ping


requests = st.lists(
    st.tuples(
        st.integers(0, 90),  # seconds since the request before
        st.booleans(),  # a worker's tick first
        st.lists(st.tuples(st.sampled_from(sorted(PHONES)), a_ping()), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=12,
)


def wire_form(ping, now):
    body = {"ping_id": ping["ping_id"], "at": (now - timedelta(seconds=ping["seconds_ago"])).isoformat()}
    if "place" in ping:
        column, row, accuracy_m = ping["place"]
        longitude, latitude = place(column, row)
        body["position"] = {"longitude": longitude, "latitude": latitude, "accuracy_m": accuracy_m}
    if "heard" in ping:
        body["sightings"] = [
            {"type": "ibeacon", "uuid": IBEACON_UUID, "major": 1, "minor": minor, "rssi": rssi}
            for minor, rssi in ping["heard"]
        ]
    return body


def in_memory(live):
    """The same world in dicts, with the keys that the database gave out."""
    catalogue = Catalogue.of(
        1, places(**CONFIGURATION), programme(*CONFIGURATION["campaigns"], policy=CONFIGURATION["policy"])
    )
    installations = {
        row[1]: Installation(*row, presence=Presence())
        for row in live.rows("SELECT key, id, customer_key, location FROM installations")
    }
    customers = {
        row[0]: Customer(*row)
        for row in live.rows("SELECT key, id, anonymous, attributes, marketing, location FROM customers")
    }
    return MemoryService(catalogue, installations, customers, seed=count(1).__next__)


def live_tick(live):
    service = live.app.extensions["beacon"]
    with live.app.app_context():
        cache = live.app.extensions[CATALOGUE]
        cache.refresh(db.engine, wanted=1)
        with transaction(db.engine) as connection:
            tick(connection, Given(live.clock.now(), cache.current, service.seed))


def event_row(event):
    move = event.move
    return (str(event.id), event.site, event.zone, move.type, move.dwell_s or 0, move.at, event.cause)


def stored_events(live):
    rows = live.rows("SELECT event_id::text, site, zone, type, coalesce(dwell_s, 0), at, cause FROM moves")
    return sorted(rows)


def decision_row(decision):
    moment = decision.moment
    about = (
        str(decision.id),
        str(moment.key),
        moment.zone,
        moment.move,
        moment.visit,
        moment.at,
        decision.channel or "",
    )
    return (
        *about,
        decision.campaign or "",
        sorted(decision.reasons.items()),
        sorted((k, *v) for k, v in decision.draws.items()),
    )


def stored_decisions(live):
    rows = live.rows(
        "SELECT decision_id::text, moment_key::text, zone, move, visit, at, coalesce(channel, ''),"
        " coalesce(campaign, ''), reasons, draws FROM decisions"
    )
    return sorted(
        (*row[:8], sorted(row[8].items()), sorted((k, *v) for k, v in row[9].items())) for row in rows
    )


def grant_rows(decision):
    return [(str(decision.id), grant.campaign, grant.arm, grant.policy) for grant in decision.grants]


def stored_grants(live):
    return sorted(live.rows("SELECT decision_id::text, campaign, arm, policy FROM grants"))


@pytest.fixture
def restore(test_cluster, worker_database):
    def run():
        with test_cluster.connect(database=worker_database) as connection:
            connection.execute("SELECT pristine.restore()")

    return run


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=requests)
def test_http_and_memory_tell_the_same_events_and_decisions(app, clock, restore, sequence):
    restore()
    start_at = clock.now_at
    live = Shop(app, clock)
    live.configure(**CONFIGURATION)
    for phone, customer in PHONES.items():
        live.phone(phone, customer=customer, attributes=ATTRIBUTES[customer], marketing=customer != "nobody")
    app.extensions["beacon"] = replace(app.extensions["beacon"], seed=count(1).__next__)
    memory = in_memory(live)
    try:
        for pause_s, ticks, pings in sequence:
            clock.advance(seconds=pause_s)
            if ticks:
                live_tick(live)
                memory.tick(clock.now())
            batches = {}
            for phone, ping in pings:
                batches.setdefault(phone, []).append(wire_form(ping, clock.now()))
            answer = live.post_many(batches)
            assert answer.status_code == 200, answer.text
            body = {"batches": [{"installation_id": name, "pings": some} for name, some in batches.items()]}
            statuses = memory.post(body, clock.now())
            results = answer.json["results"]
            assert [(one["status"], tuple(one["reasons"])) for one in results] == statuses
        assert stored_events(live) == sorted(map(event_row, memory.events))
        assert stored_decisions(live) == sorted(map(decision_row, memory.decisions))
        assert stored_grants(live) == sorted(row for one in memory.decisions for row in grant_rows(one))
    finally:
        clock.now_at = start_at
