"""Examples of backtests in the database: each is a customer's, and ends with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from beacon_service.backtests.model import Example
    from beacon_service.backtests.requests import Attempt
    from beacon_service.db import Connection

# Who each of them has become by merges since; locked, so that who is being erased meanwhile is not written down again.
_WHO = """
WITH RECURSIVE way (named, key) AS (
    SELECT key, key FROM unnest(%(keys)s::bigint[]) AS key
    UNION
    SELECT way.named, (c.body ->> 'to')::bigint FROM way
    JOIN changes AS c ON c.customer_key = way.key AND c.kind = 'merge' AND NOT c.body ? 'from' AND c.body ? 'to'
)
SELECT way.named, c.key FROM way JOIN customers AS c ON c.key = way.key AND c.erased_at IS NULL
ORDER BY c.key FOR SHARE OF c
"""
_KEEP = """
INSERT INTO backtest_examples (backtest_id, number, kind, campaign, moment_key, customer_key, body)
SELECT %(id)s, number, kind, campaign, moment_key, customer_key, body::json
FROM unnest(%(numbers)s::integer[], %(kinds)s::text[], %(campaigns)s::text[], %(moments)s::uuid[],
    %(customers)s::bigint[], %(bodies)s::text[]) AS given (number, kind, campaign, moment_key, customer_key, body)
"""
_PAGE = """
SELECT e.number, e.kind, e.campaign, e.moment_key, c.id AS customer_id, e.body::text AS body
FROM backtest_examples AS e LEFT JOIN customers AS c ON c.key = e.customer_key
WHERE e.backtest_id = %(id)s AND e.number > %(after)s
    AND (%(kind)s::text IS NULL OR e.kind = %(kind)s) AND (%(campaign)s::text IS NULL OR e.campaign = %(campaign)s)
ORDER BY e.number LIMIT %(limit)s
"""


def keep(connection: Connection, attempt: Attempt, first: int, examples: Sequence[Example]) -> None:
    """Keep them under the numbers from `first` on, but for those of customers who were erased since."""
    named = sorted({one.customer_key for one in examples if one.customer_key is not None})
    who: dict[int | None, int] = dict(connection.execute(_WHO, {"keys": named}).fetchall())
    kept = [(first + n, one) for n, one in enumerate(examples) if one.customer_key in who]
    columns = {
        "numbers": [number for number, _ in kept],
        "kinds": [one.kind for _, one in kept],
        "campaigns": [one.campaign for _, one in kept],
        "moments": [one.moment_key for _, one in kept],
        "customers": [who[one.customer_key] for _, one in kept],
        "bodies": [_body(one) for _, one in kept],
    }
    connection.execute(_KEEP, {"id": attempt.id} | columns)


def page(connection: Connection, backtest: UUID, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """In the order in which they were found. `asked`: kind, campaign, after and limit."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_PAGE, {"id": backtest} | dict(asked)).fetchall()
    return [msgspec.json.decode(row.pop("body")) | row for row in rows]


def _body(example: Example) -> str:
    """Whose it is stands beside it, and changes when customers are merged."""
    return msgspec.json.encode(msgspec.structs.replace(example, customer_key=None)).decode()
