"""The ledger as caps read it: what each moment charged, what became of it, and the counts that customers share."""

from collections.abc import Mapping
from datetime import datetime
from enum import IntFlag
from typing import Literal, NewType

import msgspec

from beacon_service.campaigns.model import Counts

# "cap:<owner>:<definition>:<subject>:<period>", "budget:<campaign>[:at=<site>][:of=cost]:<period>" or "codes:<pool>"
TallyKey = NewType("TallyKey", str)


class Outcome(IntFlag):
    """What became of a decision, as bits of `grants.outcomes`."""

    DELIVERED = 1
    VIEWED = 2
    CLICKED = 4
    DISMISSED = 8
    REDEEMED = 16

    @classmethod
    def named(cls, name: str) -> "Outcome":
        return cls[name.upper()]


# Who viewed an offer had it delivered, though the app may not have said so.
IMPLIED: Mapping[Outcome, Outcome] = {
    Outcome.DELIVERED: Outcome.DELIVERED,
    Outcome.VIEWED: Outcome.VIEWED | Outcome.DELIVERED,
    Outcome.CLICKED: Outcome.CLICKED | Outcome.VIEWED | Outcome.DELIVERED,
    Outcome.DISMISSED: Outcome.DISMISSED | Outcome.DELIVERED,
    Outcome.REDEEMED: Outcome.REDEEMED | Outcome.DELIVERED,
}


class Grant(msgspec.Struct, frozen=True):
    """A row of the ledger as caps read it."""

    campaign: str
    arm: Literal["offered", "held_out"]
    site: str
    policy: bool
    decided_at: datetime
    open: bool
    outcomes: int
    offer: str | None = None
    tags: tuple[str, ...] = ()
    channel: str | None = None

    def counts_as(self, kind: str) -> bool:
        """Whether a cap of that kind counts it: it happened, or it may yet, or (held out) it would have."""
        if kind == "decided" or self.open or self.arm == "held_out":
            return True
        return bool(self.outcomes & Outcome.named(kind))


class Charge(msgspec.Struct, frozen=True):
    """A claim on a shared count: `amount` more of `key`, of which `limit` may be used.

    With `ledger` the count is made from the grants each time and the tally's row is a lock only (rolling windows,
    several periods at once); without, the row keeps the count, made from the grants when the row first comes to be.
    What the grants are counted by: those of `campaign` (or, without, those that count towards the contact policy),
    at `site` ("": at none, as after an event), decided after `after_at`, from `start_at` on.
    """

    key: TallyKey
    limit: int
    counts: Counts
    ledger: bool = False
    after_at: datetime | None = None
    start_at: datetime | None = None
    campaign: str | None = None
    site: str | None = None
    offer: str | None = None
    tag: str | None = None
    channel: str | None = None
    money: bool = False  # what they cost, not how many they are
    amount: int = 1
    binding: bool = True  # false: counts towards a cap that its campaign need not obey
    lock: TallyKey | None = None  # of counts of one cap that begin at several times: the row that they share

    @property
    def row(self) -> TallyKey:
        """What is locked for it, and what a step's own claims are added up by."""
        return self.lock or self.key


class Tally(msgspec.Struct, frozen=True):
    """A shared count as read under its lock, what stands outside the check included."""

    used: int
    limit: int | None = None  # of a pool of codes, which alone knows how many it has


class Granted(msgspec.Struct, frozen=True):
    """One campaign charged by a moment: a new row of the ledger."""

    campaign: str
    arm: Literal["offered", "held_out"]
    offer_id: str | None
    policy: bool
    closes_at: datetime
    charges: tuple[Charge, ...] = ()
    tags: tuple[str, ...] = ()
    channel: str | None = None
    cost: int = 0
    slice: str | None = None  # of the audience, where the campaign learns
