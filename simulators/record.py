"""What a crowd of phones sent and got back, kept while it walks and counted at the end."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SentPing:
    """A ping that was answered, with what the walk knows of it."""

    installation_id: str
    at: datetime
    status: str
    truth: str | None


@dataclass(slots=True)
class Record:
    """Grows while phones walk. `problems` are sentences about what should not have happened."""

    planned: int = 0
    pings: list[SentPing] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    offers: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def answered(self, ping: SentPing, reasons: Sequence[str]) -> None:
        self.pings.append(ping)
        if ping.status == "rejected":
            self.rejected.update(reasons or ["unspecified"])

    def count(self, status: str) -> int:
        return sum(ping.status == status for ping in self.pings)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, 0 for nothing: of 1..100, share 0.99 gives 99."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
