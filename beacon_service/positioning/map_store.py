"""Radio maps in the database, and the lock of who learns one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from beacon_service.configuration.shelf import Shelf
from beacon_service.leadership import held_alone
from beacon_service.positioning.orm import ActiveRadioMapRow
from beacon_service.positioning.store import number_in_turn
from beacon_service.positioning.surveys import MapKey, MapState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from beacon_service.configuration.model import Body
    from beacon_service.configuration.store import Session
    from beacon_service.db import Connection
    from beacon_service.positioning.surveys import Asked, LearnedMap


def _active(body: Body) -> Mapping[str, Any]:
    return {"number": body["number"]}


ACTIVE = Shelf(
    "radio_map", ActiveRadioMapRow, (ActiveRadioMapRow.site_id,), ActiveRadioMapRow.version, _active
)


def connection_of(session: Session) -> Connection:
    """The driver's connection beneath a session, in its transaction."""
    connection: Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    return connection


def queue(connection: Connection, site: str, *, activate: bool, by: Asked) -> MapKey:
    """Ask for a map; one that was asked for and is not begun yet will do."""
    number_in_turn(connection, site)
    params = {"site": site, "activate": activate, "actor": by.actor, "at": by.at}
    row = connection.execute(_JOIN_QUEUED, params).fetchone() or connection.execute(_QUEUE, params).fetchone()
    assert row is not None
    return MapKey(site, int(row[0]))


_JOIN_QUEUED = """
UPDATE radio_maps SET activate = activate OR %(activate)s
WHERE site_id = %(site)s AND status = 'queued' RETURNING number
"""
_QUEUE = """
INSERT INTO radio_maps (site_id, number, status, requested_at, actor, activate)
SELECT %(site)s, coalesce(max(number), 0) + 1, 'queued', %(at)s, %(actor)s, %(activate)s
FROM radio_maps WHERE site_id = %(site)s
RETURNING number
"""

_STATE = """
SELECT site_id, number, status, requested_at, actor, activate, begun_at, progress, doing, told_at, error, surveys,
    report::text, sha256, learned_at
FROM radio_maps
"""


def state(connection: Connection, key: MapKey) -> MapState | None:
    query = f"{_STATE} WHERE site_id = %(site)s AND number = %(number)s"
    rows = _states(connection, query, key.site, number=key.number)
    return rows[0] if rows else None


def states(
    connection: Connection, site: str, *, before: int | None = None, limit: int | None = None
) -> list[MapState]:
    """Newest first."""
    query = f"""{_STATE}
    WHERE site_id = %(site)s AND (%(before)s::integer IS NULL OR number < %(before)s)
    ORDER BY number DESC LIMIT %(limit)s"""
    return _states(connection, query, site, before=before, limit=limit)


def _states(connection: Connection, query: str, site: str, **params: int | None) -> list[MapState]:
    rows = connection.execute(query.encode(), {"site": site} | params)
    return [MapState._make(map(_read_report, row, MapState._fields)) for row in rows]


def _read_report(value: Any, column: str) -> Any:
    return msgspec.json.decode(value) if column == "report" and value is not None else value


def active(connection: Connection, site: str) -> int | None:
    """The number of the map that the site is located by."""
    row = connection.execute("SELECT number FROM active_radio_maps WHERE site_id = %s", [site]).fetchone()
    return None if row is None else int(row[0])


def due(connection: Connection) -> list[MapKey]:
    """The maps to be learned, the oldest request first; also those whose learning may be dead."""
    rows = connection.execute(
        "SELECT site_id, number FROM radio_maps WHERE status IN ('queued', 'learning')"
        " ORDER BY requested_at, site_id, number"
    )
    return [MapKey(*row) for row in rows]


def to_activate(connection: Connection) -> list[tuple[MapKey, str]]:
    """The maps that are ready and asked to be used, each with who asked, in the order of the requests."""
    rows = connection.execute(
        "SELECT site_id, number, actor FROM radio_maps WHERE status = 'ready' AND activate"
        " ORDER BY requested_at, site_id, number"
    )
    return [(MapKey(site, number), actor) for site, number, actor in rows]


def begin(connection: Connection, key: MapKey, at: datetime) -> tuple[int, list[int]] | None:
    """Which attempt this is, and the surveys to learn from; None where the map needs no learning any more."""
    row = connection.execute(_BEGIN, key._asdict() | {"at": at}).fetchone()
    return None if row is None else (int(row[0]), list(row[1]))


_BEGIN = """
UPDATE radio_maps SET status = 'learning', begun_at = %(at)s, told_at = %(at)s, progress = 0, doing = NULL,
    attempts = attempts + 1, surveys = ARRAY(
        SELECT number FROM surveys WHERE site_id = %(site)s AND withdrawn_at IS NULL ORDER BY number)
WHERE site_id = %(site)s AND number = %(number)s AND status IN ('queued', 'learning')
RETURNING attempts, surveys
"""


def tell(connection: Connection, key: MapKey, share: float, doing: str, at: datetime) -> None:
    """How far learning is."""
    connection.execute(
        "UPDATE radio_maps SET progress = %s, doing = %s, told_at = %s"
        " WHERE site_id = %s AND number = %s AND status = 'learning'",
        [share, doing, at, *key],
    )


def finish(connection: Connection, key: MapKey, learned: LearnedMap, at: datetime) -> None:
    """Keep what was learned, as it is from now on for ever."""
    report = msgspec.json.encode(learned.report).decode()
    given = {"body": learned.body, "sha256": learned.sha256, "report": report, "at": at}
    connection.execute(_FINISH, key._asdict() | given)


_FINISH = """
UPDATE radio_maps SET status = 'ready', progress = 1, doing = NULL, told_at = %(at)s, learned_at = %(at)s,
    error = NULL, report = %(report)s::text::jsonb, sha256 = %(sha256)s, body = %(body)b
WHERE site_id = %(site)s AND number = %(number)s AND status = 'learning'
"""


def give_back(connection: Connection, key: MapKey) -> None:
    """As it was before it was begun: this attempt ended for no fault of its own."""
    connection.execute(
        "UPDATE radio_maps SET status = 'queued', attempts = attempts - 1, begun_at = NULL, progress = 0"
        " WHERE site_id = %s AND number = %s AND status = 'learning'",
        key,
    )


def fail(connection: Connection, key: MapKey, error: str, at: datetime) -> None:
    connection.execute(
        "UPDATE radio_maps SET status = 'failed', error = %s, told_at = %s, activate = false"
        " WHERE site_id = %s AND number = %s AND status = 'learning'",
        [error, at, *key],
    )


def activation_tried(connection: Connection, key: MapKey, error: str | None) -> None:
    """It was done, or cannot be for this reason."""
    connection.execute(
        "UPDATE radio_maps SET activate = false, error = %s WHERE site_id = %s AND number = %s",
        [error, *key],
    )


class StoredMap(NamedTuple):
    sha256: str
    body: bytes


def stored_map(connection: Connection, key: MapKey) -> StoredMap | None:
    """None where there is no such map, or it is not ready."""
    query = "SELECT sha256, body FROM radio_maps WHERE site_id = %s AND number = %s AND status = 'ready'"
    row = connection.cursor(binary=True).execute(query, key).fetchone()
    return None if row is None else StoredMap(*row)


@contextmanager
def learning_lock(url: str, key: MapKey) -> Iterator[bool]:
    """Whether this process may learn that map; see `held_alone`."""
    with held_alone(url, f"radio_map:{key.site}/{key.number}") as ours:
        yield ours
