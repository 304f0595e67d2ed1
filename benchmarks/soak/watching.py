"""What processes have in memory, how long pings take and what tables hold, noted every so often while phones send."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from beacon_service import cluster as private_cluster
from beacon_service.cluster import Cluster
from beacon_service.settings import libpq_url
from benchmarks.loader import percentiles
from benchmarks.processes import family, largest_mb, resident_mb
from benchmarks.soak.phones import Reporting
from benchmarks.soak.steadiness import Sample, Table
from benchmarks.telling import progress

TABLES = """
SELECT coalesce(parent.relname, s.relname), sum(n_live_tup)::bigint, sum(n_dead_tup)::bigint,
    sum(pg_relation_size(s.relid))::bigint, sum(pg_indexes_size(s.relid))::bigint, sum(autovacuum_count)::bigint
FROM pg_stat_user_tables AS s
LEFT JOIN pg_inherits ON inhrelid = s.relid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE s.schemaname = 'public'
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """Where is looked; `web` and `worker` are the heads of their families of processes."""

    cluster: Cluster
    url: str
    web: int
    worker: int
    phones: Reporting


@contextmanager
def watching(watched: Watched, every_s: float, samples: list[Sample]) -> Iterator[None]:
    """Add a sample every so often, from a thread of its own."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(watched, every_s, samples, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(watched: Watched, every_s: float, samples: list[Sample], done: threading.Event) -> None:
    began = last = time.monotonic()
    names = _Names(watched.web, watched.worker)
    with psycopg.connect(libpq_url(watched.url), autocommit=True) as connection:
        while not done.wait(max(0.0, began + every_s * (len(samples) + 1) - time.monotonic())):
            now = time.monotonic()
            latencies = watched.phones.taken_latencies_ms()
            memory = names.memory_mb() | {"the largest of PostgreSQL's": _largest_backend_mb(watched.cluster)}
            tables = {name: Table(*rest) for name, *rest in connection.execute(TABLES) if any(rest[:2])}
            cuts = percentiles(latencies) if len(latencies) > 1 else [0.0] * 99
            speed = len(latencies) / (now - last)
            samples.append(Sample(now - began, speed, cuts[49], cuts[98], memory, tables))
            last = now
            progress.print(line(samples[-1]), markup=False)


class _Names:
    """Processes by name, which each keeps; one that takes the place of another gets a new one."""

    def __init__(self, web: int, worker: int) -> None:
        self._roots = {"web": web, "worker": worker}
        self._names = {web: "the parent of web", worker: "worker"}

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
    return largest_mb(postmaster, "RssAnon") if postmaster else 0.0


def line(sample: Sample) -> str:
    memory = ", ".join(f"{name} {mb:.0f}" for name, mb in sample.memory_mb.items())
    dead = sorted(sample.tables.items(), key=lambda item: item[1].dead, reverse=True)[:3]
    rotten = ", ".join(f"{name} {table.dead:,} of {table.live:,}" for name, table in dead)
    vacuums = sum(table.autovacuums for table in sample.tables.values())
    return (
        f"{sample.at_s / 60:5.1f} min  {sample.pings_per_s:,.0f}/s  p50 {sample.p50_ms:.0f}  p99 {sample.p99_ms:.0f} ms"
        f"  MB: {memory}  dead: {rotten}  autovacuums {vacuums}"
    )
