"""Codes in SQL: imported, given out, given back, redeemed.

Whoever changes how many of a pool are free holds the pool's row of `tallies`, which comes after customers and before
codes in the order of locks; so `used` and `ceiling` there are always what the codes themselves say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from beacon_service.campaigns.codes import POOL, pool_key
from beacon_service.campaigns.codes_orm import CodePoolRow
from beacon_service.configuration.shelf import Shelf
from beacon_service.db import Statement, round_trip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.db import Connection

CODE_POOLS = Shelf(
    "code_pool", CodePoolRow, (CodePoolRow.id,), CodePoolRow.version, lambda body: {"name": body["name"]}
)

READ_KEY = "SELECT value FROM secrets WHERE name = 'codes'"

# The next ones of each pool, in the order of the decisions; the pool's tally is held, so nobody else takes them.
TAKE = """
WITH wanted AS (
    SELECT pool, decision_id, row_number() OVER (PARTITION BY pool ORDER BY place) AS turn
    FROM unnest(%(pools)b::text[], %(decisions)b::uuid[]) WITH ORDINALITY AS given (pool, decision_id, place)
), free AS (
    SELECT asked.pool, next.code, row_number() OVER (PARTITION BY asked.pool ORDER BY next.place) AS turn
    FROM (SELECT pool, count(*) AS many FROM wanted GROUP BY pool) AS asked
    CROSS JOIN LATERAL (
        SELECT code, place FROM codes
        WHERE pool = asked.pool AND decision_id IS NULL ORDER BY place LIMIT asked.many
    ) AS next
)
UPDATE codes SET decision_id = wanted.decision_id, given_at = %(now)b::timestamptz
FROM wanted JOIN free USING (pool, turn)
WHERE codes.code = free.code
RETURNING codes.decision_id, codes.code
"""

# One that is taken already stays whose it is; the decision's next attempt makes another.
KEEP = """
INSERT INTO codes (code, decision_id, given_at)
SELECT code, decision_id, %(now)b::timestamptz
FROM unnest(%(codes)b::text[], %(decisions)b::uuid[]) AS made (code, decision_id)
ORDER BY code
ON CONFLICT (code) DO NOTHING
RETURNING decision_id, code
"""

# To the end of the queue: who saw the code may still have it in mind.
GIVE_BACK = """
UPDATE codes SET decision_id = NULL, given_at = NULL, place = DEFAULT
WHERE decision_id = ANY(%(decisions)s::uuid[]) AND pool IS NOT NULL AND redeemed_at IS NULL
"""

ADD_TALLY = """
INSERT INTO tallies (key, used, ceiling)
SELECT %(key)s::text, count(decision_id), count(*) FROM codes WHERE pool = %(pool)s::text
ON CONFLICT (key) DO NOTHING
"""
LOCK_TALLY = "SELECT FROM tallies WHERE key = %(key)s FOR UPDATE"
ADD_CODES = """
INSERT INTO codes (code, pool)
SELECT code, %(pool)s FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS given (code, place) ORDER BY place
ON CONFLICT (code) DO NOTHING
RETURNING code
"""
GROW = "UPDATE tallies SET ceiling = ceiling + %(more)s WHERE key = %(key)s"
POOLS_OF = "SELECT code, coalesce(pool, '') FROM codes WHERE code = ANY(%(codes)s::text[])"
COUNT = """
SELECT count(*), count(*) FILTER (WHERE decision_id IS NULL), count(decision_id), count(redeemed_at)
FROM codes WHERE pool = %(pool)s
"""
HELD = """
SELECT c.code, c.pool, c.decision_id, d.campaign, d.offer_id, d.offer ->> 'title' AS title, c.given_at, d.expires_at,
    c.redeemed_at, c.redeemed_site, c.redemption_id
