"""How late workers fire what is due: ten thousand timers, or moments that wait, within a minute.

python -m benchmarks.timers [--scenario timers|waiting|rush] [--due 10000] [--over 60] [--workers 2] [--rounds 1]
    [--json]

timers: half are dwell thresholds and half are silent exits. waiting: moments that their campaign delayed. rush: the
same, all due at one instant, as what was held is when quiet hours end. All are armed by the service's own code, from
pings of phones that entered a zone as long ago as it takes, and fired by workers as an operator starts them, on a
durable cluster. A timer was fired when the transaction that keeps its move and its decision was committed, by the
database's own word. Each must be fired exactly once, at the time that it was armed for, and bring the offer that it
is due.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg

from beacon_service import cluster as private_cluster
from beacon_service import logs, migration
from beacon_service.cluster import Cluster
from beacon_service.settings import Settings, libpq_url
from benchmarks.arming import WARM_UP_S, WARMING, Arming, Timer, planned
from benchmarks.cluster import checkpoint, copy_database, durable_cluster
from benchmarks.service.programs import working

LONGEST_ARMING_S = 60.0
# What was not fired so long after the last was due never will be.
PATIENCE_S = 60.0
LATE_S = 1.0

# What is due, as it stands before any worker runs.
ARMED = """
CREATE TABLE armed AS
SELECT i.key AS phone, i.customer_key AS customer, {due_at} AS due_at, substr(i.id, 2)::integer AS number
FROM {table} AS t JOIN installations AS i ON i.key = t.installation_key WHERE {due_at} IS NOT NULL
"""
FIRED = """
SELECT a.number, a.due_at, pg_xact_commit_timestamp(m.xmin), m.at, m.type, d.campaign
FROM armed AS a
LEFT JOIN moves AS m ON m.installation_key = a.phone AND m.cause = 'timer'
LEFT JOIN decisions AS d ON d.installation_key = a.phone AND d.move = m.type AND d.at = m.at
ORDER BY a.number
"""
DECIDED = """
SELECT a.number, a.due_at, pg_xact_commit_timestamp(d.xmin), d.at, d.move, d.campaign
FROM armed AS a
LEFT JOIN decisions AS d ON d.installation_key = a.phone AND d.campaign IS NOT NULL
ORDER BY a.number
"""


class Fired(NamedTuple):
    """What became of one timer: when it was due, when it was committed, and what it came to."""

    number: int
    due_at: datetime
    fired_at: datetime | None = None
    at: datetime | None = None
    move: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Lags in seconds, from due to committed; the warm-up is not among them."""

    scenario: str
    due: int
    p50: float
    p99: float
    worst: float
    late: int
    lost: int
    twice: int
    wrong: int
    load_average: float

    @property
    def sound(self) -> bool:
        return not (self.lost or self.twice or self.wrong)


def measure(scenario: str, *, due: int, over_s: float, workers: int) -> Measured:
    with durable_cluster() as cluster:
        _remember_commits(cluster)
        url = copy_database(cluster, "timers")
        migration.upgrade(url)
        logs.configure(Settings(database_url=url))
        arming = Arming(url, scenario, due + WARMING)
        with _working(url, workers):
            first_at = datetime.now(UTC) + timedelta(seconds=LONGEST_ARMING_S + WARM_UP_S)
            timers = planned(scenario, due, over_s, first_at)
            arming.arm(timers)
            arming.close()
            _note_what_is_due(url, scenario, len(timers))
            checkpoint(cluster)
            _sleep_until(first_at - timedelta(seconds=WARM_UP_S))
            _sleep_until(timers[-1].due_at)
            _wait_for_all(url, scenario, len(timers))
        return judge(scenario, timers, *_found(url, scenario))


def _remember_commits(cluster: Cluster) -> None:
    with cluster.connect(database="postgres") as server:
        server.autocommit = True
        server.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    private_cluster.stop(cluster)
    private_cluster.start(cluster)


