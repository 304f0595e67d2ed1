"""How what was heard scatters: the same figures of made-up and of recorded walks, to be put side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_SIGHTINGS = 30  # of a beacon whose spread is told
LONGEST_GAP_S = 30.0  # what is longer is another encounter
MEMORY_S = 5


@dataclass(frozen=True, slots=True)
class Recording:
    """Sightings as columns: which walk, when on it, which transmitter, how loud; `lasts_s` of each walk."""

    walk: Ints
    at_s: Floats
    beacon: Ints
    rssi_dbm: Ints
    lasts_s: Sequence[float]


class Figure(NamedTuple):
    """A line of the table."""

    name: str
    unit: str
    value: float


def figures_of(heard: Recording) -> list[Figure]:
    return [*_levels(heard), *_spreads(heard), *_counts(heard), *_gaps(heard)]


def _levels(heard: Recording) -> Iterator[Figure]:
    for percent in (5, 50, 95):
        yield Figure(f"level, {percent}th percentile", "dBm", float(np.percentile(heard.rssi_dbm, percent)))


def _spreads(heard: Recording) -> Iterator[Figure]:
    """Two levels of one place differ by sqrt(2) times the spread of either."""
    counts = np.bincount(heard.beacon)
    spreads = [
        float(heard.rssi_dbm[heard.beacon == beacon].std())
        for beacon in np.flatnonzero(counts >= FEWEST_SIGHTINGS)
    ]
    yield Figure("spread of a beacon's levels over all walks, median beacon", "dB", _median(spreads))
    apart_s, change_db = _pairs(heard)
    for name, low, high in (
        ("within a second", 0.0, 1.0),
        ("from one second to the next", 1.0, 2.0),
        ("five seconds apart", 5.0, 6.0),
    ):
        near = change_db[(apart_s >= low) & (apart_s < high)]
        spread = float(np.sqrt(np.mean(near**2) / 2)) if near.size else float("nan")
        yield Figure(f"spread of a beacon's levels {name}", "dB", spread)


def _pairs(heard: Recording) -> tuple[Floats, Floats]:
    """Each sighting beside the few that follow it of the same beacon on the same walk."""
    order = np.lexsort((heard.at_s, heard.beacon, heard.walk))
    walk, at_s, beacon, level = (
        each[order] for each in (heard.walk, heard.at_s, heard.beacon, heard.rssi_dbm)
    )
    apart, change = [], []
    for ahead in range(1, 12):
        same = (walk[ahead:] == walk[:-ahead]) & (beacon[ahead:] == beacon[:-ahead])
        apart.append((at_s[ahead:] - at_s[:-ahead])[same])
        change.append((level[ahead:] - level[:-ahead])[same])
    return np.concatenate(apart), np.concatenate(change).astype(np.float64)


def _counts(heard: Recording) -> Iterator[Figure]:
    seconds = [int(lasts) for lasts in heard.lasts_s]
    first = np.concatenate(([0], np.cumsum(seconds)))
    second = heard.at_s.astype(np.int64)
    there = (second >= 0) & (second < np.array(seconds)[heard.walk])
    moment = (first[heard.walk] + second)[there]
    sightings = np.bincount(moment, minlength=first[-1])
    pairs = np.unique(np.column_stack((moment, heard.beacon[there])), axis=0)
    beacons = np.bincount(pairs[:, 0], minlength=first[-1])
    yield Figure("sightings a second", "", float(sightings.mean()))
    yield Figure("different beacons a second", "", float(beacons.mean()))
    yield Figure("different beacons a second, 90th percentile", "", float(np.percentile(beacons, 90)))
    yield Figure("share of seconds with nothing heard", "", float((sightings == 0).mean()))
    silences = [run for begin, end in pairwise(first) for run in _silences(sightings[begin:end])]
    yield Figure("length of a silence, mean", "s", float(np.mean(silences)) if silences else 0.0)
    window = np.unique(np.column_stack((moment // MEMORY_S, heard.beacon[there])), axis=0)
    several = np.bincount(window[:, 0], minlength=first[-1] // MEMORY_S)
    yield Figure("different beacons in five seconds", "", float(several.mean()))


def _silences(sightings: Ints) -> list[int]:
    """How long each run of seconds without a sighting is."""
    quiet = np.concatenate(([0], (sightings == 0).astype(np.int64), [0]))
    edges = np.flatnonzero(np.diff(quiet))
    return [int(run) for run in edges[1::2] - edges[::2]]


def _gaps(heard: Recording) -> Iterator[Figure]:
    order = np.lexsort((heard.at_s, heard.beacon, heard.walk))
    walk, at_s, beacon = (each[order] for each in (heard.walk, heard.at_s, heard.beacon))
    same = (walk[1:] == walk[:-1]) & (beacon[1:] == beacon[:-1])
    gaps = np.diff(at_s)[same]
    gaps = gaps[gaps < LONGEST_GAP_S]
    for percent in (50, 90, 99):
        value = float(np.percentile(gaps, percent)) if gaps.size else float("nan")
        yield Figure(f"gap between sightings of a beacon, {percent}th percentile", "s", value)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def table_of(columns: Sequence[tuple[str, Sequence[Figure]]]) -> str:
    """In Markdown, a column for each recording."""
    names = [name for name, _ in columns]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for row in zip(*(figures for _, figures in columns), strict=True):
        name, unit, _ = row[0]
        cells = " | ".join(_cell(figure) for figure in row)
        lines.append(f"| {name}{f', {unit}' if unit else ''} | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(figure: Figure) -> str:
    return f"{figure.value:.0f}" if figure.unit == "dBm" else f"{figure.value:.2f}"
