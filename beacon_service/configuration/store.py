"""The configuration's log in the database: append-only, one version an edit, readable as of any version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import func, insert, orm, select, text, update
from sqlalchemy.exc import OperationalError

from beacon_service.configuration.model import Documents, Entry
from beacon_service.configuration.orm import CatalogueLogRow, CatalogueRow
from beacon_service.errors import ServiceUnavailable

# Services hand a session on to stores; they need its name and nothing else of SQLAlchemy.
Session: TypeAlias = orm.Session

# The advisory lock that deciding transactions hold shared and edits hold alone: "BEACON" in ASCII.
CATALOGUE_LOCK = 0x424541434F4E
# What an edit notifies when it is committed.
CHANNEL = "beacon_catalogue"
# Requests decide in milliseconds, so whoever waits for longer waits for something that is stuck.
LOCK_TIMEOUT = "5s"


def lock(session: Session) -> None:
    """Wait for the decisions in flight and hold off later ones until the session's transaction ends.

    Take it before reading what an edit depends on. Raises ServiceUnavailable after five seconds.
    """
    usual = session.scalar(text("SELECT current_setting('lock_timeout')"))
    session.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": LOCK_TIMEOUT})
    try:
        session.execute(select(func.pg_advisory_xact_lock(CATALOGUE_LOCK)))
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            busy = "Decisions in flight hold the configuration; send the same request again."
            raise ServiceUnavailable(busy) from error
        raise
    session.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": usual})


def record(session: Session, entries: Sequence[Entry], *, actor: str, at: datetime) -> int:
    """Append an edit of one or more documents to the log and answer the version that it makes.

    The edit binds every decision that starts after the session's transaction commits.
    """
    lock(session)
    # Processes are told at the commit, so that they are ready when the next ping comes.
    told = func.pg_notify(CHANNEL, "")
    raised = (
        update(CatalogueRow).values(version=CatalogueRow.version + 1).returning(CatalogueRow.version, told)
    )
    version: int = session.execute(raised).one().version
    rows = [
        {
            "kind": entry.kind,
            "key": entry.key,
            "version": version,
            "body": None if entry.body is None else dict(entry.body),
            "at": at,
            "actor": actor,
        }
        for entry in entries
    ]
    session.execute(insert(CatalogueLogRow), rows)
    for entry in entries:
        if entry.kind in {"campaign", "policy"}:
            session.execute(text(_FORGET_TALLIES), {"kind": entry.kind, "owner": entry.key})
        if entry.kind in {"site", "policy"}:
            session.execute(text(_FORGET_PERIODS), {"kind": entry.kind, "owner": entry.key})
    return version


def version(connection: psycopg.Connection[Any]) -> int:
    """The newest version. Whoever decides by it holds the configuration's lock; for others it may grow at once."""
    row = connection.execute("SELECT version FROM catalogue").fetchone()
    assert row is not None, "the catalogue is one row"
    return int(row[0])


def version_seen(session: Session) -> int:
    """The same, by a session."""
    return session.execute(select(CatalogueRow.version)).scalar_one()


def read(connection: psycopg.Connection[Any], *, since: int = 0, upto: int | None = None) -> Documents:
    """The latest body of each document logged after `since`, up to `upto` or to now, and the version reached.

    With neither bound it is the whole configuration; with `since` what changed; with `upto` what held then.
    """
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(_LATEST, {"since": since, "upto": upto})
    rows = cursor.fetchall()
    bodies = {(kind, key): None if body is None else msgspec.json.decode(body) for kind, key, body, _ in rows}
    if since == 0:
        bodies = {name: body for name, body in bodies.items() if body is not None}
    return Documents(version=max((version for *_, version in rows), default=since), bodies=bodies)


# A shared count knows only what was charged to it while its cap was in force; made anew from the grants when it is
# next asked for, it knows what was given while the cap was away. No decision is in flight under the lock. An edit
# that leaves caps and budget as they were, or changes nothing of them but numbers, leaves the counts too: to make that
# of a large campaign anew takes its time. The policy's counts carry an asterisk, so that a campaign may be called
# policy.
_FORGET_TALLIES = """
WITH editions AS (
    SELECT
        (SELECT jsonb_agg(cap - 'limit') FROM jsonb_array_elements(body -> 'caps') AS cap) AS caps,
        CASE WHEN jsonb_typeof(body -> 'budget') = 'object' THEN (
            SELECT jsonb_object_agg(
                name, CASE WHEN name IN ('total', 'per_day') THEN to_jsonb(said <> 'null') ELSE said END)
            FROM jsonb_each(body -> 'budget') AS part (name, said)
        ) END AS budget
    FROM catalogue_log WHERE kind = :kind AND key = :owner ORDER BY version DESC LIMIT 2
)
DELETE FROM tallies
WHERE (
        starts_with(key, 'cap:' || CASE :kind WHEN 'policy' THEN '*policy' ELSE :owner END || ':')
        OR :kind = 'campaign' AND starts_with(key, 'budget:' || :owner || ':')
    )
    AND (SELECT count(*) FROM (SELECT DISTINCT caps, budget FROM editions) AS different) > 1
"""

# What is given at one site counts for the days of all sites' clocks, and the organisation's. A clock that nobody had
# for a while was not told what was given meanwhile: its periods are made anew as well.
_FORGET_PERIODS = """
WITH editions AS (
    SELECT body ->> 'time_zone' AS clock FROM catalogue_log
    WHERE kind = :kind AND key = :owner ORDER BY version DESC LIMIT 2
)
DELETE FROM tallies
WHERE (
        starts_with(key, 'cap:') AND position('.calendar.1.' IN key) > 0
        OR starts_with(key, 'budget:') AND right(key, 5) <> 'total'
    )
    AND (SELECT count(*) FROM (SELECT DISTINCT clock FROM editions) AS different) > 1
"""

# As text: psycopg would decode json with Python's own, slower decoder.
_LATEST = """
SELECT DISTINCT ON (kind, key) kind, key, body::text, version
FROM catalogue_log
WHERE version > %(since)s AND (%(upto)s::bigint IS NULL OR version <= %(upto)s)
ORDER BY kind, key, version DESC
"""
