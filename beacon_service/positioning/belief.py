"""Where a phone is at a surveyed site: a belief over the map's cells, moved by walking and weighed by what is heard.

A forward filter, so only the past counts. What is kept of it between two pings is small: the likeliest cells, a
byte of weight each. The numbers were chosen by cross-validation over survey walks (docs/positioning.md).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from beacon_service.zones.model import Belief, Located
from beacon_service.zones.radio_map import (
    FLOOR_DBM,
    LEVELS_DBM,
    PRINT_REACH_M,
    SURPRISE_STEP,
    RadioMap,
    spread_axis,
)
from beacon_service.zones.surveyed import Surveyed

# People walk 0.5 to 2 m/s and turn; per axis and second. Less lags behind who walks briskly, more flaps.
WALK_M = 2.8
# A phone that was silent for so long may be anywhere on the site.
FORGOTTEN_S = 120.0
# Share a second that goes to the floors above and below at the same place: stairs, lifts, atria.
CLIMB = 1e-4
# Share a second that goes anywhere: what makes a belief that went astray come home.
ASTRAY = 1e-3
# Sightings of one moment err together (the hand, the body, the crowd): n of them are worth n^0.5.
TOGETHER = 0.5
# What the shares of single sightings and the prints of two seconds count against each other.
SHARES_COUNT, PRINTS_COUNT = 0.8, 0.8
# Prints are compared by the cosine between them; one that is off by so much counts a third.
PRINT_UNLIKENESS = 0.12
# Prints less alike than the best by this count less than a thousandth.
PRINT_CUT = 0.85
# Cells with few prints around are taken to be as alike as the average print, with this weight.
FEW_PRINTS = 1.0
# Past the sixteenth, fainter ones only cost time.
MOST_HEARD = 16
# Cells that are left of a belief; with the byte of weight they take three bytes each. What is lost counts little.
MOST_CELLS = 150
# Steps of weight: e^(-255/25) is a thirtieth of a thousandth of the likeliest cell's.
WEIGHT_STEPS = 25.0
NEGLIGIBLE = 1e-6
# Zones with less of the belief are not worth a word.
LEAST_SHARE = 1e-3
# The accuracy of a place is the radius that holds the phone in 68 % of cases, as satellites have it.
ONE_SIGMA = 0.68

Levels = Mapping[int, float]  # transmitter's row -> dBm


def believe(
    radio_map: RadioMap, before: Belief | None, now: Levels, lately: Levels, at: datetime
) -> NDArray[np.float32]:
    """The probability of each cell of the map, after hearing `now` in this ping and `lately` in `PRINT_S` up to it."""
    elapsed_s = FORGOTTEN_S if before is None else (at - before.at).total_seconds()
    if before is None or elapsed_s >= FORGOTTEN_S:
        belief = radio_map.prior
    else:
        belief = _walked(radio_map, before, max(0.0, elapsed_s))
    if lately and radio_map.prints.shape[1]:
        belief = belief * _recognised(radio_map, lately)
    if now:
        belief = belief * _heard(radio_map, now)
    return np.asarray(belief / belief.sum(), np.float32)


def kept(belief: NDArray[np.float32], site: str, number: int, at: datetime) -> Belief:
    """What is remembered of a belief: its likeliest cells and the weight of each against the likeliest."""
    likeliest = np.argsort(-belief, kind="stable")[:MOST_CELLS]
    weights = belief[likeliest]
    steps = np.rint(-WEIGHT_STEPS * np.log(np.maximum(weights / weights[0], 1e-12)))
    likeliest, steps = likeliest[steps <= 255], steps[steps <= 255]
    order = np.argsort(likeliest)
    return Belief(
        site, number, at, likeliest[order].astype("<u2").tobytes(), steps[order].astype(np.uint8).tobytes()
    )


def place_of(surveyed: Surveyed, belief: NDArray[np.float32], heard: Sequence[str]) -> Located:
    """A belief told as a place: the middle of it on its likeliest floor, the 68 % radius there, and the zones."""
    radio_map = surveyed.radio_map
    lattice = radio_map.lattice
    likely = np.flatnonzero(belief > NEGLIGIBLE)
    weights = belief[likely].astype(np.float64)
    floors, x, y = lattice.centres(radio_map.cells[likely].astype(np.intp))
    floor = int(np.argmax(np.bincount(floors, weights, minlength=len(lattice.floors))))
    there = floors == floor
    share = weights[there] / weights[there].sum()
    middle_x, middle_y = float(share @ x[there]), float(share @ y[there])
    away = np.hypot(x[there] - middle_x, y[there] - middle_y)
    order = np.argsort(away)
    within = min(int(np.searchsorted(np.cumsum(share[order]), ONE_SIGMA)), len(order) - 1)
    longitude, latitude = lattice.degrees(middle_x, middle_y)
    return Located(
        source="radio_map",
        zones=_zones(surveyed, belief),
        longitude=round(longitude, 7),
        latitude=round(latitude, 7),
        accuracy_m=round(max(float(away[order[within]]), lattice.step_m / 2), 2),
        floor=lattice.floors[floor],
        beacons=tuple((name, round(1 / len(heard), 4)) for name in heard),
    )


def _zones(surveyed: Surveyed, belief: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
    """Each zone's share of the belief; most probable first."""
    shares = np.bincount(
        surveyed.pair_zone,
        belief[surveyed.pair_column] * surveyed.pair_share,
        minlength=len(surveyed.zones),
    )
    found = [
        (surveyed.zones[zone], round(float(shares[zone]), 4))
        for zone in np.flatnonzero(shares > LEAST_SHARE).tolist()
    ]
    return tuple(sorted(found, key=lambda zone: (-zone[1], zone[0])))


