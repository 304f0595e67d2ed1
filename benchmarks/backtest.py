"""How fast recorded traffic goes through the engine again: verified, located anew, and under another cap.

python -m benchmarks.backtest [--pings 200000] [--json]

The realistic mix of the other benchmarks, a thousand zones with three campaigns each: 80 % of the pings change nothing,
15 % move, 5 % make an offer. The service's own code takes them in batches of a hundred, each at its time of a virtual
clock; then one process replays what was recorded. Told are recorded pings a second of the clock, and microseconds of
processor a ping of that process and of its PostgreSQL backend. Verified, nothing may differ; under the other cap there
must be more offers. The aim is 15 000 pings a second from recorded positions; the exit status says whether it is met.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg
from sqlalchemy.orm import Session

from beacon_service import partitions
from beacon_service.backtests.backtest import backtest
from beacon_service.backtests.model import Asked, Handle, Instead
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.configuration.model import Entry
from beacon_service.configuration.store import record
from beacon_service.db import make_engine, round_trip, transaction
from beacon_service.engine import Given
from beacon_service.pings import ingest, loading, snapshots
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.schema import parse
from beacon_service.service import random_seed
from beacon_service.settings import Settings, libpq_url
from benchmarks import workload
from benchmarks.cluster import copy_database, durable_cluster, settle
from benchmarks.processes import processor_s
from benchmarks.service import documents, people

AIM = 15_000
BATCH = 100
# As often as people report in the benchmarks' walks.
STEP = timedelta(seconds=workload.STEP_S)


class Measured(NamedTuple):
    what: str
    pings: int
    seconds: float
    python_us: float
    postgres_us: float
    report: dict[str, Any]

    @property
    def pings_per_s(self) -> float:
        return self.pings / self.seconds


class Recording:
    """A history, made by the service's own code."""

    def __init__(self, url: str, walkers: int) -> None:
        self._engine = make_engine(url, Settings(database_url=url), connections=2)
        self._catalogue = CatalogueCache()
        self.began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        people.found(url, walkers)
        with transaction(self._engine) as connection:
            partitions.ensure(connection, self.began_at.date())
        with Session(self._engine) as session:
            record(session, list(_configuration()), actor="benchmark", at=self.began_at)
            session.commit()
        self._catalogue.newest(self._engine)
        with transaction(self._engine) as connection:
            snapshots.take(connection, self.began_at.date(), self.began_at)

    def walk(self, walkers: int) -> datetime:
        """Everybody's steps, a hundred people at a time; answers when it was over."""
        walks = [workload.walk(person, seed=1, mix=workload.REALISTIC) for person in range(walkers)]
        now = self.began_at
        for step in zip(*walks, strict=True):
            now += STEP
            for first in range(0, len(step), BATCH):
                self._take(step[first : first + BATCH], now + timedelta(milliseconds=first // BATCH))
        return now + STEP

    def _take(self, pings: Sequence[workload.PlannedPing], now: datetime) -> None:
        batches = [
            {"installation_id": workload.person_name(one.person), "pings": [_ping(one, now)]} for one in pings
        ]
        request = parse(msgspec.json.encode({"sent_at": now, "batches": batches}), most_pings=BATCH)
        with transaction(self._engine) as connection:
            (rows,) = round_trip(connection, [loading.find_installations(request.installation_ids)])
            given = Given(now, self._catalogue.current, random_seed)
            asked = ingest.Asked(request, loading.presented(rows), now)
            (answer,) = ingest.ingest(connection, given, [asked])
        assert {one.status for one in answer.results} == {"accepted"}, answer.results

    def close(self) -> None:
        self._engine.dispose()


def _ping(ping: workload.PlannedPing, at: datetime) -> dict[str, Any]:
    position = {
        "latitude": ping.latitude,
        "longitude": ping.longitude,
        "accuracy_m": workload.ACCURACY_M,
    }
    return {"ping_id": str(ping.step), "at": at, "position": position}


def _configuration() -> Iterator[Entry]:
    site = {"id": workload.SITE} | documents.SITE
    yield Entry("site", workload.SITE, site)
    for feature in documents.zones()["features"]:
        plain: dict[str, Any] = {"floor": None, "tags": [], "priority": 0, "sensitive": False, "dwell_s": []}
        about = {"site": workload.SITE, "id": feature["id"], "name": feature["properties"]["name"]}
        holds = {"enter_confirm": None, "exit_hold_s": None, "geometry": feature["geometry"]}
        yield Entry("zone", f"{workload.SITE}/{feature['id']}", about | plain | holds)
    for name, document in documents.campaigns().items():
        yield Entry("campaign", name, _campaign(name, document))
    yield Entry("policy", "policy", _policy(workload.OFFERS_PER_CUSTOMER_AND_DAY))


def _campaign(name: str, document: dict[str, Any]) -> dict[str, Any]:
    return {**CampaignIn.model_validate(document).document(name), "revision": 1}


def _policy(offers_a_day: int) -> dict[str, Any]:
    policy = documents.policy(offers_a_day)
    return policy | {"caps": [cap | {"tz": "site"} for cap in policy["caps"]]}


def measured(url: str, what: str, asked: Asked) -> Measured:
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        with _counting(connection.info.backend_pid) as counted:
            report = backtest(connection, asked, Handle(lambda _: None, lambda _: None, lambda: True))
    pings = report["pings"]
    return Measured(what, pings, counted[0], counted[1] / pings, counted[2] / pings, report)


@contextmanager
def _counting(backend: int) -> Iterator[list[float]]:
    """Seconds of the clock; microseconds of processor of this process, and of the connection's backend."""
    found: list[float] = []
    began = time.perf_counter(), time.process_time(), processor_s(backend) * 1e6
    yield found
    found += [
        time.perf_counter() - began[0],
        (time.process_time() - began[1]) * 1e6,
        processor_s(backend) * 1e6 - began[2],
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--pings", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    walkers = max(BATCH, options.pings // (workload.STEPS + 1))
    with durable_cluster() as cluster:
        url = copy_database(cluster, "backtest")
        recording = Recording(url, walkers)
        print(f"recording {walkers * (workload.STEPS + 1)} pings", file=sys.stderr)
        until = recording.walk(walkers)
        recording.close()
        settle(url)
        since = recording.began_at
        six = (Instead("policy", "policy", _policy(workload.OFFERS_PER_CUSTOMER_AND_DAY + 2)),)
        found = [
            measured(url, "recorded positions, verified", Asked(since, until)),
            measured(url, "located anew, verified", Asked(since, until, anew=True)),
            measured(url, "recorded positions, two offers a day more", Asked(since, until, six)),
        ]
    for one in found:
        print(
            f"{one.what}: {one.pings_per_s:,.0f} pings/s, {one.python_us:.0f} us of Python and"
            f" {one.postgres_us:.0f} us of PostgreSQL a ping; {one.report['decisions']} decisions,"
            f" {one.report['differences']} differences, {one.report['peak_mb']} MB",
        )
    is_sound = [one.report["differences"] for one in found[:2]] == [0, 0] and found[2].report["kinds"]
    if options.json:
        names = ("recorded", "anew", "changed")
        told: dict[str, Any] = {
            f"{name}_pings_per_s": round(one.pings_per_s) for name, one in zip(names, found, strict=True)
        }
        print(json.dumps(told | {"pings": found[0].pings, "sound": bool(is_sound)}))
    return 0 if is_sound and found[0].pings_per_s >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
