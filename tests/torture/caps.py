"""Every cap and budget, counted again at every offer.

One pass over the ledger for each rule, in the order of `seq`: what counts is put in (and taken out again where a
reservation was given back), and each offer that the rule binds is judged by what stood there just before it, at the
limit of the very version of the configuration that its decision names. A least time between two offers is a cap of one
in that time. So an excess that came otherwise (a lowered
cap, a merge, an outcome after its release) is none unless an offer is made on top of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from tests.torture.findings import Finding
from tests.torture.rules import Bounds, Rule
from tests.torture.windows import UnjudgedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tests.torture.ledger import Grant, Ledger, Merge


def exceeded(ledger: Ledger) -> tuple[list[Finding], int]:
    """The offers that stand above a bound, and how many bounds could not be judged from the tables."""
    bound: dict[Rule, dict[int, int]] = defaultdict(dict)
    binding = Bounds(ledger.configuration)
    for place, grant in enumerate(ledger.grants):
        for rule, limit in binding(grant):
            # Written down twice with different limits, the lower one binds.
            bound[rule][place] = min(limit, bound[rule].get(place, limit))
    findings: list[Finding] = []
    unjudged = 0
    for rule, limits in bound.items():
        found, untold = _recount(ledger, rule, limits)
        findings += found
        unjudged += untold
    return findings, unjudged


def counts(ledger: Ledger, kind: str, grant: Grant) -> Iterator[tuple[int, int]]:
    """(seq, change): when one grant begins and ceases to count as that kind: reserved, given back, come true."""
    yield grant.seq, 1
    if kind == "decided" or grant.arm == "held_out":
        return
    release = ledger.releases.get((grant.decision_id, grant.campaign))
    outcome = ledger.outcomes.get((grant.decision_id, kind))
    if release is None or (outcome is not None and outcome <= release):
        return
    yield release, -1
    if outcome is not None:
        yield outcome, 1


class _Standing:
    """What counts at the moment, by when it was decided: how many they are, or what they cost."""

    def __init__(self) -> None:
        self.ats: list[datetime] = []
        self.weights: list[int] = []

    def put(self, at: datetime, weight: int) -> None:
        place = bisect_left(self.ats, at)
        self.ats.insert(place, at)
        self.weights.insert(place, weight)

    def take(self, at: datetime, weight: int) -> None:
        place = self.weights.index(weight, bisect_left(self.ats, at), bisect_right(self.ats, at))
        del self.ats[place], self.weights[place]

    def between(self, start: datetime, end: datetime) -> int:
        return sum(self.weights[bisect_left(self.ats, start) : bisect_left(self.ats, end)])


class _Event(NamedTuple):
    """Things of one seq happen in the order of places; of one place an offer is judged (0), then counted (1)."""

    seq: int
    place: int
    change: int
    grant: Grant | None = None
    merge: Merge | None = None


def _recount(ledger: Ledger, rule: Rule, limits: Mapping[int, int]) -> tuple[list[Finding], int]:
    standing: dict[object, _Standing] = defaultdict(_Standing)
    heirs: dict[int, int] = {}
    owners = ledger.first_owners()
    findings, unjudged = [], 0
    for event in _events(ledger, rule, limits):
        if event.merge is not None:
            heirs[event.merge.origin] = event.merge.target
            inherited = standing.pop(event.merge.origin, None)
            for decided_at, weight in zip(inherited.ats, inherited.weights, strict=True) if inherited else ():
                standing[event.merge.target].put(decided_at, weight)
        if event.grant is None:
            continue
        grant, weight = event.grant, rule.weight(event.grant)
        owner = owners.get((grant.installation, grant.seq), grant.customer)
        stands = standing[rule.subject_of(grant, heirs.get(owner, owner))]
        if event.change > 0:
            stands.put(grant.decided_at, weight)
        elif event.change < 0:
            stands.take(grant.decided_at, weight)
        elif event.place in limits:
            try:
                before = stands.between(*rule.stretch(ledger.configuration, grant))
            except UnjudgedError:
                unjudged += 1
                continue
            if before + weight > limits[event.place]:
                said = f"{before} before its {weight}, limit {limits[event.place]}"
                findings.append(
                    Finding(rule.kind, f"{grant.decision_id} of {grant.campaign}: {rule.name}, {said}")
                )
    return findings, unjudged


def _events(ledger: Ledger, rule: Rule, limits: Mapping[int, int]) -> list[_Event]:
    events = [_Event(ledger.grants[place].seq, place, 0, ledger.grants[place]) for place in limits]
    for place, grant in enumerate(ledger.grants):
        if rule.counted(grant):
            events += [
                _Event(seq, place, change, grant) for seq, change in counts(ledger, rule.counts, grant)
            ]
    if rule.subject == "customer":
        events += [_Event(merge.seq, -1, 0, merge=merge) for merge in ledger.merges]
    # Stable: of one place the judgement comes before the count.
    return sorted(events, key=itemgetter(0, 1))