def _note_what_is_due(url: str, scenario: str, expected: int) -> None:
    table, due_at = ("presence", "t.tick_at") if scenario == "timers" else ("waiting", "t.due_at")
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute(ARMED.format(table=table, due_at=due_at).encode())
        found = connection.execute("SELECT count(*) FROM armed").fetchone()
        assert found == (expected,), f"{found} were armed"
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _working(url: str, workers: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(working(url))
        _wait_until_working(url, workers)
        yield


def _wait_until_working(url: str, workers: int) -> None:
    """Until each has told that it looks for timers."""
    gives_up_at = time.monotonic() + PATIENCE_S
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        while time.monotonic() < gives_up_at:
            row = connection.execute(
                "SELECT count(*) FROM job_runs WHERE job = 'fire_timers' AND runs > 0"
            ).fetchone()
            if row == (workers,):
                return
            time.sleep(0.5)
    raise SystemExit(f"the workers did not start within {PATIENCE_S:.0f} s")


def _sleep_until(at: datetime) -> None:
    """In time, or not at all: whoever comes too late has measured himself."""
    left = (at - datetime.now(UTC)).total_seconds()
    if left < 0:
        raise SystemExit("the timers could not be armed before they were due: leave the machine alone")
    time.sleep(left)


def _wait_for_all(url: str, scenario: str, expected: int) -> None:
    """Until all have been fired, or nobody can believe in it any more; what is missing is told later."""
    counted = (
        "SELECT count(*) FROM moves WHERE cause = 'timer'"
        if scenario == "timers"
        else "SELECT count(*) FROM decisions WHERE campaign IS NOT NULL"
    )
    gives_up_at = time.monotonic() + PATIENCE_S
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        while time.monotonic() < gives_up_at:
            row = connection.execute(counted.encode()).fetchone()
            if row is not None and row[0] >= expected:
                time.sleep(1)  # for one that is fired twice
                return
            time.sleep(0.5)


def _found(url: str, scenario: str) -> tuple[list[Fired], int]:
    """What the database says of each, and how many moments still wait."""
    with psycopg.connect(libpq_url(url)) as connection:
        rows = connection.execute((FIRED if scenario == "timers" else DECIDED).encode()).fetchall()
        left = connection.execute("SELECT count(*) FROM waiting").fetchone()
    assert left is not None, "a count is a row"
    return [Fired(*row) for row in rows], left[0]


def judge(scenario: str, timers: Sequence[Timer], found: Sequence[Fired], left: int = 0) -> Measured:
    """`left`: moments that nobody has decided."""
    lags: list[float] = []
    twice = wrong = 0
    seen: set[int] = set()
    for one in found:
        if one.fired_at is None:
            continue
        twice += one.number in seen
        seen.add(one.number)
        wrong += not _as_planned(timers[one.number], scenario, one)
        if one.number >= WARMING:
            lags.append((one.fired_at - one.due_at).total_seconds())
    lags.sort()
    p50, p99, worst = (_at_share(lags, share) for share in (0.5, 0.99, 1.0))
    late, lost = sum(lag > LATE_S for lag in lags), max(len(timers) - len(seen), left)
    return Measured(scenario, len(lags), p50, p99, worst, late, lost, twice, wrong, os.getloadavg()[0])


def _at_share(lags: Sequence[float], share: float) -> float:
    return lags[min(len(lags) - 1, int(len(lags) * share))] if lags else math.inf


def _as_planned(timer: Timer, scenario: str, one: Fired) -> bool:
    """A move is dated when it was due, and a moment that waited when it came about."""
    moves = {"later": "entered", "stay": "dwelled", "leave": "exited"}
    came_at = timer.due_at if scenario == "timers" else timer.due_at - timedelta(seconds=timer.ahead_s)
    expected = (timer.due_at, came_at, moves[timer.campaign], timer.campaign)
    return (one.due_at, one.at, one.move, one.campaign) == expected


def _told(found: Measured) -> str:
    return (
        f"{found.scenario}: {found.due} due, lag p50 {found.p50:.2f} s, p99 {found.p99:.2f} s, worst "
        f"{found.worst:.2f} s; later than {LATE_S:.0f} s {found.late}, lost {found.lost}, fired twice {found.twice}, "
        f"not as planned {found.wrong}; load average {found.load_average:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=("timers", "waiting", "rush"), default="timers")
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--over", type=float, default=60.0, help="seconds over which they are due")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    for _ in range(asked.rounds):
        found.append(measure(asked.scenario, due=asked.due, over_s=asked.over, workers=asked.workers))
        print(_told(found[-1]), file=sys.stderr if asked.json else sys.stdout)
    if asked.json:
        print(json.dumps({"rounds": [asdict(one) for one in found]}))
    raise SystemExit(0 if all(one.sound for one in found) else 1)


if __name__ == "__main__":
    main()
