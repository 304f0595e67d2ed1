"""What only the leading worker does, and how far it has come with it: kept in the database, so that who takes over
goes on instead of beginning anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

Progress = TypeVar("Progress")


def progress(connection: psycopg.Connection[Any], name: str, as_: type[Progress]) -> Progress | None:
    """What was remembered of a duty last; None if it never ran. Its row stays locked to the end of the transaction."""
    query = "SELECT progress::text FROM duties WHERE name = %s FOR UPDATE"
    found = connection.execute(query, [name]).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=as_)


def last_ran_at(connection: psycopg.Connection[Any], name: str) -> datetime | None:
    found = connection.execute("SELECT ran_at FROM duties WHERE name = %s", [name]).fetchone()
    return None if found is None else found[0]


def remember(connection: psycopg.Connection[Any], name: str, ran_at: datetime, progress: Any) -> None:
    connection.execute(
        "INSERT INTO duties (name, ran_at, progress) VALUES (%s, %s, %s::text::json)"
        " ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at, progress = excluded.progress",
        [name, ran_at, msgspec.json.encode(progress).decode()],
    )
