"""Refuse to start on a database that would lose what we promise to keep.

An answer `accepted` means that the ping is on disk. A server that acknowledges before it writes makes that a
lie, and nobody would notice until the first power cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from beacon_service import migration

if TYPE_CHECKING:
    import psycopg

    from beacon_service.settings import DatabaseSettings

DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")

log = structlog.get_logger()


class UnsafeDatabase(Exception):  # noqa: N818 - a state of the database, told to the operator as it stands
    """The database is not one to start on."""


def refuse_unsafe(connection: psycopg.Connection[tuple[object, ...]], settings: DatabaseSettings) -> None:
    """Raise UnsafeDatabase with one sentence that says what is wrong and what to do."""
    _refuse_volatile(connection, allowed=settings.allow_unsafe_database)
    _refuse_without_postgis(connection)
    _refuse_other_schema(migration.applied_revision(connection), migration.newest_revision())


def _refuse_volatile(connection: psycopg.Connection[tuple[object, ...]], *, allowed: bool) -> None:
    volatile = [name for name in DURABILITY if _setting(connection, name) == "off"]
    if not volatile:
        return
    found = " and ".join(f"{name} = off" for name in volatile)
    if allowed:
        log.warning("unsafe_database_allowed", found=found, consequence="a crash loses accepted pings")
        return
    message = f"the database runs with {found}, so that a crash would lose accepted pings; turn it on"
    raise UnsafeDatabase(message)


def _refuse_without_postgis(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    if not connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").fetchone():
        message = "the database has no PostGIS; run CREATE EXTENSION postgis in it as its administrator"
        raise UnsafeDatabase(message)


def _refuse_other_schema(applied: str | None, newest: str) -> None:
    """Revisions are numbered with leading zeros, so that they sort as they follow."""
    if applied is None or applied < newest:
        found = f"at revision {applied}" if applied else "empty"
        message = f"the database is {found} and this version needs {newest}; run: beacon-service migrate"
        raise UnsafeDatabase(message)
    if applied > newest:
        message = f"the database is at revision {applied}, newer than this program's {newest}; update it"
        raise UnsafeDatabase(message)


def _setting(connection: psycopg.Connection[tuple[object, ...]], name: str) -> object:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return None if row is None else row[0]
