"""What reaches across all of one person's rows, in SQL: handing them over, writing them out, wiping them.

`pings`, `changes` and `snapshot_rows` are logs and stay as they were written when one customer is merged into
another, since a replay must meet the two as they were then; the merge's own entry in `changes` tells the way
from the one to the other, and whoever looks for all of a person (export, erasure) follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from psycopg.types.json import Jsonb

from beacon_service.campaigns.moment import Memory
from beacon_service.db import Statement, round_trip
from beacon_service.visits.model import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from beacon_service.db import Connection

MEMORIES = "SELECT key, memory FROM customers WHERE key = ANY(%(keys)s::bigint[])"
SAVE_MEMORY = "UPDATE customers SET memory = %(memory)s WHERE key = %(key)s"
UNITE_LISTS = """
UPDATE customers SET lists = ARRAY(SELECT DISTINCT unnest(customers.lists || origin.lists) ORDER BY 1)
FROM customers AS origin
WHERE customers.key = %(target)s AND origin.key = %(origin)s AND origin.lists <> '{}'
"""
# Whoever of the two was noticed later was noticed as the one that they are.
UNITE_SEEN = """
UPDATE customers SET seen_on = greatest(customers.seen_on, origin.seen_on)
FROM customers AS origin WHERE customers.key = %(target)s AND origin.key = %(origin)s
"""
PRESENCE = "SELECT state FROM presence WHERE installation_key = %(installation)s"
SENSITIVE = "SELECT site_id || '/' || id FROM zones WHERE sensitive"

ASKED_FOR_MARKETING = """
SELECT DISTINCT customer_key FROM consents WHERE kind = 'marketing' AND customer_key = ANY(%(keys)s::bigint[])
"""

# Tables that say whose something is now; each has an index on its customer.
OWNED = (
    "installations",
    "consents",
    "moves",
    "decisions",
    "grants",
    "waiting",
    "events",
    "deliveries",
    "backtest_examples",
)

ABSORBED = """
SELECT (body ->> 'from')::bigint FROM changes
WHERE customer_key = %(key)s AND kind = 'merge' AND body ? 'from'
"""

# Each installation states its location consent when it registers, so the log names all that ever were theirs.
INSTALLATIONS_EVER = """
SELECT key FROM installations WHERE customer_key = ANY(%(keys)s::bigint[])
UNION
SELECT (body ->> 'installation')::bigint FROM changes
WHERE customer_key = ANY(%(keys)s::bigint[]) AND body ->> 'installation' IS NOT NULL
"""

# In this order, since rows refer to those below them.
ERASE = (
    (
        "DELETE FROM pings WHERE installation_key = ANY(%(installations)s::bigint[])"
        " AND customer_key = ANY(%(keys)s::bigint[])"
    ),
    "DELETE FROM moves WHERE customer_key = ANY(%(keys)s::bigint[])",
    "DELETE FROM events WHERE customer_key = ANY(%(keys)s::bigint[])",
    (
        "DELETE FROM waiting WHERE customer_key = ANY(%(keys)s::bigint[]) OR installation_key IN"
        " (SELECT key FROM installations WHERE customer_key = ANY(%(keys)s::bigint[]))"
    ),
    "DELETE FROM deliveries WHERE customer_key = ANY(%(keys)s::bigint[])",
    "DELETE FROM snapshot_rows WHERE customer_key = ANY(%(keys)s::bigint[])",
    "DELETE FROM backtest_examples WHERE customer_key = ANY(%(keys)s::bigint[])",
    "UPDATE changes SET body = '{}' WHERE customer_key = ANY(%(keys)s::bigint[])",
    # That a code was redeemed is kept, since it is good for once; where, and by which slip, is not.
    (
        "UPDATE codes SET redeemed_site = NULL, redemption_id = NULL FROM decisions AS d"
        " WHERE d.decision_id = codes.decision_id AND d.customer_key = ANY(%(keys)s::bigint[])"
    ),
    # What remains of a decision is what grants and outcomes refer to; its site stands in the ledger too.
    (
        "UPDATE decisions SET zone = '', move = '', dwell_s = NULL, within_m = NULL, visit = 0, at = decided_at,"
        " offer = NULL, reasons = '{}', counts = '[]', draws = '{}', refusals = '[]', scores = '{}',"
        " ping_received_on = NULL, ping_id = NULL"
        " WHERE customer_key = ANY(%(keys)s::bigint[])"
    ),
    "DELETE FROM consents WHERE customer_key = ANY(%(keys)s::bigint[])",
    # A phone that changed hands stands in the proofs of its former customer.
    (
        "UPDATE consents SET installation_key = NULL FROM installations AS phone"
        " WHERE phone.key = consents.installation_key AND phone.customer_key = ANY(%(keys)s::bigint[])"
    ),
    (
        "DELETE FROM presence USING installations AS phone"
        " WHERE phone.key = presence.installation_key AND phone.customer_key = ANY(%(keys)s::bigint[])"
    ),
    "DELETE FROM installations WHERE customer_key = ANY(%(keys)s::bigint[])",
    (
        "UPDATE customers SET id = %(pseudonym)s, attributes = '{}', marketing = false, location = false,"
        " memory = '{}', events = '{}', lists = '{}', seen_on = NULL,"
        " erased_at = %(now)s WHERE key = ANY(%(keys)s::bigint[])"
    ),
)

EXPORT: Mapping[str, str] = {
    "customer": "SELECT id, anonymous, attributes, marketing, memory, lists, seen_on, created_at FROM customers"
    " WHERE key = ANY(%(keys)s::bigint[])",
    "installations": "SELECT id, platform, model, os_version, app_version, locale, time_zone, push, location,"
    " created_at, revoked_at FROM installations WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY key",
    "consents": "SELECT c.kind, c.granted, c.wording, c.at, i.id AS installation_id FROM consents AS c"
    " LEFT JOIN installations AS i ON i.key = c.installation_key"
    " WHERE c.customer_key = ANY(%(keys)s::bigint[]) ORDER BY c.id",
    "presence": "SELECT i.id AS installation_id, p.state FROM presence AS p"
    " JOIN installations AS i ON i.key = p.installation_key WHERE i.customer_key = ANY(%(keys)s::bigint[])",
    "pings": "SELECT p.ping_id, i.id AS installation_id, p.status, p.at, p.now AS received_at, p.body, p.fix"
    " FROM pings AS p LEFT JOIN installations AS i ON i.key = p.installation_key"
    " WHERE p.installation_key = ANY(%(installations)s::bigint[])"
    " AND p.customer_key = ANY(%(keys)s::bigint[]) ORDER BY p.seq, p.ping_id",
    "moves": "SELECT event_id, site, zone, type, dwell_s, at FROM moves"
    " WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY event_id",
    "decisions": "SELECT decision_id, site, zone, move, within_m, at, decided_at, campaign, offer, channel, expires_at,"
    " reasons FROM decisions WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY decision_id",
    "waiting": "SELECT w.campaign, w.due_at, i.id AS installation_id, w.body -> 'moment' ->> 'site' AS site,"
    " w.body -> 'moment' ->> 'zone' AS zone, w.body -> 'moment' ->> 'move' AS move,"
    " w.body -> 'moment' ->> 'at' AS at FROM waiting AS w"
    " LEFT JOIN installations AS i ON i.key = w.installation_key"
    " WHERE w.customer_key = ANY(%(keys)s::bigint[]) ORDER BY w.due_at, w.key",
    "events": "SELECT event_id, type, at, received_at, amount, currency, items, decision_id FROM events"
    " WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY at, event_id",
    "deliveries": "SELECT message_id, decision_id, channel, endpoint, body, state, created_at, sent_at FROM deliveries"
    " WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY number",
    "codes": "SELECT c.code, c.decision_id, c.given_at, c.redeemed_at, c.redeemed_site FROM codes AS c"
    " JOIN decisions AS d USING (decision_id) WHERE d.customer_key = ANY(%(keys)s::bigint[])"
    " ORDER BY c.given_at, c.code",
    "grants": "SELECT decision_id, campaign, arm, site, decided_at, outcomes FROM grants"
    " WHERE customer_key = ANY(%(keys)s::bigint[]) ORDER BY decision_id, campaign",
    "outcomes": "SELECT o.decision_id, o.type, o.at, o.received_at FROM outcomes AS o"
    " JOIN decisions AS d USING (decision_id) WHERE d.customer_key = ANY(%(keys)s::bigint[])"
    " ORDER BY o.received_at, o.decision_id",
    "backtests": "SELECT e.backtest_id, e.kind, e.campaign, e.body FROM backtest_examples AS e"
    " WHERE e.customer_key = ANY(%(keys)s::bigint[]) ORDER BY e.backtest_id, e.number",
    "changes": "SELECT kind, now AS at, body FROM changes WHERE customer_key = ANY(%(keys)s::bigint[])"
    " ORDER BY seq",
}


def memories(connection: Connection, keys: Sequence[int]) -> dict[int, Memory]:
    (rows,) = round_trip(connection, [Statement(MEMORIES, {"keys": list(keys)})])
    return {key: msgspec.json.decode(memory, type=Memory) for key, memory in rows}


def save_memory(connection: Connection, key: int, memory: Memory) -> None:
    round_trip(connection, [Statement(SAVE_MEMORY, {"key": key, "memory": Jsonb(memory)})])


def unite_lists(connection: Connection, origin: int, target: int) -> None:
    """`target` is on every list that either of them is on."""
    connection.execute(UNITE_LISTS, {"origin": origin, "target": target})


def unite_seen(connection: Connection, origin: int, target: int) -> None:
    """`target` was last noticed when either of them was."""
    connection.execute(UNITE_SEEN, {"origin": origin, "target": target})


def presence(connection: Connection, installation_key: int) -> Presence:
    (rows,) = round_trip(connection, [Statement(PRESENCE, {"installation": installation_key})])
    return msgspec.json.decode(rows[0][0], type=Presence) if rows else Presence()


def sensitive_zones(connection: Connection) -> frozenset[str]:
    (rows,) = round_trip(connection, [Statement(SENSITIVE)])
    return frozenset(zone for (zone,) in rows)


def asked_for_marketing(connection: Connection, keys: Sequence[int]) -> frozenset[int]:
    """Those of the customers who ever said yes or no to marketing."""
    (rows,) = round_trip(connection, [Statement(ASKED_FOR_MARKETING, {"keys": list(keys)})])
    return frozenset(key for (key,) in rows)


def move_installation(connection: Connection, installation_key: int, customer_key: int) -> None:
    connection.execute(
        "UPDATE installations SET customer_key = %s WHERE key = %s", [customer_key, installation_key]
    )


def hand_over(connection: Connection, origin: int, target: int) -> None:
    """All that is `origin`'s becomes `target`'s, and `origin` is no more."""
    owned = [
        Statement(
            f"UPDATE {table} SET customer_key = %(target)s WHERE customer_key = %(origin)s",  # noqa: S608
            {"origin": origin, "target": target},
        )
        for table in OWNED
    ]
    gone = Statement("DELETE FROM customers WHERE key = %(origin)s", {"origin": origin})
    round_trip(connection, [*owned, gone])


def everything_of(connection: Connection, customer_key: int) -> dict[str, list[int]]:
    """All keys that the person ever had: of customers merged into this one, and of installations."""
    (absorbed,) = round_trip(connection, [Statement(ABSORBED, {"key": customer_key})])
    keys = [customer_key, *(key for (key,) in absorbed)]
    (installations,) = round_trip(connection, [Statement(INSTALLATIONS_EVER, {"keys": keys})])
    return {"keys": keys, "installations": [key for (key,) in installations]}


def erase(connection: Connection, whose: Mapping[str, Any], *, pseudonym: str, now: datetime) -> None:
    every = {**whose, "pseudonym": pseudonym, "now": now}
    round_trip(connection, [_statement(sql, every) for sql in ERASE])


def _statement(sql: str, params: Mapping[str, Any]) -> Statement:
    """With only the parameters that it names: the others' types could not be told."""
    return Statement(sql, {name: value for name, value in params.items() if f"%({name})s" in sql})


def export(connection: Connection, whose: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """All rows about the person by table, as the caller may read them."""
    found = {}
    for name, sql in EXPORT.items():
        cursor = connection.execute(sql, whose)
        columns = [column.name for column in cursor.description or ()]
        found[name] = [dict(zip(columns, row, strict=True)) for row in cursor]
    return found
