"""Who is on which list, kept with each customer, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from beacon_service.db import Connection

# In the order of their ids, so that two requests that make some of the same customers never wait for each other.
ADD_CUSTOMERS = """
INSERT INTO customers (id, anonymous, created_at)
SELECT DISTINCT id, false, %(now)s::timestamptz FROM unnest(%(ids)s::text[]) AS given (id) ORDER BY id
ON CONFLICT (id) DO NOTHING
"""

PUT_ON = """
UPDATE customers SET lists = ARRAY(SELECT unnest(lists || %(list)s::text) ORDER BY 1)
WHERE key = ANY(%(keys)s::bigint[]) AND NOT lists @> ARRAY[%(list)s::text] RETURNING key
"""

TAKE_OFF = """
UPDATE customers SET lists = array_remove(lists, %(list)s::text)
WHERE key = ANY(%(keys)s::bigint[]) AND lists @> ARRAY[%(list)s::text] RETURNING key
"""

# The second condition is the one of the index.
PAGE = """
SELECT id, anonymous FROM customers
WHERE lists @> ARRAY[%(list)s::text] AND lists <> '{}' AND id > %(after)s AND erased_at IS NULL
ORDER BY id LIMIT %(limit)s
"""


def find(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The keys of those of these customers that there are."""
    rows = connection.execute(
        "SELECT id, key FROM customers WHERE id = ANY(%s) AND erased_at IS NULL", [list(ids)]
    )
    return dict(rows.fetchall())


def add_customers(connection: Connection, ids: Iterable[str], now: datetime) -> int:
    """Create those of the customers that there are not; answers how many."""
    return connection.execute(ADD_CUSTOMERS, {"ids": list(ids), "now": now}).rowcount


def put_on(connection: Connection, name: str, keys: Collection[int]) -> list[int]:
    """The keys of those who were not on the list yet. The caller holds the rows."""
    return [key for (key,) in connection.execute(PUT_ON, {"list": name, "keys": list(keys)})]


def take_off(connection: Connection, name: str, keys: Collection[int]) -> list[int]:
    """The keys of those who were on the list. The caller holds the rows."""
    return [key for (key,) in connection.execute(TAKE_OFF, {"list": name, "keys": list(keys)})]


def page(connection: Connection, name: str, *, after: str, limit: int) -> Sequence[tuple[str, bool]]:
    """(id, anonymous) of up to `limit` customers on the list, behind the id `after`."""
    return connection.execute(PAGE, {"list": name, "after": after, "limit": limit}).fetchall()
