"""The engine over memory instead of the database, on the clock of a history: live, replay and backtest are one code.

The same two passes as a live step, under the same rounds of shared counts; where a transaction locks rows, a replay,
which settles one step after the other, reads its own counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from beacon_service.backtests.counting import Earlier, LedgerGrant, Nothing, SharedCounts
from beacon_service.backtests.happenings import Affairs, happen
from beacon_service.backtests.history import CameDue, Changed, Step
from beacon_service.backtests.people import People
from beacon_service.campaigns.codes import coded, is_pool
from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Charge, Granted, Tally, TallyKey
from beacon_service.engine import Catalogue, Due, Followed, Given, Mover, Told, follow, settle

# Stands for a code that nobody was given: a replay takes none.
EXAMPLE_CODE = "EXAMPLE-CODE"


class Settled(NamedTuple):
    """What a step came to."""

    now: datetime
    followed: Sequence[Followed] = ()
    told: Sequence[Told] = ()

    @property
    def decisions(self) -> list[Decision]:
        return [decision for one in self.told for decision in one.decisions]


class Codes(NamedTuple):
    """What is known of codes from outside: what a decision was given, and how many a pool has."""

    given: Callable[[Decision], str | None]
    pool: Callable[[str], Tally]


def no_codes() -> Codes:
    return Codes(lambda _: None, lambda _: Tally(0, 1 << 62))


@dataclass(slots=True)
class Replay:
    """Takes steps in their order. `people` has everybody whom they are about before they come."""

    people: People = field(default_factory=People)
    earlier: Earlier = field(default_factory=Nothing)
    codes: Codes = field(default_factory=no_codes)
    counts: SharedCounts = field(init=False)

    def __post_init__(self) -> None:
        self.counts = SharedCounts(self.people.ledgers, self.earlier)

    def settle(self, step: Step, catalogue: Catalogue) -> Settled:
        """What the step comes to; whatever it changes is changed."""
        entries = [one for one in step.entries if one.seq > self.people.upto.get(one.customer_key, 0)]
        causes: list[Mover] = []
        waited: list[Due] = []
        for entry in entries:
            if isinstance(entry, Changed):
                happen(Affairs(self.people, self.counts, catalogue), entry)
            elif isinstance(entry, CameDue):
                waited.append(entry.cause)
            else:
                causes.append(entry.cause)
        if waited:
            return self.decide_due(catalogue, step.now, waited)
        return self.move(catalogue, step.now, causes) if causes else Settled(step.now)

    def move(self, catalogue: Catalogue, now: datetime, causes: Sequence[Mover]) -> Settled:
        followed, presences = follow(catalogue, self.people.world, causes, now)
        self.people.moved(presences)
        return self._tell(catalogue, now, followed)

    def decide_due(self, catalogue: Catalogue, now: datetime, waited: Sequence[Due]) -> Settled:
        return self._tell(catalogue, now, [Followed(cause, "accepted") for cause in waited])

    def _tell(self, catalogue: Catalogue, now: datetime, followed: Sequence[Followed]) -> Settled:
        given = Given(now, catalogue, _no_seed)
        told, memories = settle(given, self.people.world, followed, self._read, self._give_codes)
        self.people.memories |= memories
        for decision in (decision for one in told for decision in one.decisions):
            for grant in decision.grants:
                row = ledger_grant(decision, grant, now)
                self.people.granted(decision.moment.customer_key, row, self.counts)
        return Settled(now, followed, told)

    def _read(self, charges: Mapping[TallyKey, Charge]) -> Mapping[TallyKey, Tally]:
        pools = {key: self.codes.pool(key) for key in charges if is_pool(key)}
        return self.counts.read({key: one for key, one in charges.items() if key not in pools}) | pools

    def _give_codes(self, told: Sequence[Told]) -> tuple[Told, ...]:
        return tuple(self._with_codes(one) if one.decisions else one for one in told)

    def _with_codes(self, told: Told) -> Told:
        decisions = tuple(
            coded(one, self.codes.given(one) or EXAMPLE_CODE) if one.offer and one.offer.takes_code else one
            for one in told.decisions
        )
        return Told(told.events, decisions, told.waiting)


def ledger_grant(decision: Decision, grant: Granted, now: datetime) -> LedgerGrant:
    """The row of the ledger that a grant makes."""
    return LedgerGrant(
        campaign=grant.campaign,
        arm=grant.arm,
        site=decision.moment.site,
        policy=grant.policy,
        decided_at=now,
        open=grant.arm == "offered",
        outcomes=0,
        offer=grant.offer_id,
        tags=grant.tags,
        channel=grant.channel,
        decision_id=decision.id,
        cost=grant.cost,
    )


def _no_seed() -> int:
    raise AssertionError("the causes of a history bring their seeds")
