"""Arming timers as phones do: what is to come due, and pings that the service's own code takes as they came then."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from beacon_service import partitions
from beacon_service.configuration.model import Entry
from beacon_service.configuration.store import record
from beacon_service.db import make_engine, round_trip, transaction
from beacon_service.engine import Given
from beacon_service.pings import loading
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.ingest import Asked, ingest
from beacon_service.pings.schema import parse
from beacon_service.service import random_seed
from beacon_service.settings import Settings
from beacon_service.visits.transitions import SILENCE_S
from benchmarks import workload

ZONES = 100
DWELL_S = DELAY_S = 60
# Timers that come due at the same tenth of a second: as evenly as anybody could tell.
GRAIN_MS = 100
# Before the first is due everything has been done once.
WARMING = 200
WARM_UP_S = 12.0

PEOPLE = """
WITH person AS (
    INSERT INTO customers (id, anonymous, attributes, marketing, location, created_at)
    SELECT 'c' || n, false, '{"tier": "gold"}', true, true, now() FROM generate_series(0, %(people)s - 1) AS n
    RETURNING key, id
)
INSERT INTO installations (id, customer_key, token_hash, location, platform, created_at)
SELECT 'p' || substr(id, 2), key, '', true, 'android', now() FROM person
"""


class Timer(NamedTuple):
    """What one phone is to arm: by a ping `ahead_s` before, to come about at `due_at`."""

    number: int
    due_at: datetime
    ahead_s: int
    campaign: str

    @property
    def zone(self) -> int:
        return self.number % ZONES


def planned(scenario: str, due: int, over_s: float, first_at: datetime) -> list[Timer]:
    """The timers in the order in which they are due, those of the warm-up before them."""
    spread = 0.0 if scenario == "rush" else over_s
    warming = [first_at - timedelta(seconds=WARM_UP_S / 2 * (1 - n / WARMING)) for n in range(WARMING)]
    counted = [first_at + timedelta(seconds=spread * n / due) for n in range(due)]
    return [_timer(scenario, number, at) for number, at in enumerate((*warming, *counted))]


def _timer(scenario: str, number: int, at: datetime) -> Timer:
    due_at = datetime.fromtimestamp(round(at.timestamp() * 1000) // GRAIN_MS * GRAIN_MS / 1000, UTC)
    if scenario != "timers":
        return Timer(number, due_at, DELAY_S, "later")
    return Timer(number, due_at, *((SILENCE_S, "leave") if number % 2 else (DWELL_S, "stay")))


def configuration(scenario: str) -> list[Entry]:
    """A hundred zones and of each kind of campaign one that is due and one that it outranks; caps, and a budget."""
    zones = [_zone(zone) for zone in range(ZONES)]
    triggers: dict[str, Mapping[str, Any]] = {
        "later": {"move": "entered", "delay_s": DELAY_S, "tags": ["stay", "leave"]},
        "stay": {"move": "dwelled", "dwell_s": DWELL_S, "tags": ["stay"]},
        "leave": {"move": "exited", "tags": ["leave"]},
    }
    wanted = ("stay", "leave") if scenario == "timers" else ("later",)
    campaigns = [
        _campaign(f"{name}{suffix}", triggers[name], priority=priority)
        for name in wanted
        for suffix, priority in (("", 10), ("-else", 5))
        if scenario == "timers" or not suffix
    ]
    cap = {"scope": "all", "subject": "customer", "limit": 4, "counts": "decided", "tz": "site"}
    policy = {"caps": [{**cap, "window": {"kind": "rolling", "n": 1, "unit": "day"}}], "hold_out": 0.0}
    return [
        Entry("site", workload.SITE, {"id": workload.SITE, "name": "Benchmark", "time_zone": "UTC"}),
        *(Entry("zone", f"{workload.SITE}/{zone['id']}", zone) for zone in zones),
        *(Entry("campaign", campaign["id"], campaign) for campaign in campaigns),
        Entry("policy", "policy", policy),
    ]


def _zone(number: int) -> dict[str, Any]:
    return {
        "site": workload.SITE, "id": workload.zone_name(number), "floor": None, "name": f"Cell {number}",
        "geometry": json.loads(workload.zone_polygon(number)), "tags": [("stay", "leave")[number % 2]],
        "priority": 0, "sensitive": False, "dwell_s": [], "enter_confirm": None, "exit_hold_s": None,
    }  # fmt: skip


def _campaign(name: str, trigger: Mapping[str, Any], *, priority: int) -> dict[str, Any]:
    offer = {
        "id": "offer",
        "title": "For you",
        "body": "Show this at the till.",
        "image_url": None,
        "link": None,
    }
    return {
        "id": name, "name": name, "revision": 1, "status": "published", "priority": priority, "trigger": dict(trigger),
        "starts_at": None, "ends_at": None, "audience": {"attribute": "tier", "op": "eq", "value": "gold"},
        "dayparts": [], "caps": [], "budget": {"total": 1_000_000, "per_day": None}, "hold_out": 0.0,
        "obeys_policy": True, "counts_towards_policy": True,
        "offers": [{**offer, "code": None, "expires_after_s": 3600}],
    }  # fmt: skip


class Arming:
    """Pings as they came when the timers were armed, taken by the service's own code."""

    def __init__(self, url: str, scenario: str, people: int) -> None:
        self._settings = Settings(database_url=url)
        self._engine = make_engine(url, self._settings, connections=2)
        self._catalogue = CatalogueCache()
        now = datetime.now(UTC)
        with transaction(self._engine) as connection:
            partitions.ensure(connection, now.date())
            connection.execute(PEOPLE, {"people": people})
        with Session(self._engine) as session:
            record(session, configuration(scenario), actor="benchmark", at=now)
            session.commit()
        self._catalogue.newest(self._engine)

    def arm(self, timers: Sequence[Timer]) -> None:
        def at(timer: Timer) -> datetime:
            return timer.due_at - timedelta(seconds=timer.ahead_s)

        for armed_at, group in groupby(sorted(timers, key=at), key=at):
            self._enter(list(group), armed_at)

    def _enter(self, timers: Sequence[Timer], at: datetime) -> None:
        body = {"batches": [_ping(timer, at) for timer in timers], "sent_at": at.isoformat()}
        request = parse(json.dumps(body).encode(), most_pings=len(timers))
        with transaction(self._engine) as connection:
            (rows,) = round_trip(connection, [loading.find_installations(request.installation_ids)])
            given = Given(at, self._catalogue.current, random_seed)
            (answer,) = ingest(connection, given, [Asked(request, loading.presented(rows), at)])
        assert all(event.type == "entered" for event in answer.events), "nothing else is due yet"
        assert len(answer.events) == len(timers), "everybody enters a zone"

    def close(self) -> None:
        self._engine.dispose()


def _ping(timer: Timer, at: datetime) -> dict[str, Any]:
    (west, south), (east, _), (_, north), *_ = workload.zone_ring(timer.zone)
    position = {
        "latitude": (south + north) / 2,
        "longitude": (west + east) / 2,
        "accuracy_m": workload.ACCURACY_M,
    }
    ping = {"ping_id": "entering", "at": at.isoformat(), "position": position}
    return {"installation_id": f"p{timer.number}", "pings": [ping]}
