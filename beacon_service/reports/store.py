"""Reads for people, in SQL: why a decision came out as it did, and what happened lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.rows import dict_row

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration import store as configuration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from beacon_service.db import Connection

DECISION = """
SELECT d.decision_id, d.at, d.decided_at, c.id AS customer_id, i.id AS installation_id, d.site, d.zone,
    d.move, d.dwell_s, d.within_m, d.visit, d.campaign, d.revision, d.offer, d.channel, d.expires_at, d.reasons,
    d.counts, d.draws, d.refusals, d.scores, d.seed, d.moment_key, d.catalogue_version, d.code_version,
    d.installation_key, d.ping_received_on, d.ping_id, c.erased_at IS NOT NULL AS erased
FROM decisions AS d
LEFT JOIN customers AS c ON c.key = d.customer_key
LEFT JOIN installations AS i ON i.key = d.installation_key
WHERE d.decision_id = %(decision)s
"""

GRANTS = """
SELECT campaign, offer_id, arm, open, outcomes, closes_at FROM grants
WHERE decision_id = %(decision)s ORDER BY campaign
"""

OUTCOMES = """
SELECT type, at, received_at, late FROM outcomes WHERE decision_id = %(decision)s ORDER BY received_at, type
"""

EVIDENCE = """
SELECT ping_id, at, now AS received_at, body, fix FROM pings
WHERE installation_key = %(installation_key)s AND ping_id = %(ping_id)s AND received_on = %(ping_received_on)s
"""

# Ids are UUIDv7 of the time of recording, so the primary key is the order of a feed.
DECISIONS = """
SELECT d.decision_id, d.at, d.decided_at, c.id AS customer_id, i.id AS installation_id, d.site, d.zone,
    d.move, d.dwell_s, d.within_m, d.campaign, d.offer ->> 'title' AS offer, d.channel, d.reasons
FROM decisions AS d
LEFT JOIN customers AS c ON c.key = d.customer_key
LEFT JOIN installations AS i ON i.key = d.installation_key
WHERE d.decision_id > %(after)s
    AND (%(until)s::timestamptz IS NULL OR d.decided_at < %(until)s)
    AND (%(customer)s::bigint IS NULL OR d.customer_key = %(customer)s)
    AND (%(site)s::text IS NULL OR d.site = %(site)s)
    AND (%(zone)s::text IS NULL OR d.zone = %(zone)s)
    AND (%(offered)s::boolean IS NULL OR (d.campaign IS NOT NULL) = %(offered)s)
    AND (%(campaign)s::text IS NULL OR d.campaign = %(campaign)s OR d.reasons ? %(campaign)s)
    AND (%(reason)s::text IS NULL OR CASE WHEN %(campaign)s::text IS NULL
        THEN EXISTS (SELECT FROM jsonb_each_text(d.reasons) AS why WHERE why.value = %(reason)s)
        ELSE d.reasons ->> %(campaign)s = %(reason)s END)
ORDER BY d.decision_id LIMIT %(limit)s
"""

MOVES = """
SELECT m.event_id, i.id AS installation_id, c.id AS customer_id, m.site, m.zone, m.type, m.at, m.dwell_s,
    m.probability, m.confidence, m.cause
FROM moves AS m
LEFT JOIN customers AS c ON c.key = m.customer_key
LEFT JOIN installations AS i ON i.key = m.installation_key
WHERE m.event_id > %(after)s ORDER BY m.event_id LIMIT %(limit)s
"""

BEGINNING = UUID(int=0)


def first_id(since_at: datetime) -> UUID:
    """What is below every UUIDv7 made at that millisecond or later."""
    return UUID(int=max(0, int(since_at.timestamp() * 1000) << 80))


def decision(connection: Connection, decision_id: UUID) -> dict[str, Any] | None:
    found = _rows(connection, DECISION, {"decision": decision_id})
    return found[0] if found else None


def grants(connection: Connection, decision_id: UUID) -> list[dict[str, Any]]:
    return _rows(connection, GRANTS, {"decision": decision_id})


def outcomes(connection: Connection, decision_id: UUID) -> list[dict[str, Any]]:
    return _rows(connection, OUTCOMES, {"decision": decision_id})


def evidence(connection: Connection, of_decision: dict[str, Any]) -> dict[str, Any] | None:
    """The ping that the decision rests on, while it is kept."""
    found = _rows(connection, EVIDENCE, of_decision)
    return found[0] if found else None


def statuses(connection: Connection, version: int) -> dict[str, str]:
    """Every campaign as of a version of the configuration, with its status then."""
    programme = Programme().updated(configuration.read(connection, upto=version))
    return {campaign.id: campaign.status for campaign in programme.campaigns.values()}


def decisions(
    connection: Connection, asked: Mapping[str, Any], *, after: UUID, customer: int | None, limit: int
) -> list[dict[str, Any]]:
    """In the order in which they were made. `asked`: the fields of a `schema.DecisionQuery`; None asks for nothing."""
    named = {name: asked[name] for name in ("until", "site", "zone", "offered", "campaign", "reason")}
    return _rows(connection, DECISIONS, named | {"after": after, "customer": customer, "limit": limit})


def moves(connection: Connection, after: UUID, limit: int) -> list[dict[str, Any]]:
    return _rows(connection, MOVES, {"after": after, "limit": limit})


def _rows(connection: Connection, sql: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.encode(), params).fetchall()