FROM codes AS c JOIN decisions AS d USING (decision_id) WHERE c.code = %(code)s
"""
REDEEM = """
UPDATE codes SET redeemed_at = %(at)s, redeemed_site = %(site)s, redemption_id = %(redemption)s, redeemed_by = %(by)s
WHERE code = %(code)s AND redeemed_at IS NULL
"""
DROP_FREE = "DELETE FROM codes WHERE pool = %(pool)s AND decision_id IS NULL"
DROP_TALLY = "DELETE FROM tallies WHERE key = %(key)s"


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """`given_out` are those that somebody has now; some of them are `redeemed`."""

    total: int
    left: int
    given_out: int
    redeemed: int


@dataclass(frozen=True, slots=True)
class HeldCode:
    """A code that somebody has, with the decision that gave it."""

    code: str
    pool: str | None
    decision_id: UUID
    campaign: str
    offer_id: str
    title: str | None
    given_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None
    redeemed_site: str | None
    redemption_id: str | None


def take(connection: Connection, wanted: Sequence[tuple[str, UUID]], now: datetime) -> dict[UUID, str]:
    """A code of its pool for each decision; the pools' tallies are held and said that there are enough."""
    params = {
        "pools": [pool for pool, _ in wanted],
        "decisions": [decision for _, decision in wanted],
        "now": now,
    }
    (rows,) = round_trip(connection, [Statement(TAKE, params)])
    if len(rows) != len(wanted):
        raise AssertionError("a pool's tally says that it has more codes than it has")
    return dict(rows)


def secret(connection: Connection) -> bytes:
    """By which codes are made here."""
    (rows,) = round_trip(connection, [Statement(READ_KEY)])
    return bytes(rows[0][0])


def keep(connection: Connection, codes: Mapping[UUID, str], now: datetime) -> dict[UUID, str]:
    """Store what was made; those whose code was another's already are missing in the answer."""
    params = {"codes": list(codes.values()), "decisions": list(codes), "now": now}
    (rows,) = round_trip(connection, [Statement(KEEP, params)])
    return dict(rows)


def give_back(decisions: Collection[UUID]) -> Statement:
    """Codes of pools that were never delivered are nobody's again. The pools' tallies are held."""
    return Statement(GIVE_BACK, {"decisions": list(decisions)})


def open_pool(connection: Connection, pool: str) -> None:
    """Make the count that decisions claim from, unless it is there."""
    round_trip(connection, [opened(pool_key(pool))])


def opened(key: str) -> Statement:
    """The same, by the tally's key."""
    return Statement(ADD_TALLY, {"key": key, "pool": key.removeprefix(POOL)})


def add(connection: Connection, pool: str, codes: Sequence[str]) -> dict[str, str]:
    """Add the codes to the pool; {code: pool} of those that there are already, and then the caller undoes it all."""
    connection.execute(LOCK_TALLY, {"key": pool_key(pool)})
    added = connection.execute(ADD_CODES, {"pool": pool, "codes": list(codes)}).fetchall()
    connection.execute(GROW, {"key": pool_key(pool), "more": len(added)})
    if len(added) == len(codes):
        return {}
    known = sorted(set(codes) - {code for (code,) in added})
    return dict(connection.execute(POOLS_OF, {"codes": known}).fetchall())


def counts(connection: Connection, pool: str) -> PoolCounts:
    row = connection.execute(COUNT, {"pool": pool}).fetchone()
    assert row is not None, "an aggregate always answers"
    return PoolCounts(*row)


def find(connection: Connection, code: str) -> HeldCode | None:
    """Who has the code; None where nobody does."""
    with connection.cursor(row_factory=class_row(HeldCode)) as cursor:
        return cursor.execute(HELD, {"code": code}).fetchone()


def has_site(connection: Connection, site: str) -> bool:
    return connection.execute("SELECT FROM sites WHERE id = %s", [site]).fetchone() is not None


def redeem(  # noqa: PLR0913 - each is a column
    connection: Connection, code: str, *, at: datetime, site: str | None, redemption_id: str | None, by: str
) -> None:
    """Mark it. The caller holds the customer whose it is, and has seen that it is not redeemed."""
    params = {"code": code, "at": at, "site": site, "redemption": redemption_id, "by": by}
    done = connection.execute(REDEEM, params)
    assert done.rowcount == 1, "nobody else redeems under the customer's lock"


def close_pool(connection: Connection, pool: str) -> None:
    """Forget what is free; what was given out can still be redeemed."""
    params: dict[str, Any] = {"pool": pool, "key": pool_key(pool)}
    connection.execute(LOCK_TALLY, params)
    connection.execute(DROP_FREE, params)
    connection.execute(DROP_TALLY, params)
