"""The world breaks: the service says "later", keeps what it has promised, and goes on by itself."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from beacon_service import cluster as clusters
from tests.acceptance.walks import in_zone, report
from tests.torture.processes import wait_until
from tests.torture.world import ZONES, campaign

CLIENTS = 16


@pytest.fixture
def phones(place, request):
    place.campaign("welcome", campaign("entered", ZONES, priority=1, expires_after_s=600))
    names = [f"{request.node.name}-{number}"[-60:] for number in range(CLIENTS)]
    return {name: place.phone(name, customer=f"of-{name}"[-60:]) for name in names}


def stored(place, pings):
    return {name for (name,) in place.rows("SELECT ping_id FROM pings WHERE ping_id = ANY(%s)", list(pings))}


def test_with_the_database_down_every_answer_is_503_and_afterwards_it_goes_on_by_itself(place, phones):
    (phone, headers), *_ = phones.items()
    assert report(place.http, phone, headers, in_zone(0)).status_code == 200
    clusters.stop(place.service.cluster)
    try:
        for _ in range(5):
            answer = report(place.http, phone, headers, in_zone(1, "while-down"))
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == 503
        assert place.http.get("/healthz").status_code == 200
        assert place.http.get("/readyz").status_code == 503
    finally:
        clusters.start(place.service.cluster)

    def accepted():
        answer = report(place.http, phone, headers, in_zone(1, "while-down"))
        return answer.is_success and answer.json()["results"][0]["status"] in {"accepted", "duplicate"}

    wait_until(accepted, 10, "a ping is accepted again, with nothing restarted but the database")
    assert stored(place, ["while-down"]) == {"while-down"}


def test_a_stop_in_the_middle_of_traffic_loses_no_accepted_ping(place, phones):
    accepted, stopping = [], threading.Event()

    def send(phone, headers):
        """Until the server is gone; a refused connection is no promise."""
        serial = 0
        with httpx2.Client(base_url=place.service.address, timeout=30) as http:
            while not (stopping.is_set() and place.service.web.process.poll() is not None):
                serial += 1
                ping_id = f"{phone}-{serial}"
                try:
                    answer = report(http, phone, headers, in_zone(serial % len(ZONES), ping_id))
                except httpx2.TransportError:
                    time.sleep(0.05)
                    continue
                assert answer.status_code in {200, 503}, answer.text
                if answer.status_code == 200:
                    accepted.append(ping_id)

    with ThreadPoolExecutor(CLIENTS) as pool:
        sending = [pool.submit(send, *one) for one in phones.items()]
        try:
            wait_until(lambda: len(accepted) > 100, 60, "traffic flows")
            place.service.web.signal(signal.SIGTERM)
        finally:
            stopping.set()
        status = place.service.web.wait()
        for one in sending:
            one.result()
    assert status == 0
    assert stored(place, accepted) == set(accepted)
    place.service.keep_alive()
    place.service.await_ready()
