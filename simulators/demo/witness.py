"""What phones were told in a run, kept to be compared with what the service says of it and with the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.replaying.telling import ToldPing

# Called with the installation's id and each answer of the service that may hold moves and offers.
OnAnswer = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class SentPing:
    """A ping that was answered. `truth`: the zone in which the phone really was, where that is known."""

    installation_id: str
    at: datetime
    status: str
    truth: str | None


@dataclass(slots=True)
class Witness:
    """`truth`: by installation and ping. Each ping is judged as often as it was sent."""

    truth: Mapping[tuple[str, str], str | None]
    on_answer: OnAnswer
    pings: list[SentPing] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    offers: set[str] = field(default_factory=set)

    def judged(self, installation_id: str, ping: ToldPing, status: str) -> None:
        assert ping.ping_id is not None, "pings of a scene have names and times"
        assert ping.at_s is not None, "pings of a scene have names and times"
        truth = self.truth.get((installation_id, ping.ping_id))
        at = datetime.fromtimestamp(ping.at_s, UTC)
        self.pings.append(SentPing(installation_id, at, status, truth))

    def answered(self, installation_id: str, body: Mapping[str, Any]) -> None:
        self.on_answer(installation_id, body)
        self.event_ids.update(event["event_id"] for event in body.get("events", ()))
        self.offers.update(offer["decision_id"] for offer in body.get("decisions", ()))
