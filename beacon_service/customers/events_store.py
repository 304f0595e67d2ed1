"""Events and their summary, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from psycopg.types.json import Jsonb

from beacon_service.customers.events import EventCount, Events
from beacon_service.db import Statement, round_trip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from beacon_service.customers.events import Happened
    from beacon_service.db import Connection

_counts = msgspec.json.Decoder(dict[str, EventCount])

# In the order of their ids, so that two requests that share some of them never wait for each other.
ADD = """
INSERT INTO events (
    event_id, customer_key, seq, type, at, received_at, amount, currency, items, decision_id)
SELECT event_id, %(customer)s, %(seq)s, type, at, %(now)s, amount, currency, items, decision_id
FROM unnest(
    %(ids)s::text[], %(types)s::text[], %(ats)s::timestamptz[], %(amounts)s::numeric[], %(currencies)s::text[],
    %(items)s::jsonb[], %(decisions)s::uuid[]
) AS given (event_id, type, at, amount, currency, items, decision_id)
ORDER BY event_id
ON CONFLICT (event_id) DO NOTHING
"""


# Newest first; those of one instant by their ids.
PAGE = """
SELECT event_id, type, at, received_at, amount, currency, items, decision_id FROM events
WHERE customer_key = %(customer)s
    AND (%(at)s::timestamptz IS NULL OR (at, event_id) < (%(at)s::timestamptz, %(event_id)s::text))
ORDER BY at DESC, event_id DESC LIMIT %(limit)s
"""


class Known(NamedTuple):
    """An event that was reported before."""

    customer_key: int
    type: str
    at: datetime


def known(connection: Connection, ids: Collection[str]) -> dict[str, Known]:
    rows = connection.execute(
        "SELECT event_id, customer_key, type, at FROM events WHERE event_id = ANY(%s)", [list(ids)]
    )
    return {row[0]: Known(*row[1:]) for row in rows}


class Kept(NamedTuple):
    """An event as it is kept."""

    event_id: str
    type: str
    at: datetime
    received_at: datetime
    amount: Decimal | None
    currency: str | None
    items: list[dict[str, Any]] | None
    decision_id: UUID | None


def page(
    connection: Connection, customer_key: int, *, after: tuple[datetime, str] | None, limit: int
) -> list[Kept]:
    """Up to `limit` events of the customer, newest first, behind that one."""
    at, event_id = after or (None, None)
    asked = {"customer": customer_key, "at": at, "event_id": event_id, "limit": limit}
    return [Kept(*row) for row in connection.execute(PAGE, asked)]


def own_decisions(connection: Connection, customer_key: int, ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the decisions that were made about this customer."""
    rows = connection.execute(
        "SELECT decision_id FROM decisions WHERE decision_id = ANY(%s) AND customer_key = %s",
        [list(ids), customer_key],
    )
    return frozenset(key for (key,) in rows)


def summaries(connection: Connection, customers: Collection[int]) -> dict[int, dict[str, EventCount]]:
    """What the events of each customer come to."""
    sql = "SELECT key, events FROM customers WHERE key = ANY(%(keys)s::bigint[])"
    (rows,) = round_trip(connection, [Statement(sql, {"keys": list(customers)})])
    return {key: _counts.decode(events) for key, events in rows}


def save_summary(connection: Connection, customer_key: int, events: Events) -> None:
    """The caller holds the row."""
    plain: Mapping[str, object] = msgspec.to_builtins(events)
    connection.execute("UPDATE customers SET events = %s WHERE key = %s", [Jsonb(plain), customer_key])


def add(
    connection: Connection,
    customer_key: int,
    events: Sequence[tuple[str, Happened]],
    *,
    seq: int,
    now: datetime,
) -> int:
    """Keep the events under their ids; answers how many there were none of yet."""
    reported = [event for _, event in events]
    added = connection.execute(
        ADD,
        {
            "customer": customer_key,
            "seq": seq,
            "now": now,
            "ids": [event_id for event_id, _ in events],
            "types": [event.type for event in reported],
            "ats": [event.at for event in reported],
            "amounts": [event.amount for event in reported],
            "currencies": [event.currency for event in reported],
            "items": [Jsonb(event.items) if event.items else None for event in reported],
            "decisions": [event.decision_id for event in reported],
        },
    )
    return added.rowcount
