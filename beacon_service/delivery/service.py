"""Taking reports of what became of offers."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from beacon_service.customers.records import Change
from beacon_service.customers.service import ATTEMPTS, savepoint
from beacon_service.customers.store import append_changes, lock_customers
from beacon_service.delivery import store
from beacon_service.delivery.outcomes import apply
from beacon_service.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.db import Connection
    from beacon_service.delivery.model import Offered, Recorded, Report, Verdict
    from beacon_service.delivery.outcomes import Applied


def report(
    connection: Connection, reports: Sequence[Report], now: datetime, *, token_hash: bytes | None = None
) -> list[Verdict]:
    """Record the outcomes; a verdict for each, in order.

    With an installation token's hash only its decisions exist, as far as the caller can tell.
    """
    decisions = lock_decisions(connection, {one.decision_id for one in reports}, token_hash)
    ledger, recorded = store.ledger_of(connection, decisions.keys())
    offered = {
        key: ledger[key] for key, one in decisions.items() if key in ledger and one.campaign is not None
    }
    applied = apply(reports, decisions, offered, recorded, now)
    if applied.news:
        _save(connection, applied, now)
    return applied.verdicts


def lock_decisions(
    connection: Connection, ids: set[UUID], token_hash: bytes | None = None
) -> dict[UUID, Offered]:
    """The decisions with their customers locked: a merge may move them to another while we wait."""
    with savepoint(connection) as undo:
        for _ in range(ATTEMPTS):
            seen = store.decisions(connection, ids, token_hash)
            locked = lock_customers(connection, {decision.customer_key for decision in seen.values()})
            decisions = store.decisions(connection, seen.keys())
            if all(decision.customer_key in locked for decision in decisions.values()):
                return decisions
            undo()
    raise ServiceUnavailable("These decisions are changing hands just now.")


def _save(connection: Connection, applied: Applied, now: datetime) -> None:
    if applied.late:
        store.lock_tallies(connection, applied.late.keys())
    seq = append_changes(connection, _changes(applied), now)
    store.save_outcomes(connection, applied, seq=seq, now=now)


def _changes(applied: Applied) -> list[Change]:
    """One for each customer, with all that was reported of theirs."""

    def customer(outcome: Recorded) -> int:
        return applied.ledger[outcome.decision_id].customer_key

    return [
        Change(key, "outcome", {"outcomes": [_written(outcome) for outcome in reported]})
        for key, reported in groupby(sorted(applied.news, key=customer), key=customer)
    ]


def _written(outcome: Recorded) -> dict[str, object]:
    return {
        "decision_id": str(outcome.decision_id),
        "type": outcome.type,
        "at": outcome.at.isoformat(),
        "late": outcome.late,
    }
