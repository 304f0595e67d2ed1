"""How values are spread, in memory that does not grow with how many there are."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

SHARES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}

# Two neighbouring cells are 2 % apart, so that what is told lies within 1 % of the truth: 100 becomes 99 to 101.
_RATIO = 1.02
_LOG = math.log(_RATIO)
# Below a millisecond, a byte or a tenth of a decibel nothing is told apart.
_SMALLEST = 1e-3


@dataclass(slots=True)
class Spread:
    """Quantiles to within 1 %; the least and the most are exact."""

    count: int = 0
    least: float = math.inf
    most: float = -math.inf
    total: float = 0.0
    _cells: Counter[int] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)
        self._cells[_cell(value)] += 1

    def quantile(self, share: float) -> float:
        """The value that so large a share lies at or below; 0.5 is the median. Of nothing it is nan."""
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for cell in sorted(self._cells):
            seen += self._cells[cell]
            if seen >= wanted:
                return min(max(_middle(cell), self.least), self.most)
        return math.nan

    def told(self) -> dict[str, float] | None:
        """For a table or as JSON; None where there is nothing."""
        if not self.count:
            return None
        quantiles = {name: round(self.quantile(share), 3) for name, share in SHARES.items()}
        mean = round(self.total / self.count, 3)
        return {"least": round(self.least, 3), **quantiles, "most": round(self.most, 3), "mean": mean}


def _cell(value: float) -> int:
    """0 around nothing, then 1, 2, 3, ... upwards, and as many downwards."""
    if abs(value) <= _SMALLEST:
        return 0
    cell = 1 + math.floor(math.log(abs(value) / _SMALLEST) / _LOG)
    return cell if value > 0 else -cell


def _middle(cell: int) -> float:
    if cell == 0:
        return 0.0
    return math.copysign(_SMALLEST * _RATIO ** (abs(cell) - 0.5), cell)


T = TypeVar("T", bound=Hashable)


@dataclass(slots=True)
class Frequent(Generic[T]):
    """What comes most often. Exact up to `room` different things; beyond, the rarest are given up."""

    room: int = 20_000
    exact: bool = True
    counts: Counter[T] = field(default_factory=Counter)

    def add(self, thing: T) -> None:
        self.counts[thing] += 1
        if len(self.counts) > self.room:
            self.counts = Counter(dict(self.counts.most_common(self.room // 2)))
            self.exact = False


@dataclass(slots=True)
class Timeline:
    """Counts over time in at most `room` cells, each a minute at first and twice as long whenever room runs out."""

    room: int = 2_880
    cell_s: int = 60
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, at_s: float) -> None:
        self.counts[int(at_s // self.cell_s)] += 1
        while len(self.counts) > self.room:
            self.cell_s *= 2
            wider: Counter[int] = Counter()
            for cell, count in self.counts.items():
                wider[cell // 2] += count
            self.counts = wider

    def per_minute(self) -> Mapping[float, float]:
        """Unix seconds of each cell's beginning, and how many a minute; empty cells between are zero."""
        if not self.counts:
            return {}
        first, last = min(self.counts), max(self.counts)
        if last - first > 100 * self.room:  # two lone hours years apart: nothing in between to be drawn
            return {cell * self.cell_s: n * 60 / self.cell_s for cell, n in sorted(self.counts.items())}
        return {
            float(cell * self.cell_s): self.counts[cell] * 60 / self.cell_s for cell in range(first, last + 1)
        }
