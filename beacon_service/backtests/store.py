"""Backtests in the database: asked for, begun, told of, ended, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from beacon_service.backtests.requests import Attempt, Request, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.backtests.model import Progress
    from beacon_service.backtests.requests import By
    from beacon_service.db import Connection

# Two who ask at once are counted one after the other. "BACKTEST" in ASCII.
ASKING_LOCK = 0x4241434B54455354

_ONE = """
SELECT id, status, asked::text, requested_at, actor, begun_at, ended_at, attempts, share, steps, decisions, told_at,
    error, report::text, code_version
FROM backtests WHERE id = %(id)s
"""
# Newest first. Reports and the bodies of changes, which may be large, are for who opens one.
_PAGE = """
SELECT id, status, json_build_object('drafts', asked -> 'drafts', 'asked', json_build_object(
        'since', asked -> 'asked' -> 'since', 'until', asked -> 'asked' -> 'until', 'anew', asked -> 'asked' -> 'anew',
        'instead', (
            SELECT coalesce(json_agg(json_build_object('kind', one -> 'kind', 'key', one -> 'key', 'body', NULL)), '[]')
            FROM json_array_elements(asked -> 'asked' -> 'instead') AS one)))::text,
    requested_at, actor, begun_at, ended_at, attempts, share, steps, decisions, told_at, error, NULL, code_version
FROM backtests WHERE %(before)s::uuid IS NULL OR id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""

_BEGIN = """
UPDATE backtests SET status = 'running', attempts = attempts + 1, begun_at = %(at)s, told_at = %(at)s, share = 0,
    steps = 0, decisions = 0, code_version = %(code)s
WHERE id = %(id)s AND status IN ('queued', 'running')
RETURNING id, attempts, asked::text
"""

# Of an earlier attempt, or one that was cancelled, nobody waits for the end.
_OURS = "SELECT FROM backtests WHERE id = %s AND attempts = %s AND status = 'running' FOR UPDATE"

_request = msgspec.json.Decoder(Request)


class KnownCampaign(NamedTuple):
    revision: int  # the highest it ever had
    body: Mapping[str, Any] | None  # None: it was deleted


def waiting(connection: Connection) -> int:
    """How many are queued or running; nobody adds one to them until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [ASKING_LOCK])
    row = connection.execute(
        "SELECT count(*) FROM backtests WHERE status IN ('queued', 'running')"
    ).fetchone()
    return 0 if row is None else int(row[0])


def add(connection: Connection, request: Request, by: By) -> None:
    connection.execute(
        "INSERT INTO backtests (id, status, asked, requested_at, actor)"
        " VALUES (%s, 'queued', %s::text::json, %s, %s)",
        [by.id, msgspec.json.encode(request).decode(), by.at, by.actor],
    )


def find(connection: Connection, id_: UUID) -> State | None:
    row = connection.execute(_ONE, {"id": id_}).fetchone()
    return None if row is None else _state(row)


def page(connection: Connection, *, before: UUID | None, limit: int) -> list[State]:
    """Newest first, without their reports and the bodies of changes."""
    return [_state(row) for row in connection.execute(_PAGE, {"before": before, "limit": limit})]


def cancel(connection: Connection, id_: UUID, at: datetime) -> None:
    """Whoever runs it notices within two seconds."""
    connection.execute(
        "UPDATE backtests SET status = 'cancelled', ended_at = %s WHERE id = %s AND status IN ('queued', 'running')",
        [at, id_],
    )


def delete(connection: Connection, id_: UUID) -> bool:
    """Whether it is gone; one that runs stays."""
    done = connection.execute("DELETE FROM backtests WHERE id = %s AND status <> 'running'", [id_])
    return done.rowcount == 1


def drop_before(connection: Connection, at: datetime) -> int:
    """Forget what was asked for earlier, with the customers' decisions in its examples."""
    return connection.execute(
        "DELETE FROM backtests WHERE requested_at < %s AND status <> 'running'", [at]
    ).rowcount


def campaigns(connection: Connection, keys: Collection[str]) -> dict[str, KnownCampaign]:
    """Those of them that there ever were, as the log has them."""
    rows = connection.execute(
        "SELECT key, max((body ->> 'revision')::bigint), (array_agg(body::text ORDER BY version DESC))[1]"
        " FROM catalogue_log WHERE kind = 'campaign' AND key = ANY(%s::text[]) GROUP BY key",
        [list(keys)],
    )
    return {
        key: KnownCampaign(int(revision or 0), None if body is None else msgspec.json.decode(body))
        for key, revision, body in rows
    }


def due(connection: Connection) -> list[UUID]:
    """Those to be run, the oldest first; also those whose worker may be dead."""
    rows = connection.execute("SELECT id FROM backtests WHERE status IN ('queued', 'running') ORDER BY id")
    return [row[0] for row in rows]


def begin(connection: Connection, id_: UUID, code_version: str, at: datetime) -> Attempt | None:
    """None where it needs no running any more. What earlier attempts had found is forgotten."""
    row = connection.execute(_BEGIN, {"id": id_, "code": code_version, "at": at}).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM backtest_examples WHERE backtest_id = %s", [id_])
    return Attempt(row[0], int(row[1]), _request.decode(row[2]))


def is_ours(connection: Connection, attempt: Attempt) -> bool:
    """Whether this attempt may still write: it was not cancelled, and no other worker has begun it anew.

    It stays so to the end of the transaction. To be asked before each of what follows.
    """
    return connection.execute(_OURS, [attempt.id, attempt.number]).fetchone() is not None


def tell(connection: Connection, attempt: Attempt, progress: Progress, at: datetime) -> None:
    """How far it is."""
    connection.execute(
        "UPDATE backtests SET share = %s, steps = %s, decisions = %s, told_at = %s WHERE id = %s",
        [*progress, at, attempt.id],
    )


def finish(connection: Connection, attempt: Attempt, report: bytes, at: datetime) -> None:
    connection.execute(
        "UPDATE backtests SET status = 'done', share = 1, report = %s::text::json, ended_at = %s WHERE id = %s",
        [report.decode(), at, attempt.id],
    )


def fail(connection: Connection, attempt: Attempt, error: str, at: datetime) -> None:
    connection.execute(
        "UPDATE backtests SET status = 'failed', error = %s, ended_at = %s WHERE id = %s",
        [error, at, attempt.id],
    )


def give_back(connection: Connection, attempt: Attempt) -> None:
    """As it was before it was begun: this attempt ended for no fault of its own."""
    connection.execute(
        "UPDATE backtests SET status = 'queued', attempts = attempts - 1, begun_at = NULL, share = 0 WHERE id = %s",
        [attempt.id],
    )


def _state(row: Sequence[Any]) -> State:
    told = dict(zip(State._fields, row, strict=True))
    told["request"] = _request.decode(told["request"])
    if told["report"] is not None:
        told["report"] = msgspec.json.decode(told["report"])
    return State(**told)
