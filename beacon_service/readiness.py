"""Whether this process could serve a request now: what a load balancer asks before it sends any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beacon_service import migration

if TYPE_CHECKING:
    from datetime import date

    import psycopg

# The bound of a daily partition reads: FOR VALUES FROM ('2026-06-03') TO ('2026-06-04')
_PARTITION_SQL = r"""
SELECT count(*)
FROM pg_inherits
JOIN pg_class part ON part.oid = inhrelid,
LATERAL regexp_match(pg_get_expr(part.relpartbound, part.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) bound
WHERE inhparent = 'pings'::regclass AND bound[1]::date <= %(today)s AND %(today)s < bound[2]::date
"""


def obstacles(connection: psycopg.Connection[tuple[Any, ...]], today: date) -> list[str]:
    """What stands in the way, in sentences; empty if ready."""
    applied, newest = migration.applied_revision(connection), migration.newest_revision()
    if applied != newest:
        found = f"at revision {applied}" if applied else "empty"
        return [f"The database is {found} and this version needs {newest}: run beacon-service migrate."]
    partitions = connection.execute(_PARTITION_SQL, {"today": today}).fetchone()
    if partitions is None or partitions[0] == 0:
        return [f"There is no partition of pings for {today}: start a worker, which makes them."]
    return []
