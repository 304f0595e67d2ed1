"""Reservations that ran out: the offer expired, and nobody reported the outcome that a count was kept for.

Safe to run again, and by several workers at once: each takes the customers that it can lock, and reads under
the locks.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from beacon_service.campaigns import codes_store as codes
from beacon_service.campaigns.codes import is_pool
from beacon_service.customers.records import Change
from beacon_service.customers.store import MOST_CHANGES, append_changes, lock_customers
from beacon_service.db import round_trip
from beacon_service.delivery import store
from beacon_service.delivery.outcomes import given_back

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beacon_service.db import Connection
    from beacon_service.delivery.model import LedgerEntry


def release_due(
    connection: Connection, now: datetime, limit: int = MOST_CHANGES, *, only: int | None = None
) -> int:
    """Close the grants of up to `limit` that are due, those of one customer together; how many were closed.

    `only`: that customer's, whatever their number.

    The caller commits. Fewer than `limit` does not mean that none is left: others may hold their customers.
    """
    if only is None:
        customers = store.lock_due(connection, now, min(limit, MOST_CHANGES))
    else:
        customers = list(lock_customers(connection, [only]))
    entries = store.due(connection, customers, now) if customers else []
    if not entries:
        return 0
    back: Counter[str] = sum((given_back(entry) for entry in entries), Counter())
    if back:
        store.lock_tallies(connection, back.keys())
    if any(is_pool(key) for key in back):
        undelivered = [entry.decision_id for entry in entries if any(map(is_pool, given_back(entry)))]
        round_trip(connection, [codes.give_back(undelivered)])
    seq = append_changes(connection, _changes(entries), now)
    store.close(connection, entries, back, seq=seq)
    return len(entries)


def _changes(entries: Sequence[LedgerEntry]) -> list[Change]:
    """One for each customer, naming the grants that closed."""
    ordered = sorted(entries, key=lambda entry: (entry.customer_key, entry.decision_id, entry.campaign))
    return [
        Change(
            customer, "release", {"grants": [[str(entry.decision_id), entry.campaign] for entry in closed]}
        )
        for customer, closed in groupby(ordered, key=lambda entry: entry.customer_key)
    ]
