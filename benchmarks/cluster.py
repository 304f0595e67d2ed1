"""A PostgreSQL cluster of the benchmark's own: durable as in production, and gone afterwards."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

# Durability stays at its defaults: fsync, full_page_writes and synchronous_commit are on.
# The rest is the same for every contestant: room for the working set, no checkpoint in mid-round by WAL size.
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "log_min_messages": "warning",
}
DEBIAN_VERSIONS = Path("/usr/lib/postgresql")
START_S, STOP_S = 30, 30


@dataclass(frozen=True, slots=True)
class Cluster:
    directory: Path

    def url(self, database: str, *, driver: str = "postgresql") -> str:
        return f"{driver}://postgres@/{database}?host={self.directory}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, by copying another if named, and give its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return self.url(name)

    def checkpoint(self) -> None:
        """Write out what earlier work left behind, so that nobody's round pays for another's."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def durable_cluster() -> Iterator[Cluster]:
    """A running cluster in a fresh private directory, stopped and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="beacon-bench-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        data = directory / "data"
        _run(_as_postgres("initdb", "--pgdata", str(data), "--username=postgres", "--auth=trust", "--encoding=UTF8"))
        options = " ".join(f"-c {name}={value or repr('')}" for name, value in SETTINGS.items())
        options += f" -c unix_socket_directories={directory}"
        log = str(directory / "log")
        _run(_as_postgres("pg_ctl", "start", "-w", "-t", str(START_S), "-D", str(data), "-l", log, "-o", options))
        try:
            yield Cluster(directory)
        finally:
            _run(_as_postgres("pg_ctl", "stop", "-w", "-t", str(STOP_S), "-D", str(data), "-m", "immediate"))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def durable_write_ms(cluster: Cluster, writes: int = 50) -> float:
    """The median of one small durable write where the cluster lives: what every commit waits for, at least."""
    path = cluster.directory / "durable-write"
    taken_ms = []
    with path.open("wb", buffering=0) as file:
        for _ in range(writes):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            taken_ms.append(1000 * (time.perf_counter() - began))
    path.unlink()
    return statistics.median(taken_ms)


def _as_postgres(program: str, *arguments: str) -> list[str]:
    """The command line of a server program; PostgreSQL refuses to run as root, so root steps down."""
    command = [str(_program(program)), *arguments]
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]


def _program(name: str) -> Path:
    found = shutil.which(name)
    versions = sorted(DEBIAN_VERSIONS.glob("*"), key=lambda path: float(path.name), reverse=True)
    candidates = [*(version / "bin" / name for version in versions), *([Path(found)] if found else [])]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise SystemExit("PostgreSQL is missing: apt-get install postgresql-15 postgresql-15-postgis-3")


def _run(command: Sequence[str]) -> None:
    # Output goes nowhere rather than to a pipe: the server would inherit the pipe and keep it open.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", timeout=60)
