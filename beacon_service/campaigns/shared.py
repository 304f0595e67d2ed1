"""The counts that customers share, as one step sees them and adds to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from beacon_service.campaigns.ledger import Charge, Tally, TallyKey


@dataclass(slots=True)
class Shared:
    """Shared counts during one step: as read under their locks, and what this step has claimed since.

    A count that is not known yet is taken to suffice, unless `final`; what the winners claim is collected in
    `claimed`, so that the shell knows which rows to lock before it asks again.
    """

    tallies: Mapping[TallyKey, Tally]
    final: bool = False
    claimed: dict[TallyKey, Charge] = field(default_factory=dict)
    _spent: dict[TallyKey, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether there is room for everything, as nothing is known."""
        return not self.tallies and not self.final

    def used(self, charge: Charge) -> int | None:
        tally = self.tallies.get(charge.key)
        return None if tally is None else tally.used + self._spent.get(charge.row, 0)

    def has_room(self, charge: Charge) -> bool:
        used = self.used(charge)
        if used is None:
            return not self.final
        # What adds nothing to a count of offers needs room for one all the same; what costs nothing needs no money.
        needed = charge.amount or int(not charge.money)
        return used + needed <= self.limit(charge)

    def limit(self, charge: Charge) -> int:
        tally = self.tallies.get(charge.key)
        return charge.limit if tally is None or tally.limit is None else tally.limit

    def claim(self, charge: Charge) -> None:
        self.claimed.setdefault(charge.key, charge)
        self._spent[charge.row] = self._spent.get(charge.row, 0) + charge.amount
