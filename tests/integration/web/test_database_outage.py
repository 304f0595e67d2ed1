import pytest
from psycopg import sql

PINGS = {
    "installation_id": "phone-1",
    "sent_at": "2026-06-03T12:00:00Z",
    "pings": [
        {
            "ping_id": "p1",
            "at": "2026-06-03T12:00:00Z",
            "position": {"latitude": 52.5, "longitude": 13.4, "accuracy_m": 5},
        }
    ],
}


@pytest.fixture
def outage(test_cluster, worker_database):
    """Throws everybody out of the database and lets nobody in, until it is called with False."""

    def outage(begins):
        with test_cluster.connect(database="postgres") as server:
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            server.execute(allow.format(sql.Identifier(worker_database), sql.Literal(not begins)))
            if begins:
                server.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                    [worker_database],
                )

    yield outage
    outage(False)


def test_without_its_database_the_service_asks_to_come_back_and_then_goes_on_by_itself(
    client, keys, outage, pings_have_a_place
):
    key = keys.make()

    def answers():
        return [
            client.get("/v1/customers", headers=key.header),
            client.post("/v1/pings", json=PINGS, headers=key.header),
            client.get("/readyz"),
        ]

    before = [answer.status_code for answer in answers()]
    assert before[0] == before[2] == 200
    outage(True)
    for _ in range(2):
        for answer in answers():
            assert answer.status_code == 503
            assert answer.content_type == "application/problem+json"
            assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/healthz").status_code == 200
    outage(False)
    assert [answer.status_code for answer in answers()] == before


def test_a_process_that_finds_no_database_waits_for_it_with_the_others(settings, clock):
    """It was started in place of one that died; whoever starts the service finds out by `beacon-service serve`."""
    from beacon_service.app import create_app  # noqa: PLC0415 - the others get theirs from a fixture

    elsewhere = settings.model_copy(update={"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"})
    client = create_app(elsewhere, clock).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    headers = {"Authorization": "Bearer pk_" + "x" * 43}
    response = client.post("/v1/pings", json={"installation_id": "a", "pings": []}, headers=headers)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
