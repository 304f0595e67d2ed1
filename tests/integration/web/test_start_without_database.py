"""A web process may be started again while the database is away: it waits with the others, answering 503."""

from beacon_service.app import create_app
from beacon_service.settings import Settings


def test_a_process_started_in_an_outage_answers_503():
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/nowhere")
    client = create_app(settings).test_client()
    assert client.get("/healthz").status_code == 200
    response = client.post("/v1/pings", json={}, headers={"Authorization": "Bearer pk_" + "x" * 43})
    assert response.status_code == 422
    body = {"installation_id": "a", "pings": []}
    response = client.post("/v1/pings", json=body, headers={"Authorization": "Bearer pk_" + "x" * 43})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
