from datetime import date

import psycopg
import pytest

from beacon_service import migration, partitions
from beacon_service.settings import libpq_url


@pytest.fixture
def database(settings):
    with psycopg.connect(libpq_url(settings.database_url), autocommit=True) as connection:
        yield connection


def test_it_is_alive_without_a_database(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_it_is_not_ready_until_there_is_a_partition_for_todays_pings(client, database, clock):
    partitions.drop_before(database, date.max)
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json["code"] == "not_ready"
    assert "no partition of pings for 2026-06-03" in refused.json["detail"]

    partitions.ensure(database, clock.now().date(), ahead=0)
    assert client.get("/readyz").json == {"status": "ready"}

    clock.advance(days=1)
    assert client.get("/readyz").status_code == 503


def test_it_is_not_ready_for_another_schema_than_its_own(client, database):
    database.execute("UPDATE alembic_version SET version_num = '0000'")
    try:
        assert "run beacon-service migrate" in client.get("/readyz").json["detail"]
    finally:
        database.execute("UPDATE alembic_version SET version_num = %s", [migration.newest_revision()])
