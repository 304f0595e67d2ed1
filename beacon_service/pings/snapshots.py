"""A daily state from which the log can be replayed: who was where, remembered what, and what was used up.

Taken in one REPEATABLE READ transaction. Each row carries the last `seq` that changed it, so that a replay knows
from where on the log still applies to it. The ledger needs no copy: its rows and their ends carry `seq` themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date, datetime

    import psycopg

_BEGIN = """
INSERT INTO snapshots (day, taken_at, catalogue_version)
SELECT %(day)s, %(now)s, version FROM catalogue
ON CONFLICT (day) DO NOTHING RETURNING id
"""

_ROWS = """
INSERT INTO snapshot_rows (snapshot_id, kind, key, customer_key, last_seq, body)
SELECT %(id)s, 'customer', key::text, key, last_seq, jsonb_build_object(
    'id', id, 'anonymous', anonymous, 'attributes', attributes, 'marketing', marketing, 'memory', memory,
    'location', location, 'events', events, 'lists', lists)
FROM customers WHERE erased_at IS NULL
UNION ALL
SELECT %(id)s, 'installation', i.key::text, i.customer_key, coalesce(p.last_seq, 0), jsonb_build_object(
    'customer', i.customer_key, 'location', i.location, 'model', i.model, 'locale', i.locale,
    'time_zone', i.time_zone, 'presence', p.state)
FROM installations i LEFT JOIN presence p ON p.installation_key = i.key
UNION ALL
SELECT %(id)s, 'tally', key, NULL, last_seq, jsonb_build_object('used', used, 'late', late) FROM tallies
"""


def take(connection: psycopg.Connection[Any], day: date, now: datetime) -> bool:
    """Take the day's snapshot unless there is one; whether it was taken. The transaction must be just begun."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    begun = connection.execute(_BEGIN, {"day": day, "now": now}).fetchone()
    if begun is None:
        return False
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute(_ROWS, {"id": begun[0]})
    return True


def drop_before(connection: psycopg.Connection[Any], first_kept: date) -> int:
    """Forget the snapshots of earlier days: without their pings nothing could be replayed from them."""
    return connection.execute("DELETE FROM snapshots WHERE day < %s", [first_kept]).rowcount
