"""The end of a run: what came of it in numbers, how often the service was right, whether all went well."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.client import Traffic
from simulators.demo.reading import Decision, Move
from simulators.demo.witness import SentPing, Witness
from simulators.replaying.record import Record

MOVES = ("entered", "dwelled", "exited")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `judged` accepted pings with a known truth, `right` found the service holding the phone in its true
    zone.
    """

    judged: int
    right: int

    @property
    def share(self) -> float:
        return self.right / self.judged if self.judged else 0.0


def summary_of(record: Record, moves: Sequence[Move], decisions: Sequence[Decision]) -> dict[str, Any]:
    """The run in numbers. `decisions` counts, by reason, each time that a campaign lost a moment."""
    by_type = Counter(move.type for move in moves)
    reasons = Counter(reason for decision in decisions for reason in decision.reasons.values())
    return {
        "pings": record.judged,
        **{status: record.verdicts.get(status, 0) for status in ("accepted", "late", "duplicate")},
        "rejected": dict(sorted(record.reasons.items())),
        "moves": {kind: by_type[kind] for kind in MOVES},
        "decisions": dict(sorted(reasons.items())),
        "offers": sum(decision.campaign is not None for decision in decisions),
        "p50_ms": round(record.answered.percentile(0.50), 1),
        "p99_ms": round(record.answered.percentile(0.99), 1),
    }


def agreement(pings: Iterable[SentPing], moves: Iterable[Move], areas: Mapping[str, float]) -> Agreement:
    """How often the zone that the service held the phone in was the true one, at the moment of the ping."""
    moves_of: dict[str, list[Move]] = defaultdict(list)
    for move in moves:
        moves_of[move.installation_id].append(move)
    held = {installation: held_zones(each, areas) for installation, each in moves_of.items()}
    judged = [ping for ping in pings if ping.status == "accepted" and ping.truth]
    right = sum(held_at(held.get(ping.installation_id, []), ping.at) == ping.truth for ping in judged)
    return Agreement(len(judged), right)


def held_zones(moves: Sequence[Move], areas: Mapping[str, float]) -> list[tuple[datetime, str | None]]:
    """From when on which zone counts: the last one entered, and of those entered together the smallest.

    Not the smallest of all: an exit is held for some seconds, in which the zone left behind would still count.
    """
    inside: dict[str, datetime] = {}
    held: list[tuple[datetime, str | None]] = []
    for move in sorted(moves, key=lambda each: (each.at, each.type == "entered")):
        if move.type == "entered":
            inside[move.zone] = move.at
        elif move.type == "exited":
            inside.pop(move.zone, None)
        newest = max(inside.values(), default=None)
        together = [zone for zone, entered_at in inside.items() if entered_at == newest]
        smallest = min(together, key=lambda zone: (areas.get(zone, float("inf")), zone), default=None)
        held.append((move.at, smallest))
    return held


def held_at(held: Sequence[tuple[datetime, str | None]], at: datetime) -> str | None:
    before = bisect_right(held, at, key=lambda each: each[0])
    return held[before - 1][1] if before else None


def open_stays(moves: Iterable[Move]) -> int:
    """Stays that were entered and not yet left."""
    counted = Counter(move.type for move in moves)
    return counted["entered"] - counted["exited"]


@dataclass(frozen=True, slots=True)
class Lists:
    """What the service itself lists of the run."""

    moves: Sequence[Move]
    decisions: Sequence[Decision]


def faults(record: Record, planned: int, traffic: Traffic, witness: Witness, lists: Lists) -> list[str]:
    """A sentence for everything that should not have been; none means that all went well."""
    won = {decision.decision_id for decision in lists.decisions if decision.campaign}
    unknown_moves = witness.event_ids - {move.event_id for move in lists.moves}
    unknown_offers = witness.offers - won
    checks = (
        (record.judged != planned, f"{planned} pings planned, {record.judged} got a verdict"),
        (traffic.server_errors > 0, f"{traffic.server_errors} answers were server errors"),
        (not lists.moves, "nobody moved: no zone was entered"),
        (not won, "no offer was made"),
        (
            bool(unknown_moves),
            f"{len(unknown_moves)} moves were told to phones and are not in the service's list",
        ),
        (
            bool(unknown_offers),
            f"{len(unknown_offers)} offers came to phones and are not in the service's list",
        ),
    )
    return [*record.problems[:5], *(sentence for wrong, sentence in checks if wrong)]
