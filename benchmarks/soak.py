"""`python -m benchmarks.soak`: whether web processes, worker and database stay as they are under a load that goes on.

First it is measured how many single pings a second they answer at most; then phones send half as many, every answer is
checked, and the worker fires silences and closes reservations (offers expire after five minutes). Every half minute it
is noted what each process has in memory, how long pings took from when they were due, and how large tables are and how
much in them is dead. The verdict: no process grows, the last third is as fast as the first, no table holds more than
its rows need. The exit status is 0 only if all that is certain; a line of JSON comes last.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from beacon_service import cluster as private_cluster
from beacon_service.cluster import Cluster
from beacon_service.postgresql import ClusterError
from beacon_service.settings import libpq_url
from benchmarks.cluster import copy_database, durable_cluster
from benchmarks.growth import filling
from benchmarks.growth.asking import Refused
from benchmarks.growth.disk import GB, WORKING_BYTES
from benchmarks.growth.measuring import Ground, Wrongs, singles
from benchmarks.growth.open_loop import OpenLoop, people_for
from benchmarks.growth.processes import family, resident_mb
from benchmarks.growth.run import progress, told
from benchmarks.growth.sizes import Size
from benchmarks.growth.steadiness import (
    Judged,
    Sample,
    Table,
    judged_bloat,
    judged_memory,
    judged_p99,
    overall,
)
from benchmarks.servers import Server, ServerFailed, without_paths
from benchmarks.service.contestant import Service

ZONES, CUSTOMERS = 1_000, 50_000
SATURATING_S = 8.0
EXPIRES_AFTER_S = 300
# A ping with its share of decisions, grants and moves, generously: `make bench-growth` measures it.
BYTES_A_PING = 2_500
STOP_S = 30.0

TABLES = """
SELECT coalesce(parent.relname, s.relname), sum(n_live_tup)::bigint, sum(n_dead_tup)::bigint,
    sum(pg_relation_size(s.relid))::bigint, sum(pg_indexes_size(s.relid))::bigint, sum(autovacuum_count)::bigint
