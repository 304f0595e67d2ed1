"""A budget is spent to its end and not beyond it, though part of what it gives out is never delivered and comes back.

Far more ask than there is for; of what is offered a quarter is never reported and expires, and the workers put it back.
"""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx2
import pytest

from tests.acceptance.walks import in_zone, patiently
from tests.torture.processes import wait_until
from tests.torture.world import ANNEX, SITE, ZONES, campaign, make_annex

CLIENTS = 64
PHONES = 20_000
# Long enough that what is reported at once is reported in time, on a machine that has other work as well.
EXPIRES_AFTER_S = 5
IN_TIME_S = 2.5
DELIVERED = 0.75
DRAINED_WITHIN_S = 150
CHEAP, DEAR = 300, 500

PEOPLE = """
WITH person AS (
    INSERT INTO customers (id, anonymous, marketing, location, created_at)
    SELECT 'asking-' || n, false, true, true, now() FROM generate_series(1, %s) AS n RETURNING key, id
)
INSERT INTO installations (id, customer_key, token_hash, location, platform, created_at)
SELECT id, key, '', true, 'ios', now() FROM person
"""
# At each site: what is taken (delivered, or it may yet be), and what of it was delivered.
TAKEN = """
SELECT site, sum(spent)::bigint, coalesce(sum(spent) FILTER (WHERE outcomes & 1 = 1), 0)::bigint
FROM (SELECT *, CASE WHEN %s THEN cost ELSE 1 END AS spent FROM grants) AS granted
WHERE campaign = %s AND arm = 'offered' AND (open OR outcomes & 1 = 1) GROUP BY site
"""


class Budget(NamedTuple):
    """Of a campaign in one zone, or in one of each of two sites; `left` is the most that nobody could spend."""

    name: str
    places: tuple[int, ...]
    limit: int
    body: dict
    left: int = 0

    @property
    def money(self):
        return self.body.get("of") == "cost"


# The annex begins behind the last zone of the site.
THERE = len(ZONES)
BUDGETS = (
    Budget("in-all", (0,), 40, {"total": 40}),
    Budget("a-day", (2,), 40, {"per_day": 40}),
    Budget("each-site", (4, THERE), 20, {"total": 20, "per_site": True}),
    Budget("both", (6,), 30, {"total": 30, "per_day": 30}),
    Budget("of-cost", (8,), 16_100, {"total": 16_100, "of": "cost"}, left=CHEAP - 1),
    Budget(
        "of-cost-a-day-each-site",
        (10, THERE + 1),
        8_200,
        {"per_day": 8_200, "of": "cost", "per_site": True},
        left=CHEAP - 1,
    ),
)


def published(place, budget):
    offers = [
        {"id": name, "title": name, "body": "For you.", "expires_after_s": EXPIRES_AFTER_S, "cost": cost}
        for name, cost in (("cheap", CHEAP), ("dear", DEAR))
    ]
    body = campaign("entered", [ZONES[budget.places[0]]], priority=1, expires_after_s=EXPIRES_AFTER_S)
    trigger = {
        **body["trigger"],
        "zones": [
            {"site": ANNEX if number >= THERE else SITE, "zone": f"z{number:02d}"} for number in budget.places
        ],
    }
    place.campaign(budget.name, {**body, "trigger": trigger, "budget": budget.body, "offers": offers})


class Demand:
    """Clients that enter zones with a phone that was never seen before, until nothing can be had any more."""

    def __init__(self, place):
        self.place = place
        self.numbers = iter(range(1, PHONES + 1))
        self.lock = threading.Lock()
        self.wanted = {budget.name: budget for budget in BUDGETS}
        self.asked = self.refused = 0

    def work(self, seed):
        rng = random.Random(seed)
        with httpx2.Client(base_url=self.place.service.address, timeout=60) as http:
            while budgets := list(self.wanted.values()):
                budget = rng.choice(budgets)
                with self.lock:
                    number = next(self.numbers, None)
                if number is None:
                    return
                began_at = time.monotonic()
                offers = self.enter(http, number, rng.choice(budget.places))
                self.asked, self.refused = self.asked + 1, self.refused + (not offers)
                if not offers:
                    time.sleep(0.1)
                elif rng.random() < DELIVERED and time.monotonic() - began_at < IN_TIME_S:
                    self.deliver(http, offers[0]["decision_id"])

    def enter(self, http, number, zone):
        body = {"batches": [{"installation_id": f"asking-{number}", "pings": [in_zone(zone)]}]}
        return self.ask(http, "/v1/pings", body)["decisions"]

    def deliver(self, http, decision_id):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.ask(http, "/v1/outcomes", {"decision_id": decision_id, "type": "delivered", "at": at})

    def ask(self, http, path, body):
        headers = {"Authorization": f"Bearer {self.place.keys.secret}"}
        answer = patiently(lambda: http.post(path, json=body, headers=headers))
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def watch(self):
        """Until all are drained: nothing is ever taken twice."""
        ends_at = time.monotonic() + DRAINED_WITHIN_S
        while self.wanted and time.monotonic() < ends_at:
            for budget in list(self.wanted.values()):
                taken = spent(self.place, budget)
                assert all(used <= budget.limit for used, _ in taken.values()), (budget.name, taken)
                if all(budget.limit - delivered <= budget.left for _, delivered in taken.values()):
                    del self.wanted[budget.name]
            time.sleep(0.2)


def spent(place, budget):
    """By site: (taken, delivered)"""
    found = place.rows(TAKEN, budget.money, budget.name)
    sites = {ANNEX if number >= THERE else SITE for number in budget.places}
    return dict.fromkeys(sites, (0, 0)) | {site: (taken, delivered) for site, taken, delivered in found}


@pytest.fixture(scope="module")
def drained(place):
    with httpx2.Client(base_url=place.service.address, timeout=30) as http:
        make_annex(http, place.keys)
    with place.service.connect() as connection:
        connection.execute(PEOPLE, [PHONES])
    for budget in BUDGETS:
        published(place, budget)
    demand = Demand(place)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(demand.work, seed) for seed in range(CLIENTS)]
        try:
            demand.watch()
        finally:
            demand.wanted.clear()
        for client in clients:
            client.result()
    wait_until(lambda: place.rows("SELECT count(*) FROM grants WHERE open") == [(0,)], 60, "all is released")
    return demand


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_of_a_drained_budget_nothing_is_left_unsold_and_nothing_is_oversold(place, drained, budget):
    for site, (taken, delivered) in spent(place, budget).items():
        assert taken == delivered, "nothing is reserved any more"
        assert 0 <= budget.limit - delivered <= budget.left, f"{site}: {delivered} of {budget.limit}"
    rows = place.rows(
        "SELECT used + late, used, ceiling FROM tallies WHERE starts_with(key, %s)", f"budget:{budget.name}:"
    )
    # A day begins at each site by its own clock, and what one of them gives counts for all.
    assert {counted for counted, _, _ in rows} == {
        delivered for _, delivered in spent(place, budget).values()
    }
    assert all(used <= ceiling for _, used, ceiling in rows)


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_part_of_it_had_come_back_before_it_was_sold(place, drained, budget):
    """Else the demand would have shown nothing."""
    never = (
        "SELECT count(*) FROM grants WHERE campaign = %s AND arm = 'offered' AND NOT open AND outcomes = 0"
    )
    assert place.rows(never, budget.name)[0][0] > 0


def test_many_more_asked_than_there_was_for(drained):
    assert drained.refused > sum(budget.limit for budget in BUDGETS if not budget.money)
