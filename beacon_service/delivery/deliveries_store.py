"""Deliveries as people look at them, in SQL; and sending one of them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from beacon_service.db import Connection

COLUMNS = """
d.number, d.message_id, d.decision_id, c.id AS customer_id, i.id AS installation_id, d.channel, d.endpoint, d.state,
d.attempts, CASE WHEN d.state = 'waiting' THEN d.next_at END AS next_at, d.expires_at, d.last_status, d.last_error,
d.created_at, d.sent_at
"""
SOURCES = """
FROM deliveries AS d
LEFT JOIN customers AS c ON c.key = d.customer_key
LEFT JOIN installations AS i ON i.key = d.installation_key
"""
# Newest first.
PAGE = f"""
SELECT {COLUMNS} {SOURCES}
WHERE (%(before)s::bigint IS NULL OR d.number < %(before)s)
    AND (%(state)s::text IS NULL OR d.state = %(state)s)
    AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
    AND (%(endpoint)s::text IS NULL OR d.endpoint = %(endpoint)s)
ORDER BY d.number DESC LIMIT %(limit)s
"""
ONE = f"SELECT {COLUMNS}, d.body AS data {SOURCES} WHERE d.message_id = %(message)s"

# Under its old message id. One that is being sent just now is left to whoever sends it.
RETRY = """
UPDATE deliveries SET state = 'waiting', attempts = 0, next_at = %(now)s, lease = NULL
WHERE message_id = %(message)s AND expires_at > %(now)s
    AND (state IN ('sent', 'dead') OR state = 'waiting' AND (lease IS NULL OR next_at <= %(now)s))
"""


def page(connection: Connection, asked: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(PAGE, asked).fetchall()


def find(connection: Connection, message_id: UUID) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(ONE, {"message": message_id}).fetchone()


def retry(connection: Connection, message_id: UUID, now: datetime) -> bool:
    """Whether it is due again."""
    return connection.execute(RETRY, {"message": message_id, "now": now}).rowcount == 1
