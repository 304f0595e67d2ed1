"""Count from the tables what was given, and hold it against what was promised.

It knows the schema and the words of the configuration; it knows nothing of the code that wrote them. What it counts,
and what it does not, is told in docs/decisions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import IsolationLevel

from tests.torture import belongings, caps, delays, ledger, records
from tests.torture.records import Acknowledged
from tests.torture.tallies import pools_agree, tallies_agree

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from tests.torture.findings import Finding

NOBODY = Acknowledged()
# Of a connection that reads a database which is still written to.
ONE_INSTANT = IsolationLevel.REPEATABLE_READ


CHECKS = (
    *records.CHECKS,
    belongings.groups_kept,
    belongings.codes_given_once,
    belongings.codes_recorded,
    delays.delays_kept,
    tallies_agree,
    pools_agree,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: tuple[Finding, ...]
    decisions: int
    offered: int
    held_out: int
    pings: int
    late_outcomes: int  # may stand above a cap, and are no violation
    heard: Mapping[str, int]  # how many offers each campaign made
    reasons: Mapping[str, int]  # and what the others lost for
    codes_given: int  # of one customer's alone, those that came back included
    unjudged: int  # bounds that the tables do not tell: of one visit, or by the customer's clocks

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(finding.kind for finding in self.findings)


def check(connection: psycopg.Connection[Any], acknowledged: Acknowledged = NOBODY) -> Verdict:
    found = ledger.read(connection)
    exceeded, unjudged = caps.exceeded(found)
    others = [finding for look in CHECKS for finding in look(found, acknowledged)]
    return Verdict(
        findings=(*exceeded, *others),
        decisions=len(found.decisions),
        offered=sum(grant.arm == "offered" for grant in found.grants),
        held_out=sum(grant.arm == "held_out" for grant in found.grants),
        pings=len(found.pings),
        late_outcomes=len(found.late),
        heard=Counter(grant.campaign for grant in found.grants if grant.arm == "offered"),
        reasons=Counter(reason for decision in found.decisions for reason in decision.reasons.values()),
        codes_given=sum(grant.code is not None for grant in found.grants),
        unjudged=unjudged,
    )
