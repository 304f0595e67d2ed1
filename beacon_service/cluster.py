"""A private PostgreSQL + PostGIS cluster, for machines where nobody has set up a database.

It listens on a unix socket in a directory that only its owner can enter, and on no TCP port; whoever can
open the socket is let in, so there is no password to keep.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from beacon_service import data_directory, database_owner, postmaster
from beacon_service.data_directory import PORT, SUPERUSER
from beacon_service.postgresql import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beacon_service.settings import DatabaseSettings

DATABASE = "beacon"
# The service's own role owns its database and is no superuser: an SQL injection must not become a shell.
ROLE = "beacon"

# Recovery after a crash replays up to max_wal_size of log, which takes minutes on a slow disk.
LONGEST_RECOVERY_S = 300

# sun_path holds 108 bytes with its terminator; PostgreSQL adds "/.s.PGSQL.5432" and a lock file's suffix.
LONGEST_SOCKET_DIR = 80


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by the directory that holds all of it: data, log and (where the path is short) the socket."""

    home: Path
    unsafe: bool = False

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def socket_dir(self) -> Path:
        inside = self.home / "socket"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR:
            return inside
        return Path(tempfile.gettempdir()) / f"beacon-service-{os.getuid()}-{_short_hash(self.home)}"

    def url(self, *, database: str = DATABASE, role: str = ROLE) -> str:
        socket_dir = quote(str(self.socket_dir), safe="")
        return f"postgresql+psycopg://{role}@/{database}?host={socket_dir}&port={PORT}"

    def connect(self, *, database: str, role: str = SUPERUSER) -> psycopg.Connection:
        """Open a connection in autocommit mode, as CREATE DATABASE and the like need it."""
        host = str(self.socket_dir)
        return psycopg.connect(host=host, port=PORT, dbname=database, user=role, autocommit=True)


def default_home() -> Path:
    """`var/cluster` in the checkout, or in the working directory where there is no checkout.

    Run as root: a directory of the checkout's own under /var/lib, since `postgres` cannot reach into /root.
    """
    beside_package = Path(__file__).resolve().parents[1]
    root = beside_package if (beside_package / "pyproject.toml").exists() else Path.cwd()
    if os.geteuid() != 0:
        return root / "var" / "cluster"
    return Path("/var/lib/beacon-service") / f"{root.name}-{_short_hash(root)}"


def private_cluster(settings: DatabaseSettings) -> Cluster:
    """The cluster of this installation."""
    return Cluster((settings.cluster_dir or default_home()).resolve())


def resolve_url(settings: DatabaseSettings) -> str:
    """The database's URL, with the private cluster started where the settings name no database."""
    return settings.database_url or start(private_cluster(settings))


def start(cluster: Cluster) -> str:
    """Make what is missing, start what is stopped, and answer the database's URL; safe to call twice."""
    database_owner.own_directory(cluster.home)
    with _locked(cluster):
        database_owner.own_directory(cluster.socket_dir)
        if not cluster.data.exists():
            data_directory.initialise(cluster.data, unsafe=cluster.unsafe, log=cluster.log)
        _bring_up(cluster)
        _prepare_database(cluster)
    return cluster.url()


def stop(cluster: Cluster) -> bool:
    """Stop the cluster after its open transactions are rolled back; False if it was not running."""
    if not cluster.home.exists():
        return False
    with _locked(cluster):
        if running_pid(cluster) is None:
            return False
        _pg_ctl(cluster, "stop", "-m", "fast", "-t", "60")
    return True


def running_pid(cluster: Cluster) -> int | None:
    """The server's process id, or None."""
    return postmaster.running_pid(cluster.data)


@contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    """Hold the cluster's lock file: two services starting at once must not both run initdb."""
    with (cluster.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bring_up(cluster: Cluster) -> None:
    """Until it answers: start it where it is not running, wait where it is recovering or about to die."""
    gives_up_at = time.monotonic() + LONGEST_RECOVERY_S
    while not _answers(cluster):
        if running_pid(cluster) is None:
            data_directory.configure(cluster.data, unsafe=cluster.unsafe, socket_dir=cluster.socket_dir)
            _launch(cluster)
        elif time.monotonic() < gives_up_at:
            time.sleep(0.05)
        else:
            raise ClusterError(f"the database server runs but does not answer; see {cluster.log}")


def _answers(cluster: Cluster) -> bool:
    try:
        cluster.connect(database="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _launch(cluster: Cluster) -> None:
    """Start it; after a crash as soon as the last orphan of the old server has noticed and gone."""
    crashed = postmaster.retire_dead_pid(cluster.data, cluster.socket_dir)
    gives_up_at = time.monotonic() + (10 if crashed else 0)
    while True:
        try:
            return _pg_ctl(cluster, "start", "-l", str(cluster.log), "-t", str(LONGEST_RECOVERY_S))
        except ClusterError:
            if time.monotonic() >= gives_up_at:
                raise
        time.sleep(0.2)


def _prepare_database(cluster: Cluster) -> None:
    """Create role, database and extension where they are missing."""
    with cluster.connect(database="postgres") as server:
        if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            names = (sql.Identifier(DATABASE), sql.Identifier(ROLE))
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
    with cluster.connect(database=DATABASE) as database:
        if database.execute("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").fetchone():
            return
        try:
            database.execute("CREATE EXTENSION postgis")
        except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
            version = data_directory.version(cluster.data)
            message = f"PostGIS is not installed for PostgreSQL {version}; install the package "
            raise ClusterError(message + f"postgresql-{version}-postgis-3") from None


def _pg_ctl(cluster: Cluster, action: str, *arguments: str) -> None:
    """Start or stop the server, and wait until it is."""
    pg_ctl = data_directory.programs(cluster.data) / "pg_ctl"
    database_owner.run(pg_ctl, action, "-D", str(cluster.data), "-w", "-s", *arguments, log=cluster.log)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