FROM pg_stat_user_tables AS s
LEFT JOIN pg_inherits ON inhrelid = s.relid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE s.schemaname = 'public'
GROUP BY 1
"""
# Only where rows are rewritten or go can a table hold more than it needs.
REWRITTEN = """
SELECT s.relname, pg_total_relation_size(s.relid), coalesce(array_to_string(c.reloptions, ', '), '')
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
WHERE s.schemaname = 'public' AND n_tup_upd + n_tup_del > 0 ORDER BY s.relname
"""


@dataclass(slots=True)
class Soak:
    """What there is so far; told also when the soak ends early."""

    seconds: float
    every_s: float
    web: int
    rate: float | None = None
    saturation: float | None = None
    answered: int = 0
    wrong: int = 0
    first_wrong: str | None = None
    samples: list[Sample] = field(default_factory=list)
    verdicts: list[Judged] = field(default_factory=list)

    def all(self) -> None:
        with durable_cluster() as cluster:
            url = copy_database(cluster, "soak")
            with told("filling the database"):
                filling.found(url, CUSTOMERS)
                for _ in filling.add_shops(url, 0, 1):
                    pass
                filling.add_campaigns(url, expires_after_s=EXPIRES_AFTER_S)
                filling.settle(url)
            with Service(url, self.web).serving() as server, _working(url) as worker:
                rate = self._chosen_rate(cluster, url, server)
                customers = people_for(rate, self.seconds)
                self._insist_on_room(cluster, rate)
                with told(f"{customers:,} customers"):
                    for _ in filling.add_people(url, CUSTOMERS, customers):
                        pass
                    filling.settle(url)
                self._soak(cluster, url, server, worker, OpenLoop(server.port, rate, customers, 1))
            names = sorted({name for sample in self.samples for name in sample.memory_mb})
            self.verdicts += [judged_memory(name, self.samples) for name in names]
            self.verdicts.append(judged_p99(self.samples))
            with told("what tables hold and what they need"):
                self.verdicts += [
                    judged_bloat(table, held=held, needed=needed) for table, held, needed in _sizes(url)
                ]

    def _chosen_rate(self, cluster: Cluster, url: str, server: Server) -> float:
        with told("how many single pings a second they answer at most"):
            wrongs = Wrongs(1)
            size = Size(ZONES, CUSTOMERS, 0, self.web)
            speed = singles(Ground(cluster, url, size, 0, SATURATING_S), server, wrongs)
        self.saturation = speed.pings_per_s
        self.rate = self.rate or self.saturation / 2
        self._note(wrongs)
        return self.rate

    def _insist_on_room(self, cluster: Cluster, rate: float) -> None:
        need = round(rate * self.seconds * BYTES_A_PING) + WORKING_BYTES
        free = shutil.disk_usage(cluster.home).free
        if need > free:
            raise Refused(f"so long a soak needs {need / GB:.0f} GB of disk, and {free / GB:.0f} are free")

    def _soak(self, cluster: Cluster, url: str, server: Server, worker: int, loop: OpenLoop) -> None:
        done = threading.Event()
        watcher = threading.Thread(
            target=self._watch, args=(cluster, url, server, worker, loop, done), daemon=True
        )
        with told(f"{self.rate:,.0f} pings a second for {self.seconds / 60:.1f} minutes"):
            watcher.start()
            try:
                loop.run(self.seconds)
            finally:
                done.set()
                watcher.join()
                self.answered = loop.answered
                self._note(loop.wrongs)

    def _watch(  # noqa: PLR0913, PLR0917 - where it looks, in one place
        self, cluster: Cluster, url: str, server: Server, worker: int, loop: OpenLoop, done: threading.Event
    ) -> None:
        began = last = time.monotonic()
        names = _Names(server.pid, worker)
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            while not done.wait(max(0.0, began + self.every_s * (len(self.samples) + 1) - time.monotonic())):
                now = time.monotonic()
                latencies = loop.taken_latencies_ms()
                memory = names.memory_mb() | {"the largest of PostgreSQL's": _largest_backend_mb(cluster)}
                tables = {name: Table(*rest) for name, *rest in connection.execute(TABLES) if any(rest[:2])}
                cuts = (
                    statistics.quantiles(latencies, n=100, method="inclusive")
                    if len(latencies) > 1
                    else [0.0] * 99
                )
                sample = Sample(
                    now - began, len(latencies) / (now - last), cuts[49], cuts[98], memory, tables
                )
                self.samples.append(sample)
                last = now
                progress.print(line(sample), markup=False)

    def _note(self, wrongs: Wrongs) -> None:
        self.wrong += wrongs.count
        self.first_wrong = self.first_wrong or wrongs.first


class _Names:
    """Processes by name, which each keeps; one that takes the place of another gets a new one."""

    def __init__(self, server: int, worker: int) -> None:
        self._roots = {"web": server, "worker": worker}
        self._names = {server: "the parent of web", worker: "worker"}

    def memory_mb(self) -> dict[str, float]:
        found = {}
        for kind, root in self._roots.items():
            for pid in family(root):
                if pid not in self._names:
                    number = sum(name.startswith(f"{kind} ") for name in self._names.values())
                    self._names[pid] = f"{kind} {number + 1}"
                found[self._names[pid]] = resident_mb(pid)
        return found


def _largest_backend_mb(cluster: Cluster) -> float:
    """Of its own memory alone: the buffers that all share fill up, and that is what they are for."""
    postmaster = private_cluster.running_pid(cluster)
    return (
        max((resident_mb(pid, "RssAnon") for pid in family(postmaster)), default=0.0) if postmaster else 0.0
    )


def line(sample: Sample) -> str:
    memory = ", ".join(f"{name} {mb:.0f}" for name, mb in sample.memory_mb.items())
    dead = sorted(sample.tables.items(), key=lambda item: item[1].dead, reverse=True)[:3]
    rotten = ", ".join(f"{name} {table.dead:,} of {table.live:,}" for name, table in dead)
    vacuums = sum(table.autovacuums for table in sample.tables.values())
    return (
        f"{sample.at_s / 60:5.1f} min  {sample.pings_per_s:,.0f}/s  p50 {sample.p50_ms:.0f}  p99 {sample.p99_ms:.0f} ms"
        f"  MB: {memory}  dead: {rotten}  autovacuums {vacuums}"
    )


@contextmanager
def _working(url: str) -> Iterator[int]:
    """A worker as an operator starts it; its process id."""
    command = [str(Path(sys.executable).with_name("beacon-service")), "worker"]
    environment = {**os.environ, "BEACON_DATABASE_URL": url, "BEACON_LOG_LEVEL": "error"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process.pid
            if process.poll() is not None:
                raise ServerFailed(f"the worker ended by itself (status {process.returncode})")
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _sizes(url: str) -> list[tuple[str, int, int]]:
    """Tables whose rows were rewritten: bytes that they hold after VACUUM, and that the same rows take anew."""
    found = []
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM")
        for name, held, options in connection.execute(REWRITTEN).fetchall():
            table = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE TABLE soak_copy (LIKE {} INCLUDING ALL)").format(table))
            if options:
                connection.execute(f"ALTER TABLE soak_copy SET ({options})".encode())
            copy = sql.SQL("INSERT INTO soak_copy OVERRIDING SYSTEM VALUE SELECT * FROM {}")
            connection.execute(copy.format(table))
            row = connection.execute("SELECT pg_total_relation_size('soak_copy')").fetchone()
            connection.execute("DROP TABLE soak_copy")
            assert row is not None, "a size is a row"
            found.append((name, held, row[0]))
    return found


def as_json(soak: Soak) -> str:
    told_ = {
        "verdict": overall(soak.verdicts),
        "minutes": round(soak.seconds / 60, 2),
        "web_processes": soak.web,
        "saturation_pings_per_s": soak.saturation and round(soak.saturation, 1),
        "pings_per_s": soak.rate and round(soak.rate, 1),
        "answered": soak.answered,
        "wrong_answers": soak.wrong,
        "verdicts": [asdict(one) for one in soak.verdicts],
        "samples": [asdict(sample) for sample in soak.samples],
    }
    return json.dumps(told_)


def status(verdicts: Sequence[Judged], wrong: int) -> int:
    return 0 if overall(verdicts) == "flat" and not wrong else 1


def _tell(soak: Soak) -> None:
    for one in soak.verdicts:
        print(f"{one.state:18} {one.what}: {one.told}")
    wrong = (
        f"{soak.wrong} WRONG ANSWERS, the first: {soak.first_wrong}"
        if soak.wrong
        else "every answer as it must be"
    )
    print(f"{soak.answered:,} pings answered, {wrong}")
    print(as_json(soak))


def main() -> int:
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soak = Soak(options.minutes * 60, options.every, options.web, options.rate)
    early = 0
    try:
        soak.all()
    except (ServerFailed, ClusterError, Refused, OSError, psycopg.Error) as failure:
        progress.print(f"The soak ended early: {without_paths(str(failure))}", markup=False, style="red")
        early = 1
    except KeyboardInterrupt:
        early = 130
    _tell(soak)
    return early or status(soak.verdicts, soak.wrong)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=_positive, default=30.0, help="how long phones send (default 30)")
    parser.add_argument(
        "--rate", type=_positive, help="pings a second (default: half of what can be answered)"
    )
    parser.add_argument(
        "--web", type=int, default=2, choices=range(1, 17), metavar="N", help="web processes (default 2)"
    )
    parser.add_argument("--every", type=_positive, default=30.0, help="seconds between samples (default 30)")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
