"""Learns a radio map from a survey; see docs/positioning.md for the method and what it was measured to be worth.

Two views of the survey are learned, for each errs where the other does not. *Shares*: at a place, how likely the
next thing heard is this transmitter at this level, from sightings within 4 m, filled up from within 9 m, filled
up from how the building fades radio with distance. *Prints*: what was heard together in two seconds of walking.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.positioning.fading import Fading, Heardings, Walked, learn_fading
from beacon_service.positioning.naming import Names
from beacon_service.positioning.survey import SurveyError, SurveyWalk
from beacon_service.zones.lattice import Lattice, blur
from beacon_service.zones.model import Sighting, is_level
from beacon_service.zones.radio_map import LEVELS_DBM, PRINT_S, SURPRISE_STEP, RadioMap, print_level

# Finer cells cost time and memory and win nothing: positions err by more.
STEP_M = 5.0
MOST_CELLS = 30_000
# Where something is drawn one is there, or where the surveyor went: cells farther beside his way drew belief
# through walls. Where nothing is drawn all within a corridor's width of it is taken to be floor.
UNDRAWN_BESIDE_WAY_M = 7.0
MARGIN_M = 4.0
# (metres, weight in sightings of what lies beneath): chosen by cross-validation over survey walks.
KERNELS = ((9.0, 10.0), (4.0, 8.0))
# Levels of one transmitter at one place scatter by more than this from body and fading; less made it worse.
LEVEL_BLUR_DB = 3.5
# Shared evenly among all, so that nothing is ever impossible.
ANYTHING = 0.02
# Who walks keeps to where people walk: seconds of survey within some 3 m make a way, elsewhere is a tenth as likely.
WAY_M, OFF_THE_WAY = 3.0, 0.1
# A sighting reported a second before the first or after the last waypoint still belongs there.
BESIDE_WAY_MS = 1_000
# What is heard now is answered at its second's end and holds for some of the next, and a body hides what is behind
# it: sightings are learned as of where the surveyor was so much later. Chosen by cross-validation.
AHEAD_MS = 700
EXPOSURE_MS = 3_000
STRIDE_MS = 500

Progress = Callable[[float, str], None]


def silently(_share: float, _what: str) -> None:
    """For who does not care how far it is."""


def learn(
    walks: Sequence[SurveyWalk], areas: Mapping[str, BaseGeometry], progress: Progress = silently
) -> RadioMap:
    """The radio map of a site from its survey.

    `areas` are the site's floors from the lowest, each with where one can be (WGS84; empty where nothing is drawn);
    `progress` is told the share done and what is being done. Raises SurveyError where nothing can be learned.
    """
    floors = tuple(areas)
    told = [walk for walk in walks if walk.floor in areas and len(walk.waypoints) > 1]
    if not told:
        raise SurveyError("no walk with two waypoints on a floor of the site: there is nothing to learn from")
    progress(0.0, "naming transmitters")
    names = Names.of(told)
    lattice = _lattice(told, areas, floors)
    heard, transmitters = _heardings(told, names, lattice)
    progress(0.05, "placing transmitters")
    stood = _walked(told, lattice, EXPOSURE_MS)
    fading = learn_fading(heard, stood, len(floors))
    cells = _cells(told, areas, lattice)
    progress(0.3, "learning shares")
    surprise = _surprise(lattice, cells, heard, fading, progress)
    progress(0.95, "learning prints")
    prints, print_cells = _prints(told, names, transmitters, lattice)
    progress(1.0, "done")
    return RadioMap(
        lattice=lattice,
        transmitters=transmitters,
        aliases=names.aliases(transmitters),
        cells=cells.astype(np.int32),
        walkable=_walkable(told, lattice, cells),
        surprise=surprise,
        prints=prints,
        print_cells=print_cells.astype(np.int32),
        report={
            "walks": len(told),
            "walked_s": round(len(stood.floor) * EXPOSURE_MS / 1000),
            "sightings": len(heard.transmitter),
            "transmitters": len(transmitters),
            "rotating_identities": len(names.rotating),
            "cells": len(cells),
            "step_m": lattice.step_m,
        },
    )


def _lattice(
    walks: Sequence[SurveyWalk], areas: Mapping[str, BaseGeometry], floors: tuple[str, ...]
) -> Lattice:
    bounds = [area.bounds for area in areas.values() if not area.is_empty]
    points = [point for walk in walks for point in walk.waypoints]
    west = min([box[0] for box in bounds] + [point.longitude for point in points])
    south = min([box[1] for box in bounds] + [point.latitude for point in points])
    east = max([box[2] for box in bounds] + [point.longitude for point in points])
    north = max([box[3] for box in bounds] + [point.latitude for point in points])
    margin = MARGIN_M + UNDRAWN_BESIDE_WAY_M
    south -= margin / METRES_PER_DEGREE
    across = METRES_PER_DEGREE * float(np.cos(np.radians(south)))
    west -= margin / across
    width, height = (east - west) * across + margin, (north - south) * METRES_PER_DEGREE + margin
    step = max(STEP_M, float(np.sqrt(width * height * len(floors) / MOST_CELLS)))
    return Lattice(floors, west, south, step, int(height / step) + 1, int(width / step) + 1)


def _way(
    walk: SurveyWalk, lattice: Lattice, times: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    x, y = lattice.metres(*walk.places(times))
    return np.full(len(times), lattice.floors.index(walk.floor)), x, y


def _walked(walks: Sequence[SurveyWalk], lattice: Lattice, each_ms: int) -> Walked:
    ways = [
        _way(walk, lattice, np.arange(walk.waypoints[0].t_ms, walk.waypoints[-1].t_ms + 1, each_ms))
        for walk in walks
    ]
    floor, x, y = (np.concatenate(parts) for parts in zip(*ways, strict=True))
    return Walked(floor, x, y, each_ms / 1000)


def _heardings(
    walks: Sequence[SurveyWalk], names: Names, lattice: Lattice
) -> tuple[Heardings, tuple[str, ...]]:
    """All sightings with a known place, by transmitter, and the transmitters in the order of their numbers."""
    numbers: dict[str, int] = {}
    parts = []
    for walk in walks:
        found = [
            (t_ms, numbers.setdefault(name, len(numbers)), one.rssi_dbm)
            for t_ms, name, one in _named(walk, names)
        ]
        if found:
            times, row, level = (np.array(column) for column in zip(*found, strict=True))
            parts.append((row, *_way(walk, lattice, times + AHEAD_MS), np.float64(level)))
    if not parts:
        raise SurveyError("no sighting within a second of a walk's way: there is nothing to learn from")
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    row, floor, x, y, level = (column[order] for column in columns)
    starts = np.searchsorted(row, np.arange(len(numbers) + 1))
    return Heardings(row, floor, x, y, level, starts), tuple(numbers)


def _named(walk: SurveyWalk, names: Names) -> Iterator[tuple[int, str, Sighting]]:
    first, last = walk.waypoints[0].t_ms - BESIDE_WAY_MS, walk.waypoints[-1].t_ms + BESIDE_WAY_MS
    for t_ms, one in walk.sightings:
        name = names.name(one)
        if name is not None and first <= t_ms <= last and is_level(one.rssi_dbm):
            yield t_ms, name, one


def _cells(
    walks: Sequence[SurveyWalk], areas: Mapping[str, BaseGeometry], lattice: Lattice
) -> NDArray[np.intp]:
    """The cells of all that is drawn and of the ways that were walked; where nothing is drawn, of what is beside."""
    every = np.arange(lattice.rows * lattice.columns)
    _, x, y = lattice.centres(every)
    longitude, latitude = lattice.degrees(x, y)
    ways = _walked(walks, lattice, STRIDE_MS)
    found = [np.unique(lattice.cell(ways.floor, ways.x_m, ways.y_m))]
    for number, area in enumerate(areas.values()):
        if area.is_empty:
            there = ways.floor == number
            tree = shapely.STRtree(shapely.points(ways.x_m[there], ways.y_m[there]))
            beside = tree.query(shapely.points(x, y), predicate="dwithin", distance=UNDRAWN_BESIDE_WAY_M)[0]
            found.append(np.unique(beside) + number * len(every))
        else:
            wide = shapely.buffer(area, lattice.step_m / 2 / METRES_PER_DEGREE)
            inside = np.flatnonzero(shapely.intersects_xy(wide, longitude, latitude))
            found.append(inside + number * len(every))
    return np.unique(np.concatenate(found))


def _walkable(walks: Sequence[SurveyWalk], lattice: Lattice, cells: NDArray[np.intp]) -> NDArray[np.float32]:
    ways = _walked(walks, lattice, STRIDE_MS)
    seconds = np.bincount(lattice.cell(ways.floor, ways.x_m, ways.y_m), minlength=lattice.size) * ways.each_s
    around = _smooth(lattice, seconds.astype(np.float32), WAY_M)[cells]
    return np.asarray(OFF_THE_WAY + (1 - OFF_THE_WAY) * -np.expm1(-around), np.float32)


def _surprise(
    lattice: Lattice, cells: NDArray[np.intp], heard: Heardings, fading: Fading, progress: Progress
) -> NDArray[np.uint8]:
    """-log of each share, from the widest knowledge to the nearest."""
    levels = len(LEVELS_DBM)
    floor, x, y = lattice.centres(cells)
    expected = [fading.expected(row, floor, x, y) for row in range(heard.transmitters)]
    everywhere = sum(rate for rate, _ in expected)
    shape = (len(lattice.floors), lattice.rows, lattice.columns)
    place = lattice.cell(heard.floor, heard.x_m, heard.y_m)
    counts = np.bincount(place, minlength=lattice.size).astype(np.float32)
    around = {reach: _smooth(lattice, counts, reach)[cells] for reach, _ in KERNELS}
    weights = _level_weights(heard.rssi_dbm, LEVEL_BLUR_DB)
    surprise = np.empty((heard.transmitters, levels, len(cells)), np.uint8)
    for row, (rate, level) in enumerate(expected):
        spread = _level_weights(level, float(np.hypot(fading.spread_db, LEVEL_BLUR_DB)))
        share = (1 - ANYTHING) * (rate / everywhere)[None, :] * spread.T
        share = (share + ANYTHING / heard.transmitters / levels).astype(np.float32)
        mine = heard.of(row)
        for reach, beneath in KERNELS:
            near = np.zeros((levels, len(cells)), np.float32)
            for floor in np.unique(heard.floor[mine]):
                there = np.flatnonzero(heard.floor[mine] == floor) + mine.start
                image = np.zeros((levels, shape[1] * shape[2]), np.float32)
                np.add.at(image.T, place[there] % image.shape[1], weights[there])
                seen = blur(lattice, image.reshape(levels, *shape[1:]), reach).reshape(levels, -1)
                columns = cells // image.shape[1] == floor
                near[:, columns] = seen[:, cells[columns] % image.shape[1]]
            share = (near + beneath * share) / (around[reach] + beneath)
        surprise[row] = np.clip(np.rint(-np.log(share) / SURPRISE_STEP), 0, 255)
        if row % 20 == 0:
            progress(0.3 + 0.65 * row / heard.transmitters, "learning shares")
    return surprise


def _level_weights(level_dbm: NDArray[np.float64], blur_db: float) -> NDArray[np.float32]:
    """How much each level counts to each step of the scale, (n, levels); what is off its ends counts there."""
    clipped = np.clip(level_dbm, LEVELS_DBM[0], LEVELS_DBM[-1])
    weights = np.exp(-((clipped[:, None] - LEVELS_DBM[None, :]) ** 2) / (2 * blur_db**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _smooth(lattice: Lattice, values: NDArray[np.float32], reach_m: float) -> NDArray[np.float32]:
    """Flat values of the whole lattice, each floor for itself."""
    image = values.reshape(len(lattice.floors), lattice.rows, lattice.columns)
    return blur(lattice, image, reach_m).ravel()


def _prints(
    walks: Sequence[SurveyWalk], names: Names, transmitters: Sequence[str], lattice: Lattice
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """What was heard in the `PRINT_S` before each second of each walk, and the cell in which that second ended."""
    rows = {name: row for row, name in enumerate(transmitters)}
    columns: list[NDArray[np.uint8]] = []
    places: list[NDArray[np.intp]] = []
    for walk in walks:
        ends = np.arange(walk.waypoints[0].t_ms + 1000, walk.waypoints[-1].t_ms + 1, 1000)
        sounds = [(t_ms, rows[name], one.rssi_dbm) for t_ms, name, one in _named(walk, names)]
        if not sounds or not len(ends):
            continue
        times = np.array([sound[0] for sound in sounds])
        firsts = np.searchsorted(times, ends - PRINT_S * 1000, side="right")
        lasts = np.searchsorted(times, ends, side="right")
        kept = []
        for number, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
            if first == last:
                continue
            levels: dict[int, list[float]] = defaultdict(list)
            for _, row, level in sounds[first:last]:
                levels[row].append(level)
            column = np.zeros(len(rows), np.uint8)
            for row, several in levels.items():
                column[row] = round(print_level(sum(several) / len(several)))
            columns.append(column)
            kept.append(number)
        floor, x, y = _way(walk, lattice, ends[kept] + AHEAD_MS)
        places.append(lattice.cell(floor, x, y))
    if not columns:
        return np.zeros((len(rows), 0), np.uint8), np.zeros(0, np.intp)
    return np.stack(columns, axis=1), np.concatenate(places)
