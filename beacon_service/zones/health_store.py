"""The health of beacons in the database. Beacons that nobody heard yet have no row, and read as if they had one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from beacon_service.zones.health import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

    from beacon_service.zones.health import State

_record = msgspec.json.Decoder(Record)
_encode = msgspec.json.Encoder().encode

# As text: psycopg would decode json itself, to dicts.
_FIND = """
SELECT b.id, b.site_id, b.status, coalesce(h.state, 'unheard'), h.record::text, h.changed_at
FROM beacons AS b LEFT JOIN beacon_health AS h ON h.beacon_id = b.id
"""
_ONE = f"{_FIND} WHERE b.id = %(beacon)s"
_PAGE = f"""
{_FIND}
WHERE b.id COLLATE "C" > %(after)s AND b.status <> 'retired'
    AND (%(site)s::text IS NULL OR b.site_id = %(site)s)
    AND (%(state)s::text IS NULL OR coalesce(h.state, 'unheard') = %(state)s)
ORDER BY b.id COLLATE "C" LIMIT %(limit)s
"""

# A beacon may have been deleted since the catalogue was read.
_SAVE = """
INSERT INTO beacon_health (beacon_id, state, record, changed_at)
SELECT b.id, given.state, given.record, %(now)s
FROM unnest(%(beacons)s::text[], %(states)s::text[], %(records)s::text[]::json[]) AS given (id, state, record)
JOIN beacons AS b ON b.id = given.id
ON CONFLICT (beacon_id) DO UPDATE
SET state = excluded.state, record = excluded.record, changed_at = excluded.changed_at
"""


class BeaconHealth(NamedTuple):
    """A beacon and what is kept of it; without a record it was never heard."""

    id: str
    site: str
    status: str
    state: State
    record: Record | None
    changed_at: datetime | None


def find(connection: psycopg.Connection[Any], beacon: str) -> BeaconHealth | None:
    """None where there is no such beacon."""
    found = _read(connection, _ONE, {"beacon": beacon})
    return found[0] if found else None


def page(
    connection: psycopg.Connection[Any], *, site: str | None, state: State | None, after: str, limit: int
) -> list[BeaconHealth]:
    """Up to `limit` beacons by id, behind the id `after`; retired ones are gone and left out."""
    params = {"site": site, "state": state, "after": after, "limit": limit}
    return _read(connection, _PAGE, params)


def records(connection: psycopg.Connection[Any]) -> dict[str, Record]:
    """All that is kept, by beacon."""
    rows = connection.execute("SELECT beacon_id, record::text FROM beacon_health")
    return {beacon: _record.decode(record) for beacon, record in rows}


def save(connection: psycopg.Connection[Any], kept: Mapping[str, Record], now: datetime) -> None:
    params = {
        "now": now,
        "beacons": list(kept),
        "states": [record.state for record in kept.values()],
        "records": [_encode(record).decode() for record in kept.values()],
    }
    connection.execute(_SAVE, params)


def _read(connection: psycopg.Connection[Any], sql: str, params: Mapping[str, Any]) -> list[BeaconHealth]:
    return [
        BeaconHealth(
            id=beacon,
            site=site,
            status=status,
            state=state,
            record=None if record is None else _record.decode(record),
            changed_at=changed_at,
        )
        for beacon, site, status, state, record, changed_at in connection.execute(sql.encode(), params)
    ]
