"""A cluster's data directory: made in one piece, configured to be durable, closed to others and silent of people."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from beacon_service import database_owner
from beacon_service.postgresql import find_binaries

if TYPE_CHECKING:
    from pathlib import Path

SUPERUSER = "postgres"
# Part of the socket's name only; said everywhere, or a PGPORT in the environment would be taken.
PORT = 5432

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


def version(data: Path) -> str | None:
    """The major version that made it, "15"; None where it is still to be made."""
    file = data / "PG_VERSION"
    return file.read_text().strip() if file.exists() else None


def programs(data: Path) -> Path:
    """The directory of PostgreSQL's programs of the version that made it, or of the newest."""
    return find_binaries(version(data))


def initialise(data: Path, *, unsafe: bool, log: Path) -> None:
    """Run initdb beside the final place and rename: a killed initdb leaves no half-made data directory."""
    unfinished = data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    locale = ("--encoding=UTF8", "--locale=C.UTF-8")
    safety = ("--no-sync",) if unsafe else ("--data-checksums",)
    access = ("-U", SUPERUSER, "--auth=trust")
    database_owner.run(programs(data) / "initdb", "-D", str(unfinished), *access, *locale, *safety, log=log)
    # No host lines: with no TCP port they would only puzzle whoever reads the file.
    (unfinished / "pg_hba.conf").write_text("local all all trust\nlocal replication all trust\n")
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write("\ninclude = 'beacon.conf'\n")
    unfinished.rename(data)


def configure(data: Path, *, unsafe: bool, socket_dir: Path) -> None:
    """Read by the server when it starts."""
    path = data / "beacon.conf"
    socket = f"unix_socket_directories = '{socket_dir}'\n"
    path.write_text(COMMON + (UNSAFE if unsafe else DURABLE) + socket)
    database_owner.give(path)
