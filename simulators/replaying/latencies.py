"""How long things took, counted in classes: a replay of a day takes no more room than one of a minute."""

import math

from msgspec import Struct

# Each class is two hundredths wider than the one before it: percentiles are right to one in a hundred.
WIDTH = math.log(1.02)
LEAST_MS = 0.01


class Latencies(Struct):
    """By class, how many."""

    counts: dict[int, int] = {}

    def add(self, ms: float) -> None:
        number = round(math.log(max(LEAST_MS, ms) / LEAST_MS) / WIDTH)
        self.counts[number] = self.counts.get(number, 0) + 1

    def __len__(self) -> int:
        return sum(self.counts.values())

    def percentile(self, share: float) -> float:
        """The nearest rank's: of 1..100, share 0.99 gives 99. 0 for nothing."""
        rank, seen = max(1, math.ceil(share * len(self))), 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen >= rank:
                return LEAST_MS * math.exp(number * WIDTH)
        return 0.0
