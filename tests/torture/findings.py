"""What the checker can find wrong, by kind, and which number of the verdict each kind goes into."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOST = "acked_lost"
CAPS = "caps_exceeded"
BUDGETS = "budgets_overspent"
DOUBLED = "decisions_doubled"
CODES = "codes_doubled"
TORN = "records_torn"

COLUMNS = {
    "ping_lost": LOST,  # answered accepted or late, and not there
    "decision_lost": LOST,  # an offer was answered, and is not in decisions and grants
    "code_lost": LOST,  # a code was answered, and its decision has no code or another
    "waiting_lost": LOST,  # put off, and neither waiting nor decided
    "customer_cap": CAPS,
    "site_cap": CAPS,
    "total_cap": CAPS,
    "offer_cap": CAPS,  # a campaign's, of one of its offers
    "policy_cap": CAPS,
    "tag_cap": CAPS,
    "channel_cap": CAPS,
    "gap": CAPS,  # sooner after the last offer than the campaign or the policy allows
    "group": CAPS,  # an offer of a second campaign of a group
    "budget": BUDGETS,
    "tally_off": BUDGETS,  # a shared count that is not what its grants, or its codes, add up to
    "moment_doubled": DOUBLED,
    "visit_doubled": DOUBLED,  # a second entry or dwell decided in one visit
    "offer_doubled": DOUBLED,  # two offers for one ping, or for one moment
    "move_doubled": DOUBLED,  # entered twice without leaving
    "ping_doubled": DOUBLED,
    "waiting_doubled": DOUBLED,  # decided, or still waiting, more often than it was put off
    "answer_changed": DOUBLED,  # a repeated ping was answered with other decisions
    "code_doubled": CODES,  # given to a second decision while the first still had it
    "code_torn": TORN,  # grant, decision and code do not name each other
    "grant_unexplained": TORN,  # a grant without its decision
    "decision_ungranted": TORN,  # a decision for a campaign without its grant
    "decision_unfounded": TORN,  # a decision without the ping that it answers
    "not_live": TORN,  # an offer of a campaign that was not published in that version
    "edit_overtaken": TORN,  # decided with an older configuration than one before it
}


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    said: str

    @property
    def column(self) -> str:
        return COLUMNS[self.kind]


def columns(findings: Iterable[Finding]) -> dict[str, int]:
    """How many in each column, those with none included."""
    counted = Counter(finding.column for finding in findings)
    return {column: counted[column] for column in (LOST, CAPS, BUDGETS, DOUBLED, CODES, TORN)}
