"""Counts that customers share: locked in key order behind a savepoint, made from the ledger where missing, spent.

Customers are locked before, by `loading.load`; tallies come after them, and both are held to the commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beacon_service.campaigns import codes_store
from beacon_service.campaigns.codes import is_pool
from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Charge, Outcome, Tally, TallyKey
from beacon_service.db import Connection, Statement, round_trip
from beacon_service.pings import sql


class TallyLocks:
    """Locks shared counts in key order, behind a savepoint to which the locks are given back before more are taken."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._holds_some = False

    def __call__(self, charges: Mapping[TallyKey, Charge]) -> dict[TallyKey, Tally]:
        """What is used of each; a row that is missing is made from the ledger first."""
        start = Statement("ROLLBACK TO SAVEPOINT shared" if self._holds_some else "SAVEPOINT shared")
        self._holds_some = True
        needed = {charge.row for charge in charges.values()}
        statements = [start, Statement(sql.LOCK_TALLIES, {"keys": sorted(needed)})]
        from_ledger = [charge for charge in charges.values() if charge.ledger]
        if from_ledger:
            statements.append(Statement(sql.COUNT_GRANTS, _asked(from_ledger)))
        _, rows, *counted = round_trip(self._connection, statements)
        missing = needed - {row[0] for row in rows}
        if missing:
            self._make([charge for charge in charges.values() if charge.row in missing])
            return self(charges)
        # A rolling cap's own row is a lock and counts nothing: what the ledger says comes last.
        return {row[0]: Tally(*row[1:]) for found in (rows, *counted) for row in found}

    def _make(self, charges: Sequence[Charge]) -> None:
        """With no lock held: another step may be making the same rows in this moment. They outlive the savepoint.

        Where a row counts an outcome, the grants before it are made to name it first: that locks them, so that the
        count that follows cannot change under it.
        """
        of_grants = [charge for charge in charges if not is_pool(charge.key)]
        statements = [
            Statement("ROLLBACK TO SAVEPOINT shared"),
            *(Statement(sql.ADOPT_GRANTS, _adopting(charge)) for charge in of_grants if _comes_back(charge)),
            *(codes_store.opened(charge.key) for charge in charges if is_pool(charge.key)),
            *([Statement(sql.ADD_TALLIES, _asked(of_grants, lock_only=True))] if of_grants else []),
            Statement("SAVEPOINT shared"),
        ]
        round_trip(self._connection, statements)


def spend(decisions: Iterable[Decision]) -> list[Statement]:
    """Adds what was given to the rows that keep a count; no statement where nothing was."""
    amounts: dict[TallyKey, int] = {}
    besides: dict[TallyKey, int] = {}
    limits: dict[TallyKey, int | None] = {}
    for charge in _kept_charges(decisions):
        within, beside = (charge.amount, 0) if charge.binding else (0, charge.amount)
        amounts[charge.key] = amounts.get(charge.key, 0) + within
        besides[charge.key] = besides.get(charge.key, 0) + beside
        limits[charge.key] = None if is_pool(charge.key) else charge.limit
    if not limits:
        return []
    params = {
        "keys": list(limits),
        "amounts": [amounts[key] for key in limits],
        "besides": [besides[key] for key in limits],
        "limits": list(limits.values()),
    }
    return [Statement(sql.SPEND_TALLIES, params)]


def _kept_charges(decisions: Iterable[Decision]) -> list[Charge]:
    grants = [grant for decision in decisions for grant in decision.grants]
    return [charge for grant in grants for charge in grant.charges if not charge.ledger and charge.amount]


def given_back(charges: Iterable[Charge]) -> list[tuple[str, str, int]]:
    """What is given back when the grant closes without the outcome that the count is of."""
    return [(charge.key, charge.counts, charge.amount) for charge in charges if _comes_back(charge)]


def _comes_back(charge: Charge) -> bool:
    return not charge.ledger and charge.counts != "decided" and charge.amount > 0


def _adopting(charge: Charge) -> dict[str, Any]:
    return {
        "key": charge.key,
        "counts": charge.counts,
        "money": charge.money,
        "campaign": charge.campaign,
        "start": charge.start_at,
        "site": charge.site,
        "offer": charge.offer,
        "tag": charge.tag,
        "channel": charge.channel,
    }


def _asked(charges: Sequence[Charge], *, lock_only: bool = False) -> dict[str, list[Any]]:
    """Arrays to count grants by. With `lock_only` what is counted from the ledger each time starts at nothing."""
    bounded = [
        0 if lock_only and charge.ledger else charge.limit if charge.ledger else None for charge in charges
    ]
    return {
        "keys": [charge.row if lock_only else charge.key for charge in charges],
        "campaigns": [charge.campaign for charge in charges],
        "sites": [charge.site for charge in charges],
        "offers": [charge.offer for charge in charges],
        "tags": [charge.tag for charge in charges],
        "channels": [charge.channel for charge in charges],
        "money": [charge.money for charge in charges],
        "after": [charge.after_at for charge in charges],
        "start": [charge.start_at for charge in charges],
        "masks": [
            0 if charge.counts == "decided" else int(Outcome.named(charge.counts)) for charge in charges
        ],
        "most": bounded,
    }
