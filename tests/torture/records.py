"""What must hold between the tables whatever the caps are: nothing lost, nothing done twice, nothing half done."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.torture.delays import waited_for
from tests.torture.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.torture.ledger import Ledger, Move

# Stays of one customer with a gap of up to ten minutes between them are one visit.
JOINS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the service answered to somebody, and so must know for ever."""

    pings: frozenset[tuple[str, str, str]] = frozenset()  # installation, ping, accepted | late | duplicate
    decisions: frozenset[tuple[str, str]] = frozenset()  # decision, campaign
    changed: tuple[str, ...] = ()  # pings whose repetition was answered otherwise
    codes: frozenset[tuple[str, str]] = frozenset()  # decision, code


def lost(ledger: Ledger, acknowledged: Acknowledged) -> Iterator[Finding]:
    kept = {(ping.installation_id, ping.ping_id, ping.status) for ping in ledger.pings}
    kept |= {(ping.installation_id, ping.ping_id, "duplicate") for ping in ledger.pings}
    for ping in sorted(acknowledged.pings - kept):
        yield Finding("ping_lost", " ".join(ping))
    offers = {(str(d.decision_id), d.campaign) for d in ledger.decisions}
    granted = {(str(g.decision_id), g.campaign) for g in ledger.grants if g.arm == "offered"}
    for decision in sorted(acknowledged.decisions - (offers & granted)):
        yield Finding("decision_lost", " ".join(decision))
    given = {(str(grant.decision_id), grant.code) for grant in ledger.grants}
    for code in sorted(acknowledged.codes - given):
        yield Finding("code_lost", " ".join(code))
    for said in acknowledged.changed:
        yield Finding("answer_changed", said)


def moments_doubled(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    yield from _twice("moment_doubled", (f"moment {d.moment_key}" for d in ledger.decisions))
    yield from _twice("moment_doubled", (f"decision {d.decision_id}" for d in ledger.decisions))
    yield from _twice("moment_doubled", (f"grant for {g.moment_key} by {g.campaign}" for g in ledger.grants))


def offers_doubled(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    offered = [grant for grant in ledger.grants if grant.arm == "offered"]
    yield from _twice("offer_doubled", (f"decision {grant.decision_id}" for grant in offered))
    # All that one ping leads to bears its seq.
    answered = [d for d in ledger.decisions if d.channel == "response"]
    yield from _twice("offer_doubled", (f"ping with seq {decision.seq}" for decision in answered))


def visits_doubled(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """No more entries decided, nor dwells of one length, than the moves allow visits.

    Visits are joined from the moves alone. An exit may be decided more than once in a visit (come back within ten
    minutes and leave again), so exits are not counted; nor is a customer into whom one was merged who had moved
    before, since both may have entered the same zone by then. Of what waited each decision is a second one of its
    moment; how many there are is counted elsewhere.
    """
    first_moved: dict[int, int] = {}
    for moved in ledger.moves:
        first_moved[moved.installation] = min(moved.seq, first_moved.get(moved.installation, moved.seq))
    merged = {
        merge.target for merge in ledger.merges if first_moved.get(merge.installation, merge.seq) < merge.seq
    }
    stays: dict[tuple[int, str], list[Move]] = defaultdict(list)
    for moved in ledger.moves:
        stays[moved.customer, moved.zone].append(moved)
    visits = {place: _visits(moves) for place, moves in stays.items()}
    decided = Counter(
        (d.customer, d.zone, d.move, d.dwell_s)
        for d in ledger.decisions
        if d.zone is not None and d.move != "exited" and not waited_for(ledger, d)
    )
    for (customer, zone, move, dwell_s), times in decided.items():
        if customer not in merged and times > visits.get((customer, zone), 0):
            said = f"{move} {dwell_s or ''} decided {times} times by customer {customer} at {zone}"
            yield Finding("visit_doubled", said)


def moves_doubled(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    inside: dict[tuple[int, str], set[int]] = {}
    for move in ledger.moves:
        place = (move.installation, move.zone)
        if move.type == "entered":
            if place in inside:
                yield Finding("move_doubled", f"entered {place} again at {move.at}")
            inside[place] = set()
        elif place not in inside:
            yield Finding("move_doubled", f"{move.type} {place} without having entered, at {move.at}")
        elif move.type == "exited":
            del inside[place]
        elif move.dwell_s in inside[place]:
            yield Finding("move_doubled", f"dwelled {move.dwell_s} s in {place} again at {move.at}")
        else:
            inside[place].add(move.dwell_s or 0)


def pings_doubled(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    yield from _twice("ping_doubled", (f"ping {p.installation_id} {p.ping_id}" for p in ledger.pings))
    yield from _twice("ping_doubled", (f"seq {p.seq}" for p in ledger.pings))


def torn(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    decisions = {d.decision_id: d for d in ledger.decisions}
    for grant in ledger.grants:
        decision = decisions.get(grant.decision_id)
        if decision is None or decision.moment_key != grant.moment_key or decision.seq != grant.seq:
            yield Finding("grant_unexplained", f"{grant.decision_id} of {grant.campaign}")
    granted = {(g.decision_id, g.campaign) for g in ledger.grants if g.arm == "offered"}
    pings = {(ping.installation, ping.ping_id): ping.seq for ping in ledger.pings}
    seqs = {ping.seq for ping in ledger.pings}
    for decision in ledger.decisions:
        if decision.campaign and (decision.decision_id, decision.campaign) not in granted:
            yield Finding("decision_ungranted", f"{decision.decision_id} of {decision.campaign}")
        if decision.channel != "response":
            continue
        # It answers the ping of its own seq, and rests on that one or (a timer that it fired) on one before it.
        rests_on = pings.get((decision.installation, decision.ping_id or ""))
        if decision.seq not in seqs or rests_on is None or rests_on > decision.seq:
            yield Finding(
                "decision_unfounded", f"{decision.decision_id} with seq {decision.seq} rests on {rests_on}"
            )


def edits_bind(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """An edit waits for decisions under way and binds all later ones: along `seq` the version never falls."""
    newest = 0
    for decision in ledger.decisions:
        if decision.version < newest:
            yield Finding(
                "edit_overtaken", f"{decision.decision_id}: version {decision.version} after {newest}"
            )
        newest = max(newest, decision.version)
        body = decision.campaign and ledger.configuration.as_of(
            "campaign", decision.campaign, decision.version
        )
        if decision.campaign and (not body or body["status"] != "published"):
            yield Finding("not_live", f"{decision.decision_id} of {decision.campaign}")


CHECKS: tuple[Callable[[Ledger, Acknowledged], Iterator[Finding]], ...] = (
    lost,
    moments_doubled,
    offers_doubled,
    visits_doubled,
    moves_doubled,
    pings_doubled,
    torn,
    edits_bind,
)


def _visits(moves: list[Move]) -> int:
    open_stays, visits = 0, 0
    left_at: datetime | None = None
    for move in moves:
        if move.type == "entered":
            if open_stays == 0 and (left_at is None or move.at - left_at > JOINS):
                visits += 1
            open_stays += 1
        elif move.type == "exited":
            open_stays -= 1
            left_at = move.at if left_at is None else max(left_at, move.at)
    return visits


def _twice(kind: str, names: Iterator[str]) -> Iterator[Finding]:
    return (Finding(kind, f"{name}: {times} times") for name, times in Counter(names).items() if times > 1)
