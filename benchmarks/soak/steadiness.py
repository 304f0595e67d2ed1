"""Whether a service that runs for long stays as it is: slopes, what is certain about them, bounds with reasons."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

State = Literal["flat", "not flat", "too short to tell"]

# A process that is started anew with each upgrade, once a week, has then grown by less than a gigabyte.
MEMORY_MB_PER_HOUR = 5.0
# Slower at the end than at the beginning; machines that lend their processors out differ by a third by themselves.
P99_RATIO, P99_GRACE_MS = 1.5, 10.0
# What dead rows leave is used again: a table that is twice as large as its rows need has reached what autovacuum allows
# (a fifth dead before it begins) several times over. Tables of some pages say nothing.
BLOAT_RATIO, BLOAT_GRACE_BYTES = 2.0, 8_000_000
# Caches fill in the first third, and that is no leak.
SETTLING = 1 / 3
# A silence is told after seven minutes and a reservation of a soak ends after five: what all comes about must have come
# about for a while before anybody can say that memory stays as it is.
SETTLED_S = 900.0
# One-sided 95 %, of the normal distribution.
Z = 1.645
FEWEST = 6


@dataclass(frozen=True, slots=True)
class Table:
    """What PostgreSQL counts of a table (of all partitions together) and how large it is."""

    live: int
    dead: int
    table_bytes: int
    index_bytes: int
    autovacuums: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Half a minute. `memory_mb` by process; latencies count from when a ping was due."""

    at_s: float
    pings_per_s: float
    p50_ms: float
    p99_ms: float
    memory_mb: Mapping[str, float]
    tables: Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class Slope:
    """Per unit of x: the median of all slopes between two points; at least and at most, 95 % sure each."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judged:
    what: str
    state: State
    told: str


def slope(xs: Sequence[float], ys: Sequence[float]) -> Slope | None:
    """Sen's estimate (1968): outliers and steps move it little. None of fewer points than say anything."""
    if len(xs) < FEWEST:
        return None
    between = sorted(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(zip(xs, ys, strict=True), 2)
    )
    n = len(xs)
    spread = Z * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    lowest = max(0, round((len(between) - spread) / 2))
    highest = min(len(between) - 1, round((len(between) + spread) / 2))
    return Slope(statistics.median(between), between[lowest], between[highest])


def judged_memory(name: str, samples: Sequence[Sample]) -> Judged:
    """Flat where it surely grows by no more than the bound, not flat where it surely grows by more."""
    what = f"memory of {name}"
    settled = [sample for sample in samples[round(len(samples) * SETTLING) :] if name in sample.memory_mb]
    if len(settled) < len(samples) - round(len(samples) * SETTLING):
        return Judged(what, "not flat", "it was not there all the time: it ended, or began late")
    found = slope([sample.at_s / 3600 for sample in settled], [sample.memory_mb[name] for sample in settled])
    if found is None or settled[-1].at_s - settled[0].at_s < SETTLED_S:
        least = f"{SETTLED_S / 60:.0f} minutes and {FEWEST} samples are needed after the first third"
        return Judged(what, "too short to tell", least)
    told = (
        f"{settled[-1].memory_mb[name]:.0f} MB at the end, {found.middle:+.1f} MB an hour "
        f"({found.low:+.1f} to {found.high:+.1f}), at most {MEMORY_MB_PER_HOUR:.0f}"
    )
    if found.high <= MEMORY_MB_PER_HOUR:
        return Judged(what, "flat", told)
    return Judged(what, "not flat" if found.low > MEMORY_MB_PER_HOUR else "too short to tell", told)


def judged_p99(samples: Sequence[Sample]) -> Judged:
    """The last third against the first, each by the median of its samples: one slow minute is the machine's."""
    third = len(samples) // 3
    if third < 2:
        return Judged("p99", "too short to tell", f"{len(samples)} samples, {FEWEST} are needed")
    first, last = (
        statistics.median(sample.p99_ms for sample in part) for part in (samples[:third], samples[-third:])
    )
    most = max(first * P99_RATIO, first + P99_GRACE_MS)
    told = f"{first:.0f} ms in the first third, {last:.0f} in the last, at most {most:.0f}"
    return Judged("p99", "flat" if last <= most else "not flat", told)


def judged_bloat(table: str, *, held: int, needed: int) -> Judged:
    """`held` bytes by table and indexes after VACUUM, `needed` by the same rows in a table that was just made."""
    flat = held <= max(needed * BLOAT_RATIO, needed + BLOAT_GRACE_BYTES)
    told = f"{held / 1e6:.1f} MB after VACUUM, its rows need {needed / 1e6:.1f}"
    return Judged(f"size of {table}", "flat" if flat else "not flat", told)


def overall(verdicts: Sequence[Judged]) -> State:
    states = {one.state for one in verdicts}
    if "not flat" in states:
        return "not flat"
    return "too short to tell" if "too short to tell" in states or not states else "flat"
