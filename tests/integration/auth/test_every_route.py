"""The authorisation matrix: its rows are the application's own routes, so that none can be left out."""

import re
from datetime import timedelta

import pytest
from flask import Blueprint

from beacon_service.auth import SCOPES, TOKEN_HEADER, new_token, public, revoke_key, rotate_key
from beacon_service.auth.access import access_of, refuse_undeclared, undeclared
from beacon_service.auth.model import new_key

# What anybody may call. A route joins this list by a decision, never by accident.
PUBLIC = {"/healthz", "/readyz", "/openapi.json"}
VALUES = {"uuid": "0197f0c0-0000-7000-8000-000000000000", "int": "1", "string": "none", "": "none"}
PINGS = {
    "installation_id": "none",
    "sent_at": "2026-06-03T12:00:00Z",
    "pings": [
        {
            "ping_id": "p1",
            "at": "2026-06-03T12:00:00Z",
            "position": {"latitude": 52.5, "longitude": 13.4, "accuracy_m": 5},
        }
    ],
}


def routes(app, *admits):
    """(method, path, access) of every route that admits so."""
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        if access is not None and access.admits in admits:
            path = re.sub(r"<(?:(\w+):)?\w+>", lambda found: VALUES[found[1] or ""], rule.rule)
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield method, path, access


@pytest.fixture
def refused(client, app):
    """Calls every route of a kind and answers those that did not end in this status and one of these codes."""

    def refused(headers, status, codes, *admits):
        called, wrong = 0, []
        for method, path, access in routes(app, *admits):
            chosen = headers(access) if callable(headers) else headers
            if chosen is None:
                continue
            answer = client.open(path, method=method, headers=chosen, json=PINGS)
            called += 1
            if (answer.status_code, (answer.json or {}).get("code")) not in {
                (status, code) for code in codes
            }:
                wrong.append((method, path, answer.status_code, answer.text[:200]))
        assert called, "no route was called"
        return wrong

    return refused


GUARDED = ("secret", "any_key", "installation", "own")


def test_every_route_says_who_may_call_it(app):
    assert undeclared(app) == []
    assert {path for _, path, _ in routes(app, "public")} == PUBLIC


def test_an_application_with_a_forgotten_route_does_not_start(app):
    forgotten = Blueprint("forgotten", __name__)
    forgotten.add_url_rule("/v1/forgotten", "show", lambda: "open to all")
    forgotten.add_url_rule("/v1/remembered", "shut", public(lambda: "by decision"))
    app.register_blueprint(forgotten)
    with pytest.raises(RuntimeError, match=r"who may call them: /v1/forgotten$"):
        refuse_undeclared(app)


def test_no_key_opens_nothing(refused):
    assert refused({}, 401, ["unauthenticated"], *GUARDED) == []
    assert refused({"Authorization": "Basic dTpw"}, 401, ["unauthenticated"], *GUARDED) == []


def test_an_unknown_key_opens_nothing(refused):
    for kind in ("secret", "publishable"):
        headers = {"Authorization": f"Bearer {new_key(kind)[0]}", TOKEN_HEADER: new_token()[0]}
        assert refused(headers, 401, ["unauthenticated"], *GUARDED) == []


def test_a_revoked_key_opens_nothing(refused, keys):
    for kind in ("secret", "publishable"):
        key = keys.make(kind=kind)
        keys.change(revoke_key, key.id)
        assert refused(key.header, 401, ["key_revoked"], *GUARDED) == []


def test_an_expired_key_opens_nothing(refused, keys):
    for kind in ("secret", "publishable"):
        key = keys.make(kind=kind)
        keys.change(rotate_key, key.id, timedelta(0))
        assert refused(key.header, 401, ["key_expired"], *GUARDED) == []


def test_a_publishable_key_opens_nothing_that_needs_a_secret_one(refused, keys):
    key = keys.make(kind="publishable")
    assert refused(key.header, 403, ["secret_key_required"], "secret") == []


def test_a_publishable_key_without_a_token_speaks_for_no_installation(refused, keys):
    key = keys.make(kind="publishable")
    assert refused(key.header, 401, ["token_missing"], "installation", "own") == []


def test_a_publishable_key_with_a_strange_token_speaks_for_no_installation(refused, keys):
    key = keys.make(kind="publishable")
    headers = {**key.header, TOKEN_HEADER: new_token()[0]}
    assert refused(headers, 403, ["token_wrong"], "installation", "own") == []


def test_a_secret_key_opens_nothing_outside_its_scopes(refused, keys):
    without = {scope: keys.make(scopes=[other for other in SCOPES if other != scope]) for scope in SCOPES}

    def lacking(access):
        return without[access.scope or "ping"].header

    assert refused(lacking, 403, ["scope_missing"], *GUARDED) == []


def test_a_secret_key_with_the_scope_passes_the_gate(client, app, keys):
    key_with = {scope: keys.make(scopes=[scope]) for scope in SCOPES}
    for method, path, access in routes(app, *GUARDED):
        answer = client.open(path, method=method, headers=key_with[access.scope or "ping"].header, json=PINGS)
        assert answer.status_code not in {401, 403, 500}, (method, path, answer.text)


def test_measurements_are_for_the_machine_itself_or_a_key_that_may_read(client, keys):
    assert client.get("/metrics").status_code == 200
    from_elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    assert client.get("/metrics", **from_elsewhere).json["code"] == "unauthenticated"
    assert (
        client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).json["code"] == "unauthenticated"
    )
    lacking, reading = keys.make(scopes=["ping"]), keys.make(scopes=["read"])
    assert client.get("/metrics", headers=lacking.header, **from_elsewhere).json["code"] == "scope_missing"
    assert client.get("/metrics", headers=reading.header, **from_elsewhere).status_code == 200
