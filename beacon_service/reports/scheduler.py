"""What the workers do, and what waits for them, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from datetime import datetime

    from beacon_service.db import Connection

JOBS = """
SELECT worker, job, runs, failures, missed, put_off, last_began_at, last_ms, last_error, told_at,
    told_at < %(now)s::timestamptz - interval '1 minute' AS gone
FROM job_runs ORDER BY worker, job
"""

# Each by the index that its worker polls. Timers of phones that went on reporting are put off only when they are due;
# what waits for a webhook that is switched off, or gone, no worker could send.
QUEUES = """
SELECT 'timers' AS queue, count(*) AS due, min(tick_at) AS oldest_at FROM presence WHERE tick_at <= %(now)s
UNION ALL SELECT 'waiting', count(*), min(due_at) FROM waiting WHERE due_at <= %(now)s
UNION ALL SELECT 'events', count(*), min(received_at) FROM events WHERE NOT noticed
UNION ALL SELECT 'releases', count(*), min(closes_at) FROM grants WHERE open AND closes_at <= %(now)s
UNION ALL SELECT 'outbox', count(*), min(next_at) FROM deliveries WHERE state = 'waiting' AND next_at <= %(now)s
    AND (channel <> 'webhook' OR endpoint IN (SELECT id FROM webhooks WHERE enabled))
UNION ALL SELECT 'radio_maps', count(*), min(requested_at) FROM radio_maps WHERE status IN ('queued', 'learning')
UNION ALL SELECT 'backtests', count(*), min(requested_at) FROM backtests WHERE status IN ('queued', 'running')
"""


def jobs(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    return _rows(connection, JOBS, now)


def queues(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """How much is due in each queue, and for how long the oldest has been."""
    return [
        {
            "queue": row["queue"],
            "due": row["due"],
            "lag_s": 0.0 if row["oldest_at"] is None else max(0.0, (now - row["oldest_at"]).total_seconds()),
        }
        for row in _rows(connection, QUEUES, now)
    ]


def _rows(connection: Connection, sql: str, now: datetime) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.encode(), {"now": now}).fetchall()
