"""The outbox in SQL: written with the decision, taken under a lease, settled by whoever holds it.

Several workers share it. Whoever takes a row has it for itself until the lease ends; of one customer's messages to
one endpoint only the oldest that waits can be taken, so that they leave in order. No lock is held while sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from beacon_service.db import Statement, round_trip
from beacon_service.delivery.outbox import LEASE, Address, Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from beacon_service.db import Connection, Row
    from beacon_service.delivery.outbox import Leaving, Settled

# A common table expression beside the decisions': both are there or neither is. The configuration is locked, so that
# the webhooks are those by which it was decided. The message id is a UUID of version 8 (RFC 9562) that follows from
# decision and endpoint, and by push from the phone. What no phone made is pushed to all that the customer has, by each
# address once: an app that is installed anew is another installation, and may keep the address that it had.
ADD = """leaving AS (
    INSERT INTO deliveries (
        message_id, decision_id, customer_key, installation_key, channel, endpoint, body, next_at, expires_at,
        created_at)
    SELECT
        encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid,
        decision_id, customer_key, installation_key, channel, endpoint, body,
        greatest(%(now)b::timestamptz, (
            SELECT max(older.next_at) FROM deliveries AS older
            WHERE older.state = 'waiting' AND older.customer_key = found.customer_key
                AND older.channel = found.channel AND older.endpoint = found.endpoint AND older.lease IS NULL
                AND (older.channel = 'webhook' OR older.installation_key = found.installation_key))),
        expires_at, %(now)b::timestamptz
    FROM (
        SELECT given.decision_id, given.customer_key, lane.phone AS installation_key, given.channel, given.expires_at,
            given.place, lane.endpoint,
            substr(sha256(convert_to('delivery ' || given.decision_id || ' ' || lane.name, 'UTF8')), 1, 16) AS hash,
            given.about || jsonb_build_object('customer_id', c.id, 'installation_id', lane.phone_id) AS body
        FROM unnest(
            %(leaving_ids)b::uuid[], %(leaving_customers)b::bigint[], %(leaving_phones)b::bigint[],
            %(leaving_channels)b::text[], %(leaving_campaigns)b::text[], %(leaving_bodies)b::jsonb[],
            %(leaving_expire)b::timestamptz[], %(leaving_everywhere)b::boolean[]
        ) WITH ORDINALITY AS given (
            decision_id, customer_key, installation_key, channel, campaign, about, expires_at, everywhere, place)
        JOIN customers AS c ON c.key = given.customer_key
        JOIN installations AS i ON i.key = given.installation_key
        CROSS JOIN LATERAL (
            SELECT w.id AS endpoint, w.id AS name, i.key AS phone, i.id AS phone_id FROM webhooks AS w
            WHERE given.channel = 'webhook' AND w.enabled
                AND (w.campaigns = '{}' OR given.campaign = ANY(w.campaigns))
            UNION ALL
            (SELECT DISTINCT ON (p.push ->> 'provider', p.push ->> 'token')
                p.push ->> 'provider', p.push ->> 'provider' || ' ' || p.key, p.key, p.id
            FROM installations AS p
            WHERE given.channel = 'push' AND p.customer_key = given.customer_key AND p.revoked_at IS NULL
                AND (given.everywhere OR p.key = given.installation_key)
                AND p.push ->> 'provider' IN ('fcm', 'apns', 'webpush')
            ORDER BY p.push ->> 'provider', p.push ->> 'token', p.created_at DESC, p.key DESC)
        ) AS lane
    ) AS found
    ORDER BY place, endpoint, installation_key
)"""

# Whoever stands behind one that has failed waits as long as that one does, and goes on once that has gone: else those
# behind would be looked at with each look for what is due, in vain, which at forty thousand takes most of a second.
FOLLOW = """
UPDATE deliveries AS behind SET next_at = given.next_at
FROM unnest(%(numbers)s::bigint[], %(states)s::text[], %(nexts)s::timestamptz[]) AS given (number, state, next_at)
JOIN deliveries AS d ON d.number = given.number
WHERE behind.state = 'waiting' AND behind.lease IS NULL AND behind.attempts = 0
    AND behind.customer_key = d.customer_key AND behind.channel = d.channel AND behind.endpoint = d.endpoint
    AND (behind.channel = 'webhook' OR behind.installation_key = d.installation_key)
    AND behind.number > d.number
    AND CASE WHEN given.state = 'waiting' THEN behind.next_at < given.next_at ELSE behind.next_at > given.next_at END
