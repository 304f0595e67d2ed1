import psycopg

from beacon_service.settings import libpq_url


def test_it_is_alive_without_a_database(client, app):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_it_is_not_ready_until_there_is_a_partition_for_todays_pings(client, settings, clock):
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json["code"] == "not_ready"
    assert "no partition of pings for 2026-06-03" in refused.json["detail"]

    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        connection.execute(
            "CREATE TABLE pings_today PARTITION OF pings FOR VALUES FROM ('2026-06-03') TO ('2026-06-04')"
        )
    assert client.get("/readyz").json == {"status": "ready"}

    clock.advance(days=1)
    assert client.get("/readyz").status_code == 503
