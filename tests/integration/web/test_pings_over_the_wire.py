"""Pings against real servers, in an event loop and in threads: the answers are the same, and none is lost at the end."""

import gzip
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
import pytest

from beacon_service import partitions
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.settings import libpq_url

SHAPE = {"platform": "ios", "consents": {"location": True, "marketing": True}}
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pytest.fixture
def phone(served, settings, keys):
    """A registered phone, and a client that speaks for it."""
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        partitions.ensure(connection, datetime.now(UTC).date())
    host, port = served.address
    key = keys.make(kind="publishable").header
    with httpx2.Client(base_url=f"http://{host}:{port}", headers=key, timeout=20) as client:
        answer = client.put("/v1/installations/phone-1", json=SHAPE)
        assert answer.status_code == 201, answer.text
        client.headers["Beacon-Installation-Token"] = answer.json()["installation_token"]
        yield client


def report(*names):
    now = datetime.now(UTC)
    pings = [
        {"ping_id": name, "at": (now + timedelta(milliseconds=number)).isoformat(), "sightings": []}
        for number, name in enumerate(names)
    ]
    return {"installation_id": "phone-1", "pings": pings}


def statuses(answer):
    assert answer.status_code == 200, answer.text
    return [one["status"] for one in answer.json()["results"]]


def test_a_report_is_answered_as_any_other_request_is(phone):
    answer = phone.post("/v1/pings", json=report("one"))
    assert statuses(answer) == ["accepted"]
    assert answer.headers["content-type"] == "application/json"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert len(answer.headers["request-id"]) == 16
    again = phone.post("/v1/pings", json=report("one", "two"))
    assert statuses(again) in (["duplicate", "accepted"], ["rejected", "accepted"])
    metrics = phone.get("/metrics").text
    assert 'beacon_http_requests_total{method="POST",route="/v1/pings",status="200"} 2.0' in metrics


def test_what_is_wrong_with_a_report_is_told(phone):
    good = json.dumps(report("good")).encode()
    typed = {"Content-Type": "application/json"}
    zipped = {**typed, "Content-Encoding": "gzip"}
    nobody = {**typed, "Authorization": "Bearer nobody"}
    cases = {
        "nothing": ((b"", typed), 400, "body_missing"),
        "no JSON": ((b"{", typed), 400, "json_invalid"),
        "a key twice": ((b'{"pings": [], "pings": []}', typed), 400, "json_duplicate_key"),
        "no report": ((b"[]", typed), 422, "invalid"),
        "another type": ((good, {"Content-Type": "text/plain"}), 415, "unsupported_media_type"),
        "another encoding": ((good, {**typed, "Content-Encoding": "br"}), 415, "unsupported_media_type"),
        "not gzip": ((good, zipped), 400, "encoding_invalid"),
        "too long": ((b" " * 5_000_000, typed), 413, "too_large"),
        "a bomb": ((gzip.compress(b" " * 50_000_000), zipped), 413, "too_large"),
        "no key": ((good, nobody), 401, "unauthenticated"),
        "a key of nobody": (
            (good, {**typed, "Authorization": "Bearer pk_" + "x" * 43}),
            401,
            "unauthenticated",
        ),
    }
    found = {}
    for name, ((body, headers), _, _) in cases.items():
        answer = phone.post("/v1/pings", content=body, headers=headers)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["request-id"]
        found[name] = (answer.status_code, answer.json()["code"])
    assert found == {name: (status, code) for name, (_, status, code) in cases.items()}
    assert phone.post("/v1/pings", content=b"{}", headers=nobody).headers["www-authenticate"] == "Bearer"
    wrong = phone.get("/v1/pings")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "OPTIONS, POST")
    assert statuses(phone.post("/v1/pings", content=gzip.compress(good), headers=zipped)) == ["accepted"]


def test_a_body_may_come_in_parts_and_without_its_length(phone):
    body = json.dumps(report("parts")).encode()
    parts = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = phone.post("/v1/pings", content=parts, headers={"Content-Type": "application/json"})
    assert statuses(answer) == ["accepted"]


def test_a_large_report_is_answered_like_a_small_one(phone):
    names = [f"many-{number}" for number in range(300)]
    assert statuses(phone.post("/v1/pings", json=report(*names))) == ["accepted"] * 300


def test_who_hangs_up_in_the_middle_of_a_report_has_reported_nothing(phone, served, settings):
    body = json.dumps(report("half")).encode()
    head = (
        "POST /v1/pings HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        f"Authorization: {phone.headers['authorization']}\r\nContent-Length: {len(body) + 1}\r\n"
        f"Beacon-Installation-Token: {phone.headers['beacon-installation-token']}\r\n\r\n"
    )
    with socket.create_connection(served.address, timeout=20) as connection:
        connection.sendall(head.encode() + body)  # sound as far as it goes
        time.sleep(0.3)
    assert statuses(phone.post("/v1/pings", json=report("whole"))) == ["accepted"]
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        assert connection.execute("SELECT ping_id FROM pings").fetchall() == [("whole",)]


def test_reports_that_were_accepted_are_answered_after_the_signal_to_stop(phone, served, settings):
    with (
        psycopg.connect(libpq_url(settings.database_url)) as holder,
        ThreadPoolExecutor(4) as pool,
    ):
        holder.execute("SELECT pg_advisory_lock(%s)", [CATALOGUE_LOCK])
        pending = [pool.submit(phone.post, "/v1/pings", json=report(f"held-{n}")) for n in range(4)]
        time.sleep(0.7)  # they wait behind the lock now, and no longer than two seconds
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        holder.execute("SELECT pg_advisory_unlock(%s)", [CATALOGUE_LOCK])
        told = [statuses(one.result()) for one in pending]
    assert [one in (["accepted"], ["late"]) for one in told] == [True] * 4  # in whichever order they came
    assert served.process.wait(20) == 0
