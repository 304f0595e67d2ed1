"""A private PostgreSQL + PostGIS cluster, for machines where nobody has set up a database.

It listens on a unix socket in a directory that only its owner can enter, and on no TCP port; whoever can
open the socket is let in, so there is no password to keep. PostgreSQL refuses to run as root: run as root,
everything here is done as the account `postgres` that Debian's package creates.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from beacon_service import postmaster
from beacon_service.postgresql import ClusterError, find_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beacon_service.settings import DatabaseSettings

DATABASE = "beacon"
# The service's own role owns its database and is no superuser: an SQL injection must not become a shell.
ROLE = "beacon"
SUPERUSER = "postgres"
# Part of the socket's name only; said everywhere, or a PGPORT in the environment would be taken.
PORT = 5432

# Recovery after a crash replays up to max_wal_size of log, which takes minutes on a slow disk.
LONGEST_RECOVERY_S = 300

# sun_path holds 108 bytes with its terminator; PostgreSQL adds "/.s.PGSQL.5432" and a lock file's suffix.
LONGEST_SOCKET_DIR = 80

DURABLE = """\
fsync = on
full_page_writes = on
synchronous_commit = on
shared_buffers = '256MB'
max_wal_size = '2GB'
# Half of the log are images of whole pages, of which a third is left; a commit waits for that much less.
wal_compression = lz4
wal_buffers = '64MB'
"""
UNSAFE = """\
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = '64MB'
"""
# Terse logs leave out DETAIL lines and statements: those carry identifiers and positions of people.
COMMON = f"""\
port = {PORT}
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
random_page_cost = 1.1
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
"""


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
    _own_directory(cluster.home)
    with _locked(cluster):
        _own_directory(cluster.socket_dir)
        if not cluster.data.exists():
            _initialise(cluster)
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
        _run(cluster, "pg_ctl", "stop", "-D", str(cluster.data), "-m", "fast", "-w", "-t", "60", "-s")
    return True


def running_pid(cluster: Cluster) -> int | None:
    """The server's process id, or None."""
    return postmaster.running_pid(cluster.data)


def _binaries(cluster: Cluster) -> Path:
    version_file = cluster.data / "PG_VERSION"
    return find_binaries(version_file.read_text().strip() if version_file.exists() else None)


def _owner() -> pwd.struct_passwd | None:
    """The account to drop to, or None where we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        message = "there is no account named postgres to run the database as; install the package postgresql"
        raise ClusterError(message) from None


def _as_owner(command: Sequence[str]) -> list[str]:
    if _owner() is None:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", *command]


def _own_directory(path: Path) -> None:
    """Make a directory that only the database's owner can enter; refuse one that someone else prepared."""
    owner = _owner()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(path, owner.pw_uid, owner.pw_gid)
    found = path.lstat()
    expected_uid = os.geteuid() if owner is None else owner.pw_uid
    if not path.is_dir() or path.is_symlink() or found.st_uid not in {expected_uid, os.geteuid()}:
        message = f"{path} belongs to someone else; remove it or set BEACON_CLUSTER_DIR to another directory"
        raise ClusterError(message)
    if owner is not None and found.st_uid != owner.pw_uid:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    path.chmod(0o700)


@contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    """Hold the cluster's lock file: two services starting at once must not both run initdb."""
    with (cluster.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _initialise(cluster: Cluster) -> None:
    """Run initdb beside the final place and rename: a killed initdb leaves no half-made data directory."""
    unfinished = cluster.home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    locale = ("--encoding=UTF8", "--locale=C.UTF-8")
    safety = ("--no-sync",) if cluster.unsafe else ("--data-checksums",)
    _run(cluster, "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", *locale, *safety)
    # No host lines: with no TCP port they would only puzzle whoever reads the file.
    (unfinished / "pg_hba.conf").write_text("local all all trust\nlocal replication all trust\n")
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write("\ninclude = 'beacon.conf'\n")
    unfinished.rename(cluster.data)


def _write_configuration(cluster: Cluster) -> None:
    socket = f"unix_socket_directories = '{cluster.socket_dir}'\n"
    path = cluster.data / "beacon.conf"
    path.write_text(COMMON + (UNSAFE if cluster.unsafe else DURABLE) + socket)
    owner = _owner()
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _bring_up(cluster: Cluster) -> None:
    """Until it answers: start it where it is not running, wait where it is recovering or about to die."""
    gives_up_at = time.monotonic() + LONGEST_RECOVERY_S
    while not _answers(cluster):
        if running_pid(cluster) is None:
            _write_configuration(cluster)
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
    patience = str(LONGEST_RECOVERY_S)
    arguments = ("start", "-D", str(cluster.data), "-l", str(cluster.log), "-w", "-t", patience, "-s")
    crashed = postmaster.retire_dead_pid(cluster.data, cluster.socket_dir)
    gives_up_at = time.monotonic() + (10 if crashed else 0)
    while True:
        try:
            return _run(cluster, "pg_ctl", *arguments)
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
            version = (cluster.data / "PG_VERSION").read_text().strip()
            message = f"PostGIS is not installed for PostgreSQL {version}; install the package "
            raise ClusterError(message + f"postgresql-{version}-postgis-3") from None


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the cluster's owner; its own words become the error."""
    command = _as_owner([str(_binaries(cluster) / program), *arguments])
    # Output goes to a file: the postmaster inherits a pipe and would keep us waiting for its end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, cwd="/", stdout=output, stderr=subprocess.STDOUT, check=False)
        output.seek(0)
        said = " ".join(output.read().split())
    if done.returncode != 0:
        raise ClusterError(f"{program} failed: {said or 'no message'} (see {cluster.log})")


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
