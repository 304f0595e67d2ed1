"""Counts that customers share, where their row comes to be while grants are already there."""

from datetime import timedelta

import pytest

from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from tests.factories.catalogue import campaign_document, cap_document, offer_document, zone_document

VIEWED_ONCE = cap_document(limit=1, subject="total", counts="viewed", window={"kind": "lifetime"})


def campaign(*caps):
    return campaign_document("coffee", caps=list(caps), offers=[offer_document(expires_after_s=60)])


@pytest.fixture
def running(shop):
    """A campaign without shared caps has made an offer to anna; then it gets one."""
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign()])
    assert shop.ping(shop.phone("anna"), "1")["decisions"]
    return shop


def release(shop):
    with shop.app.app_context(), transaction(db.engine) as connection:
        return release_due(connection, shop.clock.now())


def report_viewed(shop, phone, decision_id):
    body = {"decision_id": decision_id, "type": "viewed", "at": shop.clock.now().isoformat()}
    headers = {"Authorization": f"Bearer {shop.publishable}", "Beacon-Installation-Token": shop.tokens[phone]}
    assert shop.client.post("/v1/outcomes", json=body, headers=headers).status_code == 201


def test_a_reservation_from_before_the_cap_counts_and_comes_back(running):
    running.configure(campaigns=[campaign(VIEWED_ONCE)])
    assert not running.ping(running.phone("ben"), "1")["decisions"]
    running.clock.now_at += timedelta(seconds=61)
    assert release(running) == 1
    assert running.ping(running.phone("carla"), "1")["decisions"]


def test_a_late_view_of_an_offer_from_before_the_cap_counts_too(running):
    ((decision_id,),) = running.rows("SELECT decision_id::text FROM decisions")
    running.clock.now_at += timedelta(seconds=61)
    release(running)
    capped = cap_document(limit=2, subject="total", counts="viewed", window={"kind": "lifetime"})
    running.configure(campaigns=[campaign(capped)])
    assert running.ping(running.phone("ben"), "1")["decisions"]  # the row is made: 1 reserved
    report_viewed(running, "anna", decision_id)
    assert running.rows("SELECT used, late FROM tallies") == [(1, 1)]
    assert not running.ping(running.phone("carla"), "1")["decisions"]


def test_a_missing_partition_is_said_and_not_a_crash(running):
    running.clock.now_at += timedelta(days=400)
    response = running.post("anna", running.ping_body("much-later"))
    assert response.status_code == 503
    assert "partition" in response.json["detail"]
