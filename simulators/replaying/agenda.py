"""What is done at a time of its own: the offer that is looked at a moment after it came."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.replaying.actions import Action


@dataclass(slots=True)
class Agenda:
    """By time, and of one time in the order in which it was put down. Each entry is of a phone."""

    entries: list[tuple[float, int, str, Action]] = field(default_factory=list)
    serial: int = 0

    def add(self, due_s: float, phone: str, action: Action) -> None:
        self.serial += 1
        heapq.heappush(self.entries, (due_s, self.serial, phone, action))

    def due(self, now_s: float) -> Iterator[tuple[str, Action]]:
        """Taken from it."""
        while self.entries and self.entries[0][0] <= now_s:
            _, _, phone, action = heapq.heappop(self.entries)
            yield phone, action

    def __len__(self) -> int:
        return len(self.entries)
