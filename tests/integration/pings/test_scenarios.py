"""The corpus of scenarios over HTTP and PostgreSQL: what the pure core tells, the service tells, and a replay of it."""

import pytest

from beacon_service.db import db, transaction
from beacon_service.engine import Given
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.tick import tick
from beacon_service.pings.waiting import decide_due
from tests.factories.replayed import differences, snapshot
from tests.factories.scenarios import NAMES, Decided, in_time, load
from tests.factories.shop import Shop


def events(scenario, live):
    found = live.rows(
        "SELECT i.id, type, zone, dwell_s, at FROM moves JOIN installations i ON i.key = installation_key"
        " ORDER BY seq"
    )
    return in_time(scenario.moment(*row) for row in found)


def decisions(scenario, live):
    found = live.rows(
        "SELECT i.id, move, zone, coalesce(dwell_s, within_m), at, campaign, reasons, coalesce(channel, 'response')"
        " FROM decisions JOIN installations i ON i.key = installation_key ORDER BY seq"
    )
    told = [Decided(scenario.moment(*row[:5]), *row[5:]) for row in found]
    return sorted(told, key=lambda one: (float(one.at.split()[0]), one.at))


def moments(scenario, live):
    """(moment, offer, scores) of every decision."""
    found = live.rows(
        "SELECT i.id, move, zone, coalesce(dwell_s, within_m), at, offer, scores"
        " FROM decisions JOIN installations i ON i.key = installation_key ORDER BY seq"
    )
    return [(scenario.moment(*row[:5]), *row[5:]) for row in found]


def offers(scenario, live):
    return [(at, offer) for at, offer, _ in moments(scenario, live) if offer is not None]


def scores(scenario, live):
    return [(at, scores) for at, _, scores in moments(scenario, live)]


def fire_timers(live):
    service = live.app.extensions["beacon"]
    with live.app.app_context():
        cache = live.app.extensions[CATALOGUE]
        cache.refresh(db.engine, wanted=1)
        with transaction(db.engine) as connection:
            tick(connection, Given(live.clock.now(), cache.current, service.seed))
        with transaction(db.engine) as connection:
            decide_due(connection, Given(live.clock.now(), cache.current, service.seed))


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name, app, clock):
    scenario = load(name)
    clock.now_at = scenario.start_at
    live = Shop(app, clock)
    live.configure(**scenario.configuration.kinds(scenario.start_at))
    for phone, about in scenario.phones.items():
        live.phone(
            phone,
            customer=about.customer,
            location=about.location,
            marketing=about.marketing,
            attributes=about.attributes,
            time_zone=about.time_zone,
            locale=about.locale,
        )
        live.about(about.customer, lists=about.lists, did=about.happened(scenario.start_at))
    for pool, codes in scenario.configuration.pools.items():
        live.pool(pool, *codes)
    snapshot(live)

    def post(batches, now):
        clock.now_at = now
        answer = live.post_many(batches)
        assert answer.status_code == 200, answer.text
        return [(one["status"], one["reasons"]) for one in answer.json["results"]]

    def wake(now):
        clock.now_at = now
        fire_timers(live)

    def report(phone, outcome, now):
        clock.now_at = now
        found = live.rows(
            "SELECT decision_id::text FROM decisions JOIN installations i ON i.key = installation_key"
            " WHERE i.id = %s AND campaign IS NOT NULL ORDER BY decisions.seq DESC LIMIT 1",
            phone,
        )
        body = {"decision_id": found[0][0], "type": outcome, "at": now.isoformat()}
        headers = {"Authorization": f"Bearer {live.secret}"}
        answer = live.client.post("/v1/outcomes", json=body, headers=headers)
        assert answer.status_code == 201, answer.text

    scenario.run(post, wake, report)
    assert events(scenario, live) == in_time(scenario.expect.events)
    assert decisions(scenario, live) == scenario.expect.decisions
    assert scenario.expect.said(offers(scenario, live)) == scenario.expect.offers
    assert scenario.expect.weighed(scores(scenario, live)) == scenario.expect.scores
    for anew in (False, True):
        assert differences(live, scenario.start_at, anew=anew) == ([], len(scenario.expect.decisions))
