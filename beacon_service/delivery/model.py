"""What becomes of an offer, as values between the store and the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from beacon_service.campaigns.ledger import Outcome

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

OutcomeType = Literal["delivered", "viewed", "clicked", "dismissed", "redeemed"]


class Charged(NamedTuple):
    """A shared count that a grant stands in, and what of it is counted."""

    key: str
    counts: str
    amount: int

    def holds(self, outcomes: int) -> bool:
        """Whether the charge is due with these outcomes, the reservation aside."""
        return self.counts == "decided" or bool(outcomes & Outcome.named(self.counts))


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A grant as outcomes and expiry see it."""

    decision_id: UUID
    campaign: str
    customer_key: int
    open: bool
    outcomes: int
    charged: tuple[Charged, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """A decision as whoever reports on it names it."""

    decision_id: UUID
    customer_key: int
    campaign: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What an app or a till says became of an offer."""

    decision_id: UUID
    type: OutcomeType
    at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """An outcome as it is kept: the first report of its kind."""

    decision_id: UUID
    type: OutcomeType
    at: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a report came to. `at` and `late` are those of the first report of its kind."""

    decision_id: UUID
    type: OutcomeType
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str | None = None
    at: datetime | None = None
    late: bool = False
