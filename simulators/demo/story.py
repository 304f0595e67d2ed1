"""What happens, told line by line: who is where, which offer was made, and why the others lost.

Moves come from two sides, the answers that phones get (at once) and the service's own list (timers' moves
too); each is counted once, whichever side brings it first.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.demo.reading import Decision, Move, move_of

MOST_LOSERS = 4  # reasons in one line; the rest is a number
MOST_SILENT_LINES = 1  # a second, for moments without an offer: those are many, and offers are the point
LINES_KEPT = 60  # more than a screen shows


@dataclass(frozen=True, slots=True)
class Names:
    """Ids as people read them: installation -> person, "site/zone" -> its name, campaign -> offer's title."""

    people: Mapping[str, str]
    zones: Mapping[str, str]
    titles: Mapping[str, str]


@dataclass(slots=True)
class Story:
    names: Names
    tell: Callable[[str], None]
    inside: dict[str, set[str]] = field(default_factory=dict)  # zone -> installations in it now
    moves: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    offers: int = 0
    probabilities: dict[tuple[str, str, str], float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    silent: tuple[int, int] = (0, 0)  # second of the clock, lines without an offer told in it

    def answered(self, _installation_id: str, body: Mapping[str, Any]) -> None:
        """An answer that a phone got, with the moves that its pings made."""
        for event in body.get("events", ()):
            self.moved(move_of(event))

    def moved(self, move: Move) -> None:
        if move.probability is not None:
            self.probabilities[move.installation_id, move.zone, move.type] = move.probability
        if move.event_id in self.told:
            return
        self.told.add(move.event_id)
        self.moves[move.type] += 1
        people = self.inside.setdefault(move.zone, set())
        if move.type == "entered":
            people.add(move.installation_id)
        elif move.type == "exited":
            people.discard(move.installation_id)

    def decided(self, decision: Decision) -> None:
        if decision.decision_id in self.told:
            return
        self.told.add(decision.decision_id)
        self.reasons.update(decision.reasons.values())
        if decision.campaign:
            self.offers += 1
            title = self.names.titles.get(decision.campaign, decision.campaign)
            self.say(decision, f'-> OFFER "{title}"')
        elif decision.reasons and self.may_tell_silent(decision.at):
            self.say(decision, "-> no offer")

    def say(self, decision: Decision, what: str) -> None:
        person = self.names.people.get(decision.installation_id, decision.installation_id)
        zone = self.names.zones.get(decision.zone, decision.zone)
        probability = self.probabilities.get((decision.installation_id, decision.zone, decision.move))
        sure = f" ({probability:.2f})" if probability is not None else ""
        lost = f" | lost: {losers(decision.reasons)}" if decision.reasons else ""
        line = f"{decision.at.astimezone():%H:%M:%S}  {person} {decision.move} {zone}{sure} {what}{lost}"
        self.lines.append(line)
        self.tell(line)

    def may_tell_silent(self, at: datetime) -> bool:
        second = int(at.timestamp())
        told = self.silent[1] if self.silent[0] == second else 0
        self.silent = (second, told + 1)
        return told < MOST_SILENT_LINES


def losers(reasons: Mapping[str, str]) -> str:
    """`cake: cap, coffee: daypart and 2 more`."""
    told = [f"{campaign}: {reason}" for campaign, reason in sorted(reasons.items())]
    more = f" and {len(told) - MOST_LOSERS} more" if len(told) > MOST_LOSERS else ""
    return ", ".join(told[:MOST_LOSERS]) + more