def _walked(radio_map: RadioMap, before: Belief, elapsed_s: float) -> NDArray[np.float32]:
    """The belief after so many seconds of walking about, before anything is heard.

    From each cell people go to those around it as these are walked on: off the ways they keep to the ways next to
    them, but where none was surveyed they may well be too.
    """
    lattice = radio_map.lattice
    columns = np.frombuffer(before.cells, "<u2").astype(np.intp)
    weights = np.exp(np.frombuffer(before.weights, np.uint8).astype(np.float32) / -WEIGHT_STEPS)
    reach_m = WALK_M * math.sqrt(_rounded_s(elapsed_s))
    leaving = weights / radio_map.walkable_within(reach_m)[columns]
    images = _spread(radio_map, radio_map.cells[columns], leaving, reach_m)
    climbed = np.zeros((len(lattice.floors), lattice.rows, lattice.columns), np.float32)
    for floor, image in images.items():
        climbed[floor] += image
        for other in (floor - 1, floor + 1):
            if 0 <= other < len(lattice.floors):
                climbed[other] += np.float32(CLIMB * elapsed_s) * image
    walked = climbed.ravel()[radio_map.cells] * radio_map.walkable
    astray = np.float32(min(0.5, ASTRAY * elapsed_s))
    return np.asarray(walked / walked.sum() * (1 - astray) + radio_map.prior * astray, np.float32)


def _rounded_s(elapsed_s: float) -> float:
    """To steps of a fifth of a second, a second past two, ten past twenty: each has sums that are kept."""
    step = 0.2 if elapsed_s < 2.0 else 1.0 if elapsed_s < 20.0 else 10.0
    return max(0.2, round(elapsed_s / step) * step)


def _recognised(radio_map: RadioMap, lately: Levels) -> NDArray[np.float32]:
    """How alike what was heard lately is to what the survey heard around each cell."""
    rows = sorted(lately, key=lambda row: (-lately[row], row))[:MOST_HEARD]
    levels = np.array([max(0.0, lately[row] - FLOOR_DBM) * 2 for row in rows], np.float32)
    length = float(np.sqrt(levels @ levels))
    if length == 0.0:
        return np.ones(len(radio_map.cells), np.float32)
    likeness = levels @ radio_map.prints[rows].astype(np.float32) / (radio_map.print_norms * length)
    likest = np.flatnonzero(likeness > likeness.max() - PRINT_CUT)
    weights = np.exp((likeness[likest] - 1) / np.float32(PRINT_UNLIKENESS))
    average = np.float32(weights.sum() / len(likeness))
    lattice = radio_map.lattice
    alike = np.zeros((len(lattice.floors), lattice.rows, lattice.columns), np.float32)
    for floor, image in _spread(radio_map, radio_map.print_cells[likest], weights, PRINT_REACH_M).items():
        alike[floor] = image
    near = alike.ravel()[radio_map.cells] + np.float32(FEW_PRINTS) * average
    return np.asarray((near / (radio_map.print_density + np.float32(FEW_PRINTS))) ** np.float32(PRINTS_COUNT))


def _heard(radio_map: RadioMap, now: Levels) -> NDArray[np.float32]:
    """How likely, at each cell, the next things heard are these, against the likeliest cell."""
    rows = sorted(now, key=lambda row: (-now[row], row))[:MOST_HEARD]
    surprise = np.zeros(len(radio_map.cells), np.float32)
    for row in rows:
        place = (min(max(now[row], LEVELS_DBM[0]), LEVELS_DBM[-1]) - LEVELS_DBM[0]) / (
            LEVELS_DBM[1] - LEVELS_DBM[0]
        )
        below = min(len(LEVELS_DBM) - 2, int(place))
        above = np.float32(place - below)
        levels = radio_map.surprise[row]
        surprise += (1 - above) * levels[below] + above * levels[below + 1]
    surprise *= np.float32(SURPRISE_STEP * SHARES_COUNT * len(rows) ** -TOGETHER)
    return np.asarray(np.exp(surprise.min() - surprise), np.float32)


def _spread(
    radio_map: RadioMap, cells: NDArray[np.int32], weights: NDArray[np.float32], reach_m: float
) -> dict[int, NDArray[np.float32]]:
    """The weights of some cells of the lattice spread around them, for each floor that has any."""
    lattice = radio_map.lattice
    size = lattice.rows * lattice.columns
    floors = cells // size
    north, east = (spread_axis(middles, reach_m) for middles in lattice.middles)
    images = {}
    for floor in np.unique(floors).tolist():
        there = floors == floor
        image = np.bincount(cells[there] - floor * size, weights[there], minlength=size)
        images[floor] = north @ image.reshape(lattice.rows, lattice.columns).astype(np.float32) @ east
    return images