"""

# Each webhook, and each service that carries push, is a lane of its own.
LANES = """SELECT 'webhook' AS channel, id AS endpoint FROM webhooks WHERE enabled
    UNION ALL
    SELECT 'push', provider FROM unnest(ARRAY['fcm', 'apns', 'webpush']) AS service (provider)"""

# Of `d`: nothing older waits in its lane for the same customer; of push, for the same phone.
ITS_TURN = """NOT EXISTS (
    SELECT FROM deliveries AS older
    WHERE older.state = 'waiting' AND older.customer_key = d.customer_key
        AND older.channel = d.channel AND older.endpoint = d.endpoint AND older.number < d.number
        AND (older.channel = 'webhook' OR older.installation_key = d.installation_key))"""

# Of each lane as many as there is room for, so that an endpoint that does not answer holds up no other. Whoever has
# a row from before waits for the older ones of the same customer. The order is that of the index and no finer, so that
# the look ends with the last that is taken: sorted by number as well, all that waits was looked at, 25 ms for 10 000.
TAKE = f"""
WITH lane AS (
    {LANES}
),
free AS (
    SELECT lane.channel, lane.endpoint, %(most)s::bigint - coalesce(busy.count, 0) AS room
    FROM lane LEFT JOIN unnest(%(channels)s::text[], %(endpoints)s::text[], %(counts)s::bigint[])
        AS busy (channel, endpoint, count) USING (channel, endpoint)
),
due AS (
    SELECT found.number FROM free
    CROSS JOIN LATERAL (
        SELECT d.number FROM deliveries AS d
        WHERE d.state = 'waiting' AND d.channel = free.channel AND d.endpoint = free.endpoint
            AND d.next_at <= %(now)s::timestamptz
            AND {ITS_TURN}
        ORDER BY d.next_at
        LIMIT greatest(free.room, 0)
        FOR UPDATE OF d SKIP LOCKED
    ) AS found
),
taken AS (
    UPDATE deliveries AS d
    SET lease = %(lease)s::uuid, next_at = %(until)s::timestamptz, attempts = d.attempts + 1
    FROM due WHERE d.number = due.number
    RETURNING d.*
)
SELECT t.number, t.lease, t.message_id, t.decision_id, t.installation_key, t.channel, t.endpoint, t.body, t.attempts,
    t.expires_at, t.created_at,
    t.customer_key IS NULL
        OR coalesce(
            c.marketing
            AND (t.channel = 'webhook' OR i.customer_key = t.customer_key AND i.revoked_at IS NULL), false),
    CASE WHEN t.channel = 'push' THEN i.push END,
    coalesce((SELECT g.outcomes FROM grants AS g WHERE g.decision_id = t.decision_id AND g.arm = 'offered'), 0),
    t.sent_at IS NOT NULL
FROM taken AS t
LEFT JOIN customers AS c ON c.key = t.customer_key
LEFT JOIN installations AS i ON i.key = t.installation_key
ORDER BY t.number
"""  # noqa: S608 - parts that are constant

# Only what is still ours: a lease that ran out was taken by somebody else, whose word holds.
SETTLE = """
UPDATE deliveries AS d
SET state = given.state, attempts = given.attempts, next_at = given.next_at, lease = NULL,
    last_status = given.status, last_error = given.error,
    sent_at = CASE WHEN given.state = 'sent' THEN %(now)s::timestamptz ELSE d.sent_at END
FROM unnest(
    %(numbers)s::bigint[], %(states)s::text[], %(attempts)s::integer[], %(nexts)s::timestamptz[],
    %(statuses)s::integer[], %(errors)s::text[], %(leases)s::uuid[]
) AS given (number, state, attempts, next_at, status, error, lease)
WHERE d.number = given.number AND d.lease = given.lease AND d.state = 'waiting'
"""

# What nobody may send any more, whether its turn had come or not; what is being sent just now is left alone.
EXPIRE = """
WITH over AS (
    SELECT number FROM deliveries
    WHERE state = 'waiting' AND expires_at <= %(now)s::timestamptz
        AND (lease IS NULL OR next_at <= %(now)s::timestamptz)
    ORDER BY expires_at LIMIT 1000
    FOR UPDATE SKIP LOCKED
)
UPDATE deliveries AS d SET state = 'expired', lease = NULL
FROM over WHERE d.number = over.number
RETURNING d.channel
"""

# In the order of their names, as everybody counts.
COUNT = """
INSERT INTO delivery_counts (channel, result, count)
SELECT channel, result, count
FROM unnest(%(channels)s::text[], %(results)s::text[], %(counts)s::bigint[]) AS given (channel, result, count)
ORDER BY channel, result
ON CONFLICT (channel, result) DO UPDATE SET count = delivery_counts.count + excluded.count
"""

# The address is cleared only while it is the one that was found to be dead.
FORGET_ADDRESSES = """
UPDATE installations AS i SET push = NULL
FROM unnest(%(phones)s::bigint[], %(tokens)s::text[]) AS gone (key, token)
WHERE i.key = gone.key AND i.push ->> 'token' = gone.token
"""

# A lane without a webhook is one that was deleted: nobody will take what waits there.
DROP_ORPHANS = """
UPDATE deliveries AS d SET state = 'dead', lease = NULL, last_error = 'the webhook was deleted'
WHERE d.state = 'waiting' AND d.channel = 'webhook'
    AND NOT EXISTS (SELECT FROM webhooks AS w WHERE w.id = d.endpoint)
