"""How good predicted zones are, second by second, against where the walkers really were.

A second counts where the phone heard anything in the ten seconds before it: nobody can be placed by silence.
Entries and changes are counted over all seconds, since a visit that never was is wrong at any time.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from operator import attrgetter

from shapely.geometry.base import BaseGeometry

HEARD_WITHIN_MS = 10_000
NEIGHBOUR_DEGREES = 2.5e-5  # about 2.5 m: what a person standing on a border may be told either way


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    floor: str
    shape: BaseGeometry


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a walker was at one second."""

    trace: str
    t_ms: int
    floor: str
    zone: str


# The zone said of (trace, t_ms); an empty one means "not resolved".
Predictions = Mapping[tuple[str, int], str]


@dataclass(slots=True)
class Counts:
    """What is counted; counts of several sets of walks add up."""

    scored_s: int = 0
    right: int = 0
    near: int = 0
    right_floor: int = 0
    resolved: int = 0
    changes: int = 0
    true_changes: int = 0
    entries: int = 0
    false_entries: int = 0

    def add(self, other: "Counts") -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True, slots=True)
class Score:
    """Shares with four decimals; None where there was nothing to divide by.

    `zone_acc`, `near_acc` (a neighbour on the same floor also right), `floor_acc` and `resolved` are shares
    of the scored seconds; `changes_ratio` is changes predicted to true ones, 1.0 without flapping;
    `false_enter` is the share of predicted entries into a zone that the walker never visits on that walk.
    """

    scored_s: int
    zone_acc: float | None
    near_acc: float | None
    floor_acc: float | None
    resolved: float | None
    changes_ratio: float | None
    false_enter: float | None

    @classmethod
    def of(cls, counts: Counts) -> "Score":
        seconds = counts.scored_s
        return cls(
            scored_s=seconds,
            zone_acc=_ratio(counts.right, seconds),
            near_acc=_ratio(counts.near, seconds),
            floor_acc=_ratio(counts.right_floor, seconds),
            resolved=_ratio(counts.resolved, seconds),
            changes_ratio=_ratio(counts.changes, counts.true_changes),
            false_enter=_ratio(counts.false_entries, counts.entries),
        )


def count(
    truth: Iterable[Truth],
    heard_ms: Mapping[str, Sequence[int]],
    zones: Mapping[str, Zone],
    predictions: Predictions,
) -> Counts:
    """`heard_ms`: when each trace's phone heard anything, in any order."""
    total = Counts()
    in_order = sorted(truth, key=attrgetter("trace", "t_ms", "floor", "zone"))
    for trace, seconds in groupby(in_order, key=attrgetter("trace")):
        walk = list(seconds)
        said = [predictions.get((each.trace, each.t_ms), "") for each in walk]
        total.add(_seconds(walk, said, sorted(heard_ms.get(trace, ())), zones))
        total.add(_moves(walk, said))
    return total


def _seconds(
    walk: Sequence[Truth], said: Sequence[str], heard_ms: Sequence[int], zones: Mapping[str, Zone]
) -> Counts:
    counts = Counts()
    for second, guess in zip(walk, said, strict=True):
        if not _was_heard(heard_ms, second.t_ms):
            continue
        counts.scored_s += 1
        counts.right += guess == second.zone
        zone = zones.get(guess)
        if zone is None:
            counts.near += guess == second.zone  # a true zone that no plan shows
            continue
        counts.resolved += 1
        counts.right_floor += zone.floor == second.floor
        counts.near += guess == second.zone or _neighbours(zone, zones.get(second.zone))
    return counts


def _was_heard(heard_ms: Sequence[int], t_ms: int) -> bool:
    """At t_ms or less than ten seconds before: heard at 0, a phone is scored until 9 999."""
    last = bisect_right(heard_ms, t_ms)
    return last > 0 and heard_ms[last - 1] > t_ms - HEARD_WITHIN_MS


def _neighbours(one: Zone, other: Zone | None) -> bool:
    """Whether the two bounding boxes, each as wide as drawn, come within the margin of each other."""
    if other is None or one.floor != other.floor:
        return False
    west, south, east, north = one.shape.bounds
    other_west, other_south, other_east, other_north = other.shape.bounds
    return bool(
        west - NEIGHBOUR_DEGREES <= other_east
        and other_west - NEIGHBOUR_DEGREES <= east
        and south - NEIGHBOUR_DEGREES <= other_north
        and other_south - NEIGHBOUR_DEGREES <= north
    )


def _moves(walk: Sequence[Truth], said: Sequence[str]) -> Counts:
    """An unresolved second leaves the walker where they were held to be."""
    visited = {each.zone for each in walk}
    entered = list(_entries(said))
    return Counts(
        changes=max(0, len(entered) - 1),
        true_changes=sum(_differs(walk)),
        entries=len(entered),
        false_entries=sum(zone not in visited for zone in entered),
    )


def _entries(said: Sequence[str]) -> Iterator[str]:
    held = ""
    for guess in said:
        if guess and guess != held:
            held = guess
            yield guess


def _differs(walk: Sequence[Truth]) -> Iterator[bool]:
    for before, after in pairwise(walk):
        yield before.zone != after.zone


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
