"""Pings live in daily partitions: made ahead, dropped whole when their time is over, and nothing else with them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from beacon_service import partitions
from beacon_service.worker import Worker
from tests.factories.catalogue import campaign_document, zone_document

TODAY = date(2026, 6, 3)


@pytest.fixture
def cafe(shop):
    shop.configure(zones=[zone_document("cafe", exit_hold_s=0)], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    with shop.connect() as connection:  # partitions outlive the test that made them
        partitions.drop_before(connection, date.max)
        partitions.ensure(connection, TODAY)
    return shop


@pytest.fixture
def worker(app, settings, clock):
    made = Worker(settings, settings.database_url, clock)
    yield made
    made.close()


def days(shop):
    names = shop.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'pings'::regclass")
    return sorted(datetime.strptime(name, "pings_%Y%m%d").replace(tzinfo=UTC).date() for (name,) in names)


def test_partitions_reach_from_yesterday_to_two_weeks_ahead(cafe):
    assert days(cafe)[0] == TODAY - timedelta(days=1)
    assert days(cafe)[-1] == TODAY + timedelta(days=14)
    assert len(days(cafe)) == 16


def test_making_them_again_makes_none_and_the_next_day_one(cafe):
    with cafe.connect() as connection:
        assert partitions.ensure(connection, TODAY) == 0
        assert partitions.ensure(connection, TODAY + timedelta(days=1)) == 1
        assert partitions.ensure(connection, TODAY, ahead=20) == 5


def test_dropping_takes_the_days_before_and_no_other(cafe):
    with cafe.connect() as connection:
        assert partitions.drop_before(connection, TODAY) == 1
        assert partitions.drop_before(connection, TODAY) == 0
        assert partitions.drop_before(connection, TODAY + timedelta(days=3)) == 3
    assert days(cafe)[0] == TODAY + timedelta(days=3)


def test_a_ping_is_found_in_the_partition_of_its_receipt(cafe):
    cafe.ping("anna", "1", at=cafe.clock.now() - timedelta(hours=71))
    assert cafe.rows("SELECT tableoid::regclass::text, received_on FROM pings") == [("pings_20260603", TODAY)]


def test_after_the_days_of_retention_the_raw_ping_goes_and_the_ledger_stays(cafe, worker, settings):
    cafe.ping("anna", "1")
    kept = settings.retention_days
    for day in range(0, kept + 1, 10):
        cafe.clock.now_at = datetime(2026, 6, 3, 12, tzinfo=UTC) + timedelta(days=day)
        worker.keep_house()
    assert cafe.rows("SELECT count(*) FROM pings") == [(1,)]
    cafe.clock.advance(days=1)
    worker.keep_house()
    assert cafe.rows("SELECT count(*) FROM pings") == [(0,)]
    assert days(cafe)[0] == cafe.clock.now().date() - timedelta(days=kept)
    for table in ("moves", "decisions", "grants"):
        assert cafe.rows(f"SELECT count(*) FROM {table}") == [(1,)]


def test_a_decision_can_be_read_when_its_ping_is_gone(cafe):
    decision = cafe.ping("anna", "1")["decisions"][0]["decision_id"]
    with cafe.connect() as connection:
        partitions.drop_before(connection, TODAY + timedelta(days=1))
    answer = cafe.client.get(f"/v1/decisions/{decision}", headers={"Authorization": f"Bearer {cafe.secret}"})
    assert answer.status_code == 200
    assert answer.json["campaign"] == "coffee"


def test_keeping_house_makes_room_for_the_days_to_come(cafe, worker):
    cafe.clock.advance(days=10)
    worker.keep_house()
    assert days(cafe)[-1] == TODAY + timedelta(days=24)
    assert cafe.ping("anna", "1")["results"][0]["status"] == "accepted"
