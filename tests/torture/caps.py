"""Every cap and budget, counted again at every offer.

One pass over the ledger for each rule, in the order of `seq`: what counts is put in (and taken out again where a
reservation was given back), and each offer that the rule binds is judged by what stood there just before it, at the
limit of the very version of the configuration that its decision names. So an excess that came otherwise (a lowered
cap, a merge, an outcome after its release) is none unless an offer is made on top of it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.torture.findings import Finding
from tests.torture.rules import Rule, bounds
from tests.torture.windows import UnjudgedError, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tests.torture.ledger import Grant, Ledger, Merge


def exceeded(ledger: Ledger) -> tuple[list[Finding], int]:
    """The offers that stand above a bound, and how many bounds could not be judged from the tables."""
    bound: dict[Rule, dict[int, int]] = defaultdict(dict)
    for place, grant in enumerate(ledger.grants):
        for rule, limit in bounds(ledger.configuration, grant):
            # Written down twice with different limits, the lower one binds.
            bound[rule][place] = min(limit, bound[rule].get(place, limit))
    findings: list[Finding] = []
    unjudged = 0
    for rule, limits in bound.items():
        try:
            findings += _recount(ledger, rule, limits)
        except UnjudgedError:
            unjudged += len(limits)
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


class _Event(NamedTuple):
    """Things of one seq happen in the order of places; of one place an offer is judged (0), then counted (1)."""

    seq: int
    place: int
    change: int
    grant: Grant | None = None
    merge: Merge | None = None


def _recount(ledger: Ledger, rule: Rule, limits: Mapping[int, int]) -> Iterator[Finding]:
    standing: dict[object, list[datetime]] = defaultdict(list)
    heirs: dict[int, int] = {}
    owners = _first_owners(ledger)
    for event in _events(ledger, rule):
        if event.merge is not None:
            heirs[event.merge.origin] = event.merge.target
            for decided_at in standing.pop(event.merge.origin, ()):
                insort(standing[event.merge.target], decided_at)
        if event.grant is None:
            continue
        grant = event.grant
        owner = owners.get((grant.installation, grant.seq), grant.customer)
        stands = standing[rule.subject_of(grant, heirs.get(owner, owner))]
        if event.change > 0:
            insort(stands, grant.decided_at)
        elif event.change < 0:
            del stands[bisect_left(stands, grant.decided_at)]
        elif event.place in limits:
            start, end = stretch(rule.window, grant.decided_at, rule.time_zone(ledger.configuration, grant))
            before = bisect_left(stands, end) - bisect_left(stands, start)
            if before >= limits[event.place]:
                said = f"{before} before it, limit {limits[event.place]}"
                yield Finding(rule.kind, f"{grant.decision_id} of {grant.campaign}: {rule.name}, {said}")


def _events(ledger: Ledger, rule: Rule) -> list[_Event]:
    events = []
    for place, grant in enumerate(ledger.grants):
        if rule.campaign is not None and grant.campaign != rule.campaign:
            continue
        events.append(_Event(grant.seq, place, 0, grant))
        if rule.counted(grant):
            events += [
                _Event(seq, place, change, grant) for seq, change in counts(ledger, rule.counts, grant)
            ]
    if rule.subject == "customer":
        events += [_Event(merge.seq, -1, 0, merge=merge) for merge in ledger.merges]

    def order(event: _Event) -> Any:
        return event.seq, event.place

    return sorted(events, key=order)


def _first_owners(ledger: Ledger) -> dict[tuple[int | None, int], int]:
    """(installation, seq) of grants made before their phone's customer was merged away -> that customer.

    A merge writes the new customer into old rows; whose they were when they were judged, the log tells.
    """
    merged = {merge.installation: merge for merge in reversed(ledger.merges)}
    return {
        (grant.installation, grant.seq): merged[grant.installation].origin
        for grant in ledger.grants
        if grant.installation in merged and grant.seq < merged[grant.installation].seq
    }
