"""Grants, outcomes and shared counts in SQL. Grants are written only under their customer's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from beacon_service.db import Statement, round_trip
from beacon_service.delivery.model import Charged, LedgerEntry, Offered, Recorded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.db import Connection, Row
    from beacon_service.delivery.model import OutcomeType
    from beacon_service.delivery.outcomes import Applied

DECISIONS = """
SELECT decision_id, customer_key, campaign, decided_at
FROM decisions AS d WHERE decision_id = ANY(%(ids)s::uuid[])
"""

# To whom a token speaks there are no decisions but its installation's, and those of its customer that no phone made.
DECISIONS_OF = f"""{DECISIONS}
AND EXISTS (
    SELECT FROM installations AS i
    WHERE i.token_hash = %(token)s AND i.revoked_at IS NULL
        AND CASE WHEN d.site IS NULL THEN i.customer_key = d.customer_key ELSE i.key = d.installation_key END
)
"""

LEDGER = "SELECT decision_id, campaign, customer_key, open, outcomes, charged FROM grants "
OFFERED = LEDGER + "WHERE decision_id = ANY(%(ids)s::uuid[]) AND arm = 'offered'"
DUE = LEDGER + "WHERE open AND closes_at <= %(now)s AND customer_key = ANY(%(customers)s::bigint[])"

OUTCOMES = "SELECT decision_id, type, at, late FROM outcomes WHERE decision_id = ANY(%(ids)s::uuid[])"

# Whom another worker holds is left to it; the rows are read again under the lock.
LOCK_DUE = """
SELECT key FROM customers
WHERE key IN (
    SELECT customer_key FROM grants WHERE open AND closes_at <= %(now)s ORDER BY closes_at LIMIT %(limit)s
)
ORDER BY key FOR UPDATE SKIP LOCKED
"""

LOCK_TALLIES = "SELECT key FROM tallies WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE"

ADD_OUTCOMES = """
INSERT INTO outcomes (decision_id, type, at, received_at, seq, late)
SELECT decision_id, type, at, %(now)s, %(seq)s, late
FROM unnest(%(ids)s::uuid[], %(types)s::text[], %(ats)s::timestamptz[], %(lates)s::boolean[])
    AS news (decision_id, type, at, late)
"""

MARK = """
UPDATE grants SET outcomes = marked.outcomes
FROM unnest(%(ids)s::uuid[], %(campaigns)s::text[], %(outcomes)s::bigint[])
    AS marked (decision_id, campaign, outcomes)
WHERE grants.decision_id = marked.decision_id AND grants.campaign = marked.campaign
"""

CLOSE = """
UPDATE grants SET open = false
FROM unnest(%(ids)s::uuid[], %(campaigns)s::text[]) AS closed (decision_id, campaign)
WHERE grants.decision_id = closed.decision_id AND grants.campaign = closed.campaign
"""

# Of campaigns that need not obey a cap the count stands beside the limit; made anew from the grants it stands within.
GIVE_BACK = """
UPDATE tallies SET used = used - least(used, back.amount), late = late - (back.amount - least(used, back.amount)),
    last_seq = %(seq)s
