"""A PostgreSQL cluster of the benchmark's own: durable as in production, and gone afterwards."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from beacon_service import cluster as private_cluster
from beacon_service.cluster import Cluster
from beacon_service.settings import libpq_url


@contextmanager
def durable_cluster() -> Iterator[Cluster]:
    """The service's own kind of cluster in a fresh private directory, stopped and removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="beacon-bench-"))
    cluster = Cluster(home)
    try:
        private_cluster.start(cluster)
        _insist_on_durability(cluster)
        yield cluster
    finally:
        try:
            private_cluster.stop(cluster)
        finally:
            shutil.rmtree(cluster.socket_dir, ignore_errors=True)
            shutil.rmtree(home, ignore_errors=True)


def copy_database(cluster: Cluster, name: str, *, template: str = private_cluster.DATABASE) -> str:
    """Copy a database (by default the empty one, which has PostGIS) and give the copy's URL."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    names = (sql.Identifier(name), sql.Identifier(template), sql.Identifier(private_cluster.ROLE))
    with cluster.connect(database="postgres") as server:
        server.execute(statement.format(*names))
    return cluster.url(database=name)


def checkpoint(cluster: Cluster) -> None:
    """Write out what earlier work left behind, so that nobody's round pays for another's."""
    with cluster.connect(database="postgres") as server:
        server.execute("CHECKPOINT")


def settle(url: str) -> None:
    """Hint bits and the visibility map written, and the planner told: else a measuring would pay for the filling."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def durable_write_ms(cluster: Cluster, writes: int = 50) -> float:
    """The median of a small durable write where the cluster lives: what a commit waits for, at least."""
    path = cluster.home / "durable-write"
    taken_ms = []
    with path.open("wb", buffering=0) as file:
        for _ in range(writes):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            taken_ms.append(1000 * (time.perf_counter() - began))
    path.unlink()
    return statistics.median(taken_ms)


def _insist_on_durability(cluster: Cluster) -> None:
    """A benchmark of commits that may be lost would measure nothing worth having."""
    with cluster.connect(database="postgres") as server:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            _insist(server, setting)


def _insist(server: psycopg.Connection, setting: str) -> None:
    row = server.execute("SELECT current_setting(%s)", [setting]).fetchone()
    if row != ("on",):
        raise SystemExit(f"the benchmark's cluster runs with {setting} = {row}; it must be on")
