"""Two worker processes share the outbox; killing one loses nothing and mixes nothing up."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager

import psycopg
import pytest

from beacon_service.settings import libpq_url
from benchmarks.webhooks import fill
from tests.factories.receiver import Receiver
from tests.torture.processes import START_S, wait_until

MESSAGES, CUSTOMERS = 300, 60


@contextmanager
def worker(url, log):
    """As an operator starts it."""
    settings = {
        "BEACON_DATABASE_URL": url,
        "BEACON_ALLOW_UNSAFE_DATABASE": "1",
        "BEACON_SECRET_KEY": "a secret key of the tests, which is long enough",
        "BEACON_WEBHOOK_NETWORKS": '["127.0.0.0/8"]',
    }
    command = [sys.executable, "-c", "from beacon_service.cli import main; main()", "worker"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def receiver():
    made = Receiver(slow_s=0.05)
    yield made
    made.close()


def test_killing_one_of_two_workers_loses_no_message_and_keeps_the_order(
    fresh_database_url, receiver, tmp_path
):
    url = fresh_database_url
    fill(url, receiver.url(), messages=MESSAGES, customers=CUSTOMERS)
    with worker(url, tmp_path / "1.log") as first, worker(url, tmp_path / "2.log"):
        wait_until(lambda: len(receiver.requests) > MESSAGES // 5, START_S, "a part is sent")
        first.send_signal(signal.SIGKILL)
        first.wait()
        settle_down(receiver)
        end_leases(url)
        wait_until(lambda: states(url) == {"sent": MESSAGES}, 60, "everything is sent")
    arrived = [(request.headers["webhook-id"], request.json["data"]) for request in receiver.requests]
    times = Counter(message for message, _ in arrived)
    assert len(times) == MESSAGES
    # What the killed one had under way may come again, as itself.
    assert all(count <= 2 for count in times.values())
    first_times = dict(reversed([(message, place) for place, (message, _) in enumerate(arrived)]))
    places = {}
    for message, place in sorted(first_times.items(), key=lambda one: one[1]):
        data = dict(arrived)[message]
        places.setdefault(data["customer_id"], []).append(data["place"])
        assert place >= 0
    assert all(found == sorted(found) for found in places.values())
    assert len(places) == CUSTOMERS
    with psycopg.connect(libpq_url(url)) as connection:
        counted = connection.execute("SELECT count(*) FROM outcomes WHERE type = 'delivered'").fetchone()
    assert counted == (MESSAGES,)


def settle_down(receiver):
    """Until the one that lives has sent what it could."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 3:
        if len(receiver.requests) != seen:
            seen, since = len(receiver.requests), time.monotonic()
        time.sleep(0.1)


def end_leases(url):
    """The minute for which the killed one had its messages is over."""
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute(
            "UPDATE deliveries SET next_at = now() WHERE state = 'waiting' AND lease IS NOT NULL"
        )


def states(url):
    with psycopg.connect(libpq_url(url)) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
