"""Two methods as plain as they get, to measure by: whoever is not better than these need not be complicated.

Both hear the last five seconds and change the zone when three samples in a row agree on another one. The
first zone is believed at once; where nothing known is heard, the walker is held where they were.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.positioning.scoring import Predictions
from benchmarks.positioning.walks import Plan, Survey, Walks
from simulators.survey import Recorded

Floats = NDArray[np.float32]

WINDOW_MS = 5_000  # shorter ones are often empty, longer ones lag behind the walker
AGREEING = 3
NEIGHBOURS = 15
NOT_HEARD_DBM = -100.0  # below what a phone can hear
SAMPLE_MS = 1_000
AT_ONCE = 256  # questions compared with all fingerprints together: some megabytes of distances

# What is heard in a window, loudest hearing of each address -> zone, or None where it says nothing.
Heard = Mapping[str, int]


@dataclass(slots=True)
class Held:
    """Three samples in a row decide: a, b, b, a, b, b, b ends in b with the last one."""

    zone: str = ""
    other: str = ""
    agreeing: int = 0

    def told(self, guess: str | None) -> str:
        if guess is None:
            return self.zone
        if guess == self.zone or not self.zone:
            self.zone, self.agreeing = guess, 0
            return self.zone
        self.agreeing = self.agreeing + 1 if guess == self.other else 1
        self.other = guess
        if self.agreeing >= AGREEING:
            self.zone, self.agreeing = guess, 0
        return self.zone


class Windows:
    """What each phone heard in the five seconds up to a moment."""

    def __init__(self, sightings: Sequence[Recorded]) -> None:
        self._rows: dict[str, list[Recorded]] = defaultdict(list)
        for row in sorted(sightings, key=lambda each: each.t_ms):
            self._rows[row.trace].append(row)

    def at(self, trace: str, t_ms: int) -> list[Recorded]:
        rows = self._rows.get(trace, [])
        first, last = (bisect_right(rows, moment, key=_t_ms) for moment in (t_ms - WINDOW_MS, t_ms))
        return rows[first:last]


def _t_ms(row: Recorded) -> int:
    return row.t_ms


def strongest(homes: Mapping[str, str], walks: Walks) -> Predictions:
    """The zone of the loudest beacon heard. `homes`: the zone of each beacon, by address."""
    windows = Windows(walks.sightings)

    def guess(trace: str, t_ms: int) -> str | None:
        known = [row for row in windows.at(trace, t_ms) if row.mac in homes]
        loudest = max(known, key=lambda row: (row.rssi_dbm, row.t_ms), default=None)
        return homes[loudest.mac] if loudest else None

    return _held(walks, guess)


def homes_of(survey: Survey, plan: Plan) -> Mapping[str, str]:
    """Each beacon belongs to the zone where the survey heard it loudest; the earliest of equals."""
    homes: dict[str, tuple[int, str]] = {}
    for row in sorted(survey.sightings, key=lambda each: (each.t_ms, each.mac)):
        zone = plan.zone_of(survey.position_at(row.trace, row.t_ms))
        if zone is not None and (row.mac not in homes or row.rssi_dbm > homes[row.mac][0]):
            homes[row.mac] = row.rssi_dbm, zone
    return {mac: zone for mac, (_, zone) in homes.items()}


def _held(walks: Walks, guess: Callable[[str, int], str | None]) -> Predictions:
    predictions: dict[tuple[str, int], str] = {}
    for trace, moments in walks.moments().items():
        held = Held()
        for t_ms in moments:
            predictions[trace, t_ms] = held.told(guess(trace, t_ms))
    return predictions


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """One row for each surveyed second in which something was heard, one column for each address."""

    columns: Mapping[str, int]
    levels: Floats
    zones: tuple[str, ...]


def fingerprint(survey: Survey, walks: Walks, plan: Plan) -> Predictions:
    """The zone that most of the fifteen surveyed seconds with the likest levels are in."""
    learned = learn_fingerprints(survey, plan)
    windows = Windows(walks.sightings)
    asked = [(trace, t_ms) for trace, times in walks.moments().items() for t_ms in times]
    levels = [_levels(windows.at(*each), learned.columns) for each in asked]
    heard = [number for number, row in enumerate(levels) if row is not None]
    table = _table([row for row in levels if row is not None], learned.columns)
    found = _likest(learned, table)
    guesses = {asked[number]: zone for number, zone in zip(heard, found, strict=True)}
    return _held(walks, lambda trace, t_ms: guesses.get((trace, t_ms)))


def learn_fingerprints(survey: Survey, plan: Plan) -> Fingerprints:
    columns = {mac: number for number, mac in enumerate(sorted({row.mac for row in survey.sightings}))}
    windows = Windows(survey.sightings)
    levels, zones = [], []
    for trace, t_ms in _surveyed_seconds(survey):
        row = _levels(windows.at(trace, t_ms), columns)
        zone = plan.zone_of(survey.position_at(trace, t_ms))
        if row is not None and zone is not None:
            levels.append(row)
            zones.append(zone)
    return Fingerprints(columns, _table(levels, columns), tuple(zones))


def _table(levels: Sequence[Floats], columns: Mapping[str, int]) -> Floats:
    return np.array(levels, dtype=np.float32).reshape(len(levels), len(columns))


def _surveyed_seconds(survey: Survey) -> Iterator[tuple[str, int]]:
    for trace, way in sorted(survey.ways.items()):
        for t_ms in range(way[0].t_ms, way[-1].t_ms + 1, SAMPLE_MS):
            yield trace, t_ms


def _levels(rows: Sequence[Recorded], columns: Mapping[str, int]) -> Floats | None:
    """The mean level of each beacon; None where none that the survey knows was heard."""
    by_column: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        if row.mac in columns:
            by_column[columns[row.mac]].append(row.rssi_dbm)
    if not by_column:
        return None
    levels = np.full(len(columns), NOT_HEARD_DBM, dtype=np.float32)
    for column, rssi in by_column.items():
        levels[column] = sum(rssi) / len(rssi)
    return levels


def _likest(learned: Fingerprints, asked: Floats) -> Iterator[str]:
    """By Euclidean distance between levels; among zones with as many votes, the one with the likest."""
    squares = (learned.levels**2).sum(axis=1)
    nearest = min(NEIGHBOURS, len(learned.zones))
    for first in range(0, len(asked) if nearest else 0, AT_ONCE):
        some = asked[first : first + AT_ONCE]
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab, and |a|^2 is the same for all fingerprints
        distances = squares - 2 * some @ learned.levels.T
        for row in distances:
            order = np.argpartition(row, nearest - 1)[:nearest]
            yield _vote([learned.zones[index] for index in order[np.argsort(row[order], kind="stable")]])


def _vote(zones: Sequence[str]) -> str:
    """`zones` come likest first."""
    votes: dict[str, int] = defaultdict(int)
    for zone in zones:
        votes[zone] += 1
    return max(votes, key=votes.__getitem__)
