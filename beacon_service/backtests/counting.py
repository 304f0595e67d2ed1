"""Counts that customers share, in memory: what the rows of `tallies` and the ledger behind them come to.

A count is asked for by the charge that a winner would make. It is made once, from what was granted before the replay
and since, and kept up with every grant from then on; so it is the ledger's by definition, however it is asked.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from beacon_service.campaigns.ledger import Charge, Grant, Tally, TallyKey


class LedgerGrant(Grant, frozen=True):
    """A row of the ledger, with what tells it from all others and what budgets of money count."""

    decision_id: UUID = UUID(int=0)
    cost: int = 0


class Earlier(Protocol):
    """What was granted before the replay to customers who have not come up in it yet."""

    def amounts(self, charge: Charge, but: Collection[int]) -> Iterable[tuple[datetime, int]]:
        """(when, how much) of all that the charge's count is of, but for those customers."""
        ...


class Nothing:
    """Where the history is known from its beginning."""

    def amounts(self, charge: Charge, but: Collection[int]) -> Iterable[tuple[datetime, int]]:  # noqa: ARG002
        return ()


class _Count:
    """One shared count. Of a window that moves each offer's time is kept; of any other the sum alone."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge
        self._moves = charge.ledger
        self._sum = 0
        self._times: list[datetime] = []

    def is_of(self, grant: LedgerGrant) -> bool:
        """Whether it is one of those that are counted, its outcome aside."""
        charge = self._charge
        return (
            grant.arm == "offered"
            and (grant.campaign == charge.campaign if charge.campaign is not None else grant.policy)
            and (charge.site is None or grant.site == charge.site)
            and (charge.offer is None or grant.offer == charge.offer)
            and (charge.tag is None or charge.tag in grant.tags)
            and (charge.channel is None or grant.channel == charge.channel)
            and (self._moves or _began(charge, grant.decided_at))
        )

    def amount(self, grant: LedgerGrant) -> int:
        """What it adds as it stands."""
        if not self.is_of(grant) or not grant.counts_as(self._charge.counts):
            return 0
        return grant.cost if self._charge.money else 1

    def add(self, at: datetime, amount: int) -> None:
        self._sum += amount
        if self._moves and amount > 0:
            insort(self._times, at)
        elif self._moves and amount < 0:
            place = bisect_left(self._times, at)
            assert self._times[place : place + 1] == [at], "what is taken back was counted"
            del self._times[place]

    def used(self, charge: Charge) -> int:
        """As that charge counts: its window may have moved on. At most the limit, as the ledger is read that far."""
        if not self._moves:
            return self._sum
        first = 0
        if charge.after_at is not None:
            first = bisect_right(self._times, charge.after_at)
        if charge.start_at is not None:
            first = max(first, bisect_left(self._times, charge.start_at))
        return min(len(self._times) - first, charge.limit)


def _began(charge: Charge, at: datetime) -> bool:
    return (charge.after_at is None or at > charge.after_at) and (
        charge.start_at is None or at >= charge.start_at
    )


class SharedCounts:
    """All shared counts that were asked for so far. `ledgers`: what each customer of the replay was granted."""

    def __init__(self, ledgers: Mapping[int, Collection[LedgerGrant]], earlier: Earlier) -> None:
        self._ledgers = ledgers
        self._earlier = earlier
        self._counts: dict[TallyKey, _Count] = {}
        self._of_campaign: dict[str | None, list[_Count]] = {}

    def read(self, charges: Mapping[TallyKey, Charge]) -> dict[TallyKey, Tally]:
        return {key: Tally(self._count(charge).used(charge)) for key, charge in charges.items()}

    def granted(self, grant: LedgerGrant) -> None:
        self._changed(grant, lambda count: count.amount(grant))

    def became(self, before: LedgerGrant, after: LedgerGrant) -> None:
        """Its outcome was reported, or it closed."""
        self._changed(after, lambda count: count.amount(after) - count.amount(before))

    def _changed(self, grant: LedgerGrant, by: Callable[[_Count], int]) -> None:
        for owner in (grant.campaign, None):
            for count in self._of_campaign.get(owner, ()):
                if amount := by(count):
                    count.add(grant.decided_at, amount)

    def _count(self, charge: Charge) -> _Count:
        count = self._counts.get(charge.key)
        if count is None:
            count = self._counts[charge.key] = _Count(charge)
            for at, amount in self._earlier.amounts(charge, self._ledgers.keys()):
                count.add(at, amount)
            for ledger in self._ledgers.values():
                for grant in ledger:
                    if amount := count.amount(grant):
                        count.add(grant.decided_at, amount)
            self._of_campaign.setdefault(charge.campaign, []).append(count)
        return count
