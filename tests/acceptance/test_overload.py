"""More is asked than the service can do: some are told to come back, the others are answered, and nothing queues up.

Two web processes of few threads each, so that few connections are many; what they can do is made little by holding
the configuration's lock, behind which every decision waits, for moments at a time.
"""

import asyncio
import itertools
import random
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx2
import pytest

from beacon_service.configuration.store import CATALOGUE_LOCK
from tests.acceptance.conftest import Place
from tests.acceptance.walks import in_zone
from tests.torture import world
from tests.torture.processes import service, wait_until

THREADS, PROCESSES = 32, 2
# Of 32 threads at most 22 are for pings (beacon_service/pings/doorway.py).
MOST_WAITING = 22
PHONES = 128
BURST_S = 6.0
# Far more than a bound of the service; far less than a queue that grew through the burst would need.
PATIENCE_S = 60.0
# Held for moments, and now and then for longer than anybody may wait.
HELD_S, FREE_S = (0.3, 0.3, 0.3, 1.5), 0.1

PEOPLE = """
WITH person AS (
    INSERT INTO customers (id, anonymous, marketing, location, created_at)
    SELECT 'many-' || n, false, true, true, now() FROM generate_series(0, %s) AS n RETURNING key, id
)
INSERT INTO installations (id, customer_key, token_hash, location, platform, created_at)
SELECT id, key, '', true, 'ios', now() FROM person
"""


@pytest.fixture(scope="module")
def small():
    """A service with few threads, and phones for it."""
    settings = {
        "BEACON_WEB_THREADS": str(THREADS),
        "BEACON_PING_WAIT_TARGET_MS": "100",
        "BEACON_PING_WAIT_LIMIT_MS": "1000",
    }
    with service(web_processes=PROCESSES, workers=1, unsafe=True, settings=settings) as made:
        with made.connect() as connection:
            keys = world.make_keys(connection)
            connection.execute(PEOPLE, [PHONES - 1])
        with httpx2.Client(base_url=made.address, timeout=PATIENCE_S) as http:
            world.make_site(http, keys)
            place = Place(made, keys, http)
            place.campaign("welcome", world.campaign("entered", world.ZONES, priority=1, expires_after_s=600))
            yield place


@contextmanager
def slow(place):
    """Most of the time all decisions wait for somebody."""
    over = threading.Event()

    def hold():
        with place.service.connect() as connection:
            connection.autocommit = False
            for held_s in itertools.cycle(HELD_S):
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [CATALOGUE_LOCK])
                over.wait(held_s)
                connection.rollback()
                if over.wait(FREE_S):
                    return

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()


class Crowd:
    """Phones that all report at once, each ping until it is accepted; and somebody who looks at the meters."""

    def __init__(self, place):
        self.place = place
        self.headers = {"Authorization": f"Bearer {place.keys.secret}"}
        self.accepted, self.refusals, self.seconds = [], [], []
        self.most_waiting = 0.0
        self.others = Counter()

    async def crowd(self, seconds):
        ends_at = time.monotonic() + seconds
        limits = httpx2.Limits(max_connections=PHONES + 8)
        address = self.place.service.address
        async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE_S, limits=limits) as http:
            await asyncio.gather(
                *(self.walk(http, number, ends_at) for number in range(PHONES)), self.look(http, ends_at)
            )

    async def walk(self, http, number, ends_at):
        """An impatient phone: it comes again at once, whatever it is told, as the worst of them would."""
        rng = random.Random(number)
        serial, ping = 0, None
        while time.monotonic() < ends_at:
            if ping is None:
                serial, ping = serial + 1, in_zone(rng.randrange(len(world.ZONES)), f"{number}-{serial}")
            if await self.report(http, number, ping):
                ping = None
            else:
                await asyncio.sleep(rng.uniform(0.02, 0.06))

    async def report(self, http, number, ping):
        body = {"batches": [{"installation_id": f"many-{number}", "pings": [ping]}]}
        began_at = time.monotonic()
        answer = await http.post("/v1/pings", headers=self.headers, json=body)
        if answer.status_code == 503:
            self.refusals.append(answer)
            return False
        assert answer.status_code == 200, answer.text
        self.seconds.append(time.monotonic() - began_at)
        (result,) = answer.json()["results"]
        assert result["status"] in {"accepted", "late"}, result
        self.accepted.append((f"many-{number}", ping["ping_id"]))
        return True

    async def look(self, http, ends_at):
        while time.monotonic() < ends_at:
            text = (await http.get("/metrics")).text
            waiting = float(re.search(r"^beacon_pings_waiting (\S+)$", text, re.MULTILINE)[1])
            self.most_waiting = max(self.most_waiting, waiting)
            self.others[(await http.get("/healthz")).status_code] += 1
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def crowd(small):
    crowd = Crowd(small)
    with slow(small):
        asyncio.run(crowd.crowd(BURST_S))
    return crowd


def test_some_are_told_when_to_come_back(crowd):
    assert crowd.refusals
    for answer in crowd.refusals:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) >= 1
        problem = answer.json()
        assert (problem["code"], problem["status"]) == ("overloaded", 503)
        assert problem["request_id"] == answer.headers["Request-Id"]


def test_they_are_not_told_to_come_back_all_at_once(crowd):
    assert len({answer.headers["Retry-After"] for answer in crowd.refusals}) > 1


def test_what_was_accepted_is_stored_once_and_nothing_else(small, crowd):
    stored = small.rows(
        "SELECT i.id, p.ping_id FROM pings p JOIN installations i ON i.key = p.installation_key"
    )
    assert crowd.accepted
    assert sorted(stored) == sorted(crowd.accepted)


def test_the_queue_never_exceeds_its_bound(crowd):
    assert 0 < crowd.most_waiting <= MOST_WAITING


def test_meanwhile_others_are_answered(crowd):
    assert set(crowd.others) == {200}


def test_no_answer_waited_for_the_whole_crowd(crowd):
    """A queue of all who wanted in would have been as long as the burst."""
    assert max(crowd.seconds) < BURST_S


def test_after_the_crowd_has_gone_everybody_is_let_in_again(small, crowd):
    refused = len(crowd.refusals)

    async def one_by_one():
        async with httpx2.AsyncClient(base_url=small.service.address, timeout=PATIENCE_S) as http:
            return [await crowd.report(http, n, in_zone(n % 20, f"after-{n}")) for n in range(PHONES)]

    assert asyncio.run(one_by_one()) == [True] * PHONES
    assert len(crowd.refusals) == refused

    def quiet():
        text = small.http.get("/metrics").text
        return "beacon_pings_waiting 0.0" in text

    wait_until(quiet, PATIENCE_S, "nobody waits")
