"""A backup of the whole database in one file, and the way back into an empty one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.engine import make_url

from beacon_service.postgresql import find_binaries
from beacon_service.settings import libpq_url

if TYPE_CHECKING:
    from collections.abc import Sequence

# What belongs to PostGIS is there before a restore, and only an administrator could make it again.
OF_POSTGIS = (" EXTENSION - postgis", " COMMENT - EXTENSION postgis", " TABLE DATA public spatial_ref_sys ")


class BackupError(Exception):
    """The backup was not written, or not restored."""


def backup(url: str, file: Path) -> None:
    """Write a snapshot of one moment; the service may go on meanwhile."""
    if file.exists():
        raise BackupError(f"{file} exists already; name a new file")
    unfinished = file.with_name(file.name + ".unfinished")
    # The file holds personal data: nobody but its owner may read it, not even while it grows.
    try:
        unfinished.touch(mode=0o600)
    except OSError as error:
        raise BackupError(f"cannot write {file}: {error.strerror}") from None
    try:
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished}")
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(url: str, file: Path) -> None:
    """Restore into an empty database, all of it or nothing."""
    if not file.is_file():
        raise BackupError(f"there is no file {file}")
    _refuse_unless_empty(url)
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory) / "wanted"
        wanted.write_text(_contents_without_postgis(file))
        options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        _run("pg_restore", url, *options, f"--use-list={wanted}", str(file))


def _refuse_unless_empty(url: str) -> None:
    with psycopg.connect(libpq_url(url)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_class c"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        ).fetchone()
        postgis = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").fetchone()
    if found is None or found[0]:
        raise BackupError("the database is not empty; a backup is restored into a new one only")
    if not postgis:
        raise BackupError("the database has no PostGIS; run CREATE EXTENSION postgis in it first")


def _contents_without_postgis(file: Path) -> str:
    command = [str(find_binaries() / "pg_restore"), "--list", str(file)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise BackupError(f"{file} is not a backup of ours: {_one_line(listed.stderr)}")
    lines = listed.stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not any(mark in line for mark in OF_POSTGIS))


def _run(program: str, url: str, *arguments: str) -> None:
    """The password travels in the environment, where other users' `ps` does not show it."""
    address = make_url(url)
    environment = os.environ | ({"PGPASSWORD": str(address.password)} if address.password else {})
    without_password = address.set(drivername="postgresql", password=None).render_as_string()
    command: Sequence[str] = [str(find_binaries() / program), f"--dbname={without_password}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {_one_line(done.stderr)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