FROM unnest(%(keys)s::text[], %(amounts)s::bigint[]) AS back (key, amount)
WHERE tallies.key = back.key
"""

COUNT_LATE = """
UPDATE tallies SET late = late + more.amount, last_seq = %(seq)s
FROM unnest(%(keys)s::text[], %(amounts)s::bigint[]) AS more (key, amount)
WHERE tallies.key = more.key
"""

# Only what was decided for whom the phone belongs to now, and only while they still want offers. What no phone made,
# after an event or an absence, waits in all that the customer has.
INBOX = """
SELECT d.decision_id, d.campaign, d.offer, d.expires_at
FROM (
    SELECT * FROM decisions
    WHERE installation_key = %(installation)s AND site IS NOT NULL
        AND channel IN ('inbox', 'push') AND expires_at > %(now)s
    UNION ALL
    SELECT * FROM decisions
    WHERE customer_key = (SELECT customer_key FROM installations WHERE key = %(installation)s) AND site IS NULL
        AND channel IN ('inbox', 'push') AND expires_at > %(now)s
) AS d
JOIN installations AS i ON i.key = %(installation)s AND i.customer_key = d.customer_key
JOIN customers AS c ON c.key = d.customer_key AND c.marketing
WHERE NOT EXISTS (SELECT FROM outcomes AS o WHERE o.decision_id = d.decision_id AND o.type = 'dismissed')
ORDER BY d.decided_at DESC, d.decision_id DESC
LIMIT 100
"""

_charged = msgspec.json.Decoder(tuple[tuple[str, str, int], ...])


def decisions(
    connection: Connection, ids: Collection[UUID], token_hash: bytes | None = None
) -> dict[UUID, Offered]:
    """Those of the decisions that exist; with a token's hash, that are its installation's."""
    params: dict[str, Any] = {"ids": list(ids)}
    asked = Statement(DECISIONS, params)
    if token_hash is not None:
        asked = Statement(DECISIONS_OF, {**params, "token": token_hash})
    (rows,) = round_trip(connection, [asked])
    return {row[0]: Offered(*row) for row in rows}


def ledger_of(
    connection: Connection, ids: Collection[UUID]
) -> tuple[dict[UUID, LedgerEntry], dict[tuple[UUID, OutcomeType], Recorded]]:
    """The grants of what was offered by those decisions, and the outcomes reported so far."""
    ask = {"ids": list(ids)}
    grants, outcomes = round_trip(connection, [Statement(OFFERED, ask), Statement(OUTCOMES, ask)])
    return {row[0]: _entry(row) for row in grants}, {(row[0], row[1]): Recorded(*row) for row in outcomes}


def lock_due(connection: Connection, now: datetime, limit: int) -> list[int]:
    (rows,) = round_trip(connection, [Statement(LOCK_DUE, {"now": now, "limit": limit})])
    return [key for (key,) in rows]


def due(connection: Connection, customers: Sequence[int], now: datetime) -> list[LedgerEntry]:
    (rows,) = round_trip(connection, [Statement(DUE, {"now": now, "customers": list(customers)})])
    return [_entry(row) for row in rows]


def lock_tallies(connection: Connection, keys: Collection[str]) -> None:
    round_trip(connection, [Statement(LOCK_TALLIES, {"keys": list(keys)})])


def save_outcomes(connection: Connection, applied: Applied, *, seq: int, now: datetime) -> None:
    """Keep the outcomes, mark the grants, and count what comes after release beside the limits."""
    news, entries = applied.news, applied.touched()
    added = {
        "ids": [outcome.decision_id for outcome in news],
        "types": [outcome.type for outcome in news],
        "ats": [outcome.at for outcome in news],
        "lates": [outcome.late for outcome in news],
        "seq": seq,
        "now": now,
    }
    marked = {**_named(entries), "outcomes": [entry.outcomes for entry in entries]}
    statements = [Statement(ADD_OUTCOMES, added), Statement(MARK, marked)]
    if applied.late:
        statements.append(Statement(COUNT_LATE, _amounts(applied.late, seq)))
    round_trip(connection, statements)


def close(
    connection: Connection, entries: Collection[LedgerEntry], back: Mapping[str, int], *, seq: int
) -> None:
    """The reservations end, and the shared counts get back what they held for nothing."""
    statements = [Statement(CLOSE, _named(entries))]
    if back:
        statements.append(Statement(GIVE_BACK, _amounts(back, seq)))
    round_trip(connection, statements)


def inbox(connection: Connection, installation_key: int, now: datetime) -> list[dict[str, Any]]:
    """Offers that wait to be shown, newest first."""
    (rows,) = round_trip(connection, [Statement(INBOX, {"installation": installation_key, "now": now})])
    return [
        {
            "decision_id": key,
            "campaign": campaign,
            "offer": msgspec.json.decode(offer),
            "expires_at": expires_at,
        }
        for key, campaign, offer, expires_at in rows
    ]


def _entry(row: Row) -> LedgerEntry:
    decision_id, campaign, customer_key, is_open, outcomes, charged = row
    charges = tuple(Charged(*charge) for charge in _charged.decode(charged))
    return LedgerEntry(decision_id, campaign, customer_key, is_open, outcomes, charges)


def _named(entries: Collection[LedgerEntry]) -> dict[str, list[Any]]:
    return {
        "ids": [entry.decision_id for entry in entries],
        "campaigns": [entry.campaign for entry in entries],
    }


def _amounts(amounts: Mapping[str, int], seq: int) -> dict[str, Any]:
    return {"keys": list(amounts), "amounts": list(amounts.values()), "seq": seq}
