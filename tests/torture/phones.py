"""Phones as a torture sees them: several to a person, each with its token, and what it was told.

`Told` is the only memory of what the service acknowledged; the checker holds the tables against it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.torture.records import Acknowledged
from tests.torture.world import METRE_EAST, METRE_NORTH, PLACES, middle_of

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.torture.world import Keys

JITTER_M = 3.0
# Answers that ask to come back.
LATER = (429, 503)


@dataclass(slots=True)
class Phone:
    id: str
    customer: str
    token: str = ""
    busy: bool = False  # a phone sends one report at a time
    serial: int = 0
    # The customer to be identified as after some anonymous pings, or none.
    logs_in_as: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One request of pings, the same ones at each try."""

    phones: tuple[Phone, ...]
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Told:
    pings: set[tuple[str, str, str]] = field(default_factory=set)
    decisions: set[tuple[str, str]] = field(default_factory=set)
    codes: set[tuple[str, str]] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)
    unacknowledged: list[Report] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    refusals: dict[int, str] = field(default_factory=dict)  # an example of each unwelcome status

    def answer(self, body: dict[str, Any]) -> frozenset[str]:
        """Take note of all that an answer promises; the decisions in it."""
        for result in body["results"]:
            reasons = "+".join(result.get("reasons") or ())
            self.verdicts[result["status"] + (f" {reasons}" if reasons else "")] += 1
            if result["status"] != "rejected":
                self.pings.add((result["installation_id"], result["ping_id"], result["status"]))
        self.decisions |= {(one["decision_id"], one["campaign"]) for one in body["decisions"]}
        self.codes |= {
            (one["decision_id"], one["offer"]["code"])
            for one in body["decisions"]
            if one["offer"].get("code") is not None
        }
        return frozenset(one["decision_id"] for one in body["decisions"])

    def edited(self, what: str, status: int, answer: str) -> None:
        """Take note of an edit's answer; a refusal that is not "later" is unwelcome."""
        self.statuses[status] += 1
        if status >= 400 and status not in LATER:
            self.refusals.setdefault(status, f"{what}: {answer[:500]}")

    def acknowledged(self) -> Acknowledged:
        return Acknowledged(
            frozenset(self.pings), frozenset(self.decisions), tuple(self.changed), frozenset(self.codes)
        )


def single(phone: Phone, keys: Keys, rng: random.Random, *, count: int = 1) -> Report:
    """A request of one phone about itself: one ping, or a short walk."""
    now = datetime.now(UTC)
    headers = {"Authorization": f"Bearer {keys.publishable}", "Beacon-Installation-Token": phone.token}
    body = {"installation_id": phone.id, "sent_at": now.isoformat(), "pings": _walk(phone, rng, now, count)}
    return Report((phone,), headers, body)


def gateway(phones: Sequence[Phone], keys: Keys, rng: random.Random) -> Report:
    """A request about many phones at once, with the secret key."""
    now = datetime.now(UTC)
    batches = [
        {"installation_id": phone.id, "pings": _walk(phone, rng, now, rng.randint(1, 2))} for phone in phones
    ]
    headers = {"Authorization": f"Bearer {keys.secret}"}
    return Report(tuple(phones), headers, {"sent_at": now.isoformat(), "batches": batches})


def _walk(phone: Phone, rng: random.Random, now: datetime, count: int) -> list[dict[str, Any]]:
    """Pings half a second apart, the last of them now; one in fifty is a straggler."""
    ats = [now - timedelta(seconds=0.5 * back) for back in reversed(range(count))]
    if rng.random() < 0.02:
        ats = [at - timedelta(seconds=30) for at in ats]
    return [_ping(phone, rng, at) for at in ats]


def _ping(phone: Phone, rng: random.Random, at: datetime) -> dict[str, Any]:
    phone.serial += 1
    longitude, latitude = middle_of(rng.randrange(PLACES))
    return {
        "ping_id": f"p{phone.serial}",
        "at": at.isoformat(),
        "foreground": True,
        "position": {
            "longitude": longitude + rng.uniform(-JITTER_M, JITTER_M) * METRE_EAST,
            "latitude": latitude + rng.uniform(-JITTER_M, JITTER_M) * METRE_NORTH,
            "accuracy_m": 3.0,
        },
    }
