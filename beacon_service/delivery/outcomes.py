"""How reports change the ledger, and what an expired reservation gives back. Pure.

A grant holds a place in every shared count from the decision on: as a reservation while it is open, and for
good once the outcome is there that the count is of. When it closes without that outcome the place is given
back; an outcome that comes later still counts, beside the limit (`late`), since it did happen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from beacon_service.campaigns.codes import is_pool
from beacon_service.campaigns.ledger import IMPLIED, Outcome
from beacon_service.delivery.model import Recorded, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from beacon_service.delivery.model import LedgerEntry, Offered, OutcomeType, Report

# As for pings: a phone's clock may run ahead by so much before we disbelieve it.
MOST_AHEAD = timedelta(minutes=2)


def given_back(entry: LedgerEntry) -> Counter[str]:
    """What the shared counts get back when the grant closes as it is: by tally."""
    back: Counter[str] = Counter()
    for charge in entry.charged:
        if not charge.holds(entry.outcomes):
            back[charge.key] += charge.amount
    return back


@dataclass(slots=True)
class Applied:
    """What a batch of reports comes to; `ledger` and `recorded` are as after it."""

    ledger: dict[UUID, LedgerEntry]
    recorded: dict[tuple[UUID, OutcomeType], Recorded]
    verdicts: list[Verdict] = field(default_factory=list)
    news: list[Recorded] = field(default_factory=list)
    late: Counter[str] = field(default_factory=Counter)  # tally -> what counts beside the limit from now on

    def touched(self) -> list[LedgerEntry]:
        """The grants that something was newly reported of."""
        return [self.ledger[decision_id] for decision_id in sorted({one.decision_id for one in self.news})]


def apply(
    reports: Iterable[Report],
    decisions: Mapping[UUID, Offered],
    ledger: Mapping[UUID, LedgerEntry],
    recorded: Mapping[tuple[UUID, OutcomeType], Recorded],
    now: datetime,
) -> Applied:
    """Judge the reports in order, the first of each kind winning. `ledger`: grants of what was offered."""
    result = Applied(dict(ledger), dict(recorded))
    for report in reports:
        result.verdicts.append(_judge(report, decisions, result, now))
    return result


def _judge(report: Report, decisions: Mapping[UUID, Offered], result: Applied, now: datetime) -> Verdict:
    decision = decisions.get(report.decision_id)
    if decision is None:
        return _rejected(report, "unknown_decision")
    entry = result.ledger.get(report.decision_id)
    if entry is None:
        return _rejected(report, "nothing_offered")
    first = result.recorded.get((report.decision_id, report.type))
    if first is not None:
        return Verdict(report.decision_id, report.type, "duplicate", at=first.at, late=first.late)
    if report.at > now + MOST_AHEAD:
        return _rejected(report, "in_the_future")
    if report.at < decision.decided_at - MOST_AHEAD:
        return _rejected(report, "before_the_decision")
    outcome = _record(report, entry, result)
    return Verdict(report.decision_id, report.type, "accepted", at=outcome.at, late=outcome.late)


def _record(report: Report, entry: LedgerEntry, result: Applied) -> Recorded:
    outcome = Recorded(report.decision_id, report.type, report.at, late=not entry.open)
    after = replace(entry, outcomes=entry.outcomes | IMPLIED[Outcome.named(report.type)])
    if outcome.late:
        late = given_back(entry) - given_back(after)
        # A code that came back to its pool is there again, or another's: what was seen of it takes none away.
        result.late += Counter({key: amount for key, amount in late.items() if not is_pool(key)})
    result.ledger[entry.decision_id] = after
    result.recorded[outcome.decision_id, outcome.type] = outcome
    result.news.append(outcome)
    return outcome


def _rejected(report: Report, reason: str) -> Verdict:
    return Verdict(report.decision_id, report.type, "rejected", reason=reason)