"""

DROP_BEFORE = "DELETE FROM deliveries WHERE state <> 'waiting' AND created_at < %(before)s::timestamptz"


def beside(statement: Statement, offers: Sequence[Leaving]) -> Statement:
    """The statement that saves decisions, and with it what leaves of them; unchanged where nothing does.

    It must begin with WITH and have a parameter `now`.
    """
    if not offers:
        return statement
    assert not isinstance(statement.params, list | tuple), "its parameters have names"
    rest = statement.sql.strip().removeprefix("WITH ")
    return Statement(f"WITH {ADD},\n{rest}", {**statement.params, **_columns(offers)})  # type: ignore[dict-item]


def take(
    connection: Connection, busy: Mapping[tuple[str, str], int], *, most: int, now: datetime
) -> list[Delivery]:
    """What is due, for the length of a lease: at most `most` to each lane, `busy` (what is being sent) included."""
    asked = {
        "channels": [channel for channel, _ in busy],
        "endpoints": [endpoint for _, endpoint in busy],
        "counts": list(busy.values()),
        "most": most,
        "lease": uuid4(),
        "now": now,
        "until": now + LEASE,
    }
    (rows,) = round_trip(connection, [Statement(TAKE, asked)])
    return [_delivery(row) for row in rows]


def settle(connection: Connection, settled: Sequence[Settled], now: datetime) -> None:
    """How they went. The caller holds no lock but those of customers."""
    rows = {
        "numbers": [one.delivery.number for one in settled],
        "states": [one.state for one in settled],
        "attempts": [one.attempts for one in settled],
        "nexts": [one.next_at for one in settled],
        "statuses": [one.attempt.status for one in settled],
        "errors": [one.attempt.error for one in settled],
        "leases": [one.delivery.lease for one in settled],
        "now": now,
    }
    behind = {name: rows[name] for name in ("numbers", "states", "nexts")}
    round_trip(connection, [Statement(SETTLE, rows), Statement(FOLLOW, behind)])


def expire(connection: Connection, now: datetime) -> list[str]:
    """Give up what has expired; the channel of each."""
    (rows,) = round_trip(connection, [Statement(EXPIRE, {"now": now})])
    return [channel for (channel,) in rows]


def count(connection: Connection, results: Mapping[tuple[str, str], int]) -> None:
    """`results`: (channel, result) -> how many more."""
    rows = {
        "channels": [channel for channel, _ in results],
        "results": [result for _, result in results],
        "counts": list(results.values()),
    }
    round_trip(connection, [Statement(COUNT, rows)])


def forget_addresses(connection: Connection, gone: Iterable[tuple[int, str]]) -> None:
    """`gone`: (installation, token) that the push service knows no more."""
    pairs = list(gone)
    rows = {"phones": [phone for phone, _ in pairs], "tokens": [token for _, token in pairs]}
    round_trip(connection, [Statement(FORGET_ADDRESSES, rows)])


def keep_house(connection: Connection, *, before: datetime) -> None:
    """Delete what was settled and is older than `before`; give up what can never be sent."""
    round_trip(connection, [Statement(DROP_ORPHANS), Statement(DROP_BEFORE, {"before": before})])


def _columns(offers: Sequence[Leaving]) -> dict[str, list[Any]]:
    return {
        "leaving_ids": [one.decision_id for one in offers],
        "leaving_customers": [one.customer_key for one in offers],
        "leaving_phones": [one.installation_key for one in offers],
        "leaving_channels": [one.channel for one in offers],
        "leaving_campaigns": [one.campaign for one in offers],
        "leaving_bodies": [one.body for one in offers],
        "leaving_expire": [one.expires_at for one in offers],
        "leaving_everywhere": [one.everywhere for one in offers],
    }


def _delivery(row: Row) -> Delivery:
    found = Delivery(*row)
    push: Any = found.push
    return found if push is None else replace(found, push=_address(push))


def _address(push: bytes) -> Address:
    said = msgspec.json.decode(push, type=dict[str, str | None])
    return Address(said["provider"] or "", said["token"] or "", said.get("p256dh"), said.get("auth"))
