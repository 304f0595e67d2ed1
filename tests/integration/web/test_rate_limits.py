from types import SimpleNamespace

import pytest

from beacon_service.app import create_app
from beacon_service.auth import TOKEN_HEADER, create_key, new_token
from beacon_service.db import db

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
PHONE = {"platform": "ios", "consents": {"location": True, "marketing": False}}


@pytest.fixture
def shop(settings, clock, pings_have_a_place):
    """A service with small limits, and a publishable key for it."""
    small = {
        "rate_limit_key": "20/minute",
        "rate_limit_address": "10/minute",
        "rate_limit_installation": "3/minute",
        "rate_limit_registration": "2/minute",
    }
    app = create_app(settings.model_copy(update=small), clock)
    with app.app_context():
        key = create_key(db.session(), kind="publishable", name="app", at=clock.now())
        db.session.commit()
    client = app.test_client()

    def send(method, path, body, token=None, address="192.0.2.1"):
        headers = {"Authorization": f"Bearer {key}", **({TOKEN_HEADER: token} if token else {})}
        return client.open(
            path, method=method, json=body, headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )

    yield SimpleNamespace(send=send, clock=clock)
    with app.app_context():
        db.engine.dispose()


def test_registrations_are_limited_by_address(shop):
    def register(number, address):
        return shop.send("PUT", f"/v1/installations/phone-{number}", PHONE, address=address)

    assert [register(number, "192.0.2.1").status_code for number in range(3)] == [201, 201, 429]
    assert register(3, "192.0.2.2").status_code == 201
    refused = register(4, "192.0.2.1")
    assert refused.json["code"] == "rate_limited"
    assert refused.headers["Retry-After"] == "30"
    shop.clock.advance(seconds=30)
    assert register(4, "192.0.2.1").status_code == 201


def test_pings_are_limited_by_installation(shop):
    token = shop.send("PUT", "/v1/installations/phone-1", PHONE).json["installation_token"]
    # The registration was the first of the three.
    answers = [shop.send("POST", "/v1/pings", PINGS, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    shop.clock.advance(seconds=20)
    assert shop.send("POST", "/v1/pings", PINGS, token).status_code == 200


def test_who_has_no_right_to_ask_uses_up_nobodys_limit(shop):
    token = shop.send("PUT", "/v1/installations/phone-1", PHONE).json["installation_token"]
    for _ in range(5):
        assert shop.send("POST", "/v1/pings", PINGS, new_token()[0]).status_code == 403
    assert shop.send("POST", "/v1/pings", PINGS, token).status_code == 200
