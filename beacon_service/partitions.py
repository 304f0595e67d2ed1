"""Daily partitions of `pings`: made well ahead, dropped whole when their time is over.

A partition is attached, not created in place: attaching lets pings flow meanwhile.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

# A worker may be down for two weeks before pings have nowhere to go.
DAYS_AHEAD = 14
_PREFIX = "pings_"
# One maker at a time: "PARTS" in ASCII.
_LOCK = 0x5041525453


def ensure(connection: psycopg.Connection[Any], today: date, *, ahead: int = DAYS_AHEAD) -> int:
    """Make the partitions from yesterday (clocks differ) to `ahead` days on; how many were made."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    there = set(_days(connection))
    wanted = [today + timedelta(days=n) for n in range(-1, ahead + 1)]
    missing = [day for day in wanted if day not in there]
    for day in missing:
        _make(connection, day)
    return len(missing)


def drop_before(connection: psycopg.Connection[Any], first_kept: date) -> int:
    """Drop the partitions of earlier days, and with them every raw ping of those days; how many were dropped.

    Who reads pings for long, a backtest or a backup, is not waited for: pings that come would wait behind this.
    """
    connection.execute("SET LOCAL lock_timeout = '200ms'")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    over = [day for day in _days(connection) if day < first_kept]
    for day in over:
        connection.execute(sql.SQL("DROP TABLE {}").format(_name(day)))
    return len(over)


def _make(connection: psycopg.Connection[Any], day: date) -> None:
    name = _name(day)
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE pings INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(name)
    )
    bounds = sql.SQL("FOR VALUES FROM ({}) TO ({})").format(day.isoformat(), _after(day).isoformat())
    connection.execute(sql.SQL("ALTER TABLE pings ATTACH PARTITION {} {}").format(name, bounds))


def _days(connection: psycopg.Connection[Any]) -> list[date]:
    rows = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = 'pings'::regclass"
    )
    return [date.fromisoformat(name.removeprefix(_PREFIX)) for (name,) in rows]


def _name(day: date) -> sql.Identifier:
    return sql.Identifier(f"{_PREFIX}{day:%Y%m%d}")


def _after(day: date) -> date:
    return day + timedelta(days=1)
