"""Where a phone is at a surveyed site: a belief over the map's cells, moved by walking and weighed by what is heard.

A forward filter, so only the past counts. What is kept of it between two pings is small: the likeliest cells, a
byte of weight each. The numbers were chosen by cross-validation over survey walks (docs/positioning.md).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beacon_service.zones.model import Belief, Located
from beacon_service.zones.radio_map import (
    LEVELS_DBM,
    PRINT_REACH_M,
    SURPRISE_STEP,
    RadioMap,
    print_level,
)
from beacon_service.zones.surveyed import Surveyed

# People walk 0.5 to 2 m/s and turn; per axis and second. Less lags behind who walks briskly, more flaps.
WALK_M = 2.8
# Shares a second of those who rest that start to walk, and of walkers that stop: people stand for half a minute
# and more, and what is heard meanwhile adds up; without that a phone on a table would wander from shop to shop.
STARTS, STOPS = 0.05, 0.005
# Of phones of which nothing is known.
RESTING = 0.1
# A phone that was silent for so long may be anywhere on the site.
FORGOTTEN_S = 120.0
# Share that goes to the floors above and below at the same place: stairs, lifts, atria.
CLIMB = 1e-4
# Share a second that goes anywhere: what makes a belief that went astray come home.
ASTRAY = 1e-3
# Sightings of one moment err together (the hand, the body, the crowd): n of them are worth n^0.5.
TOGETHER = 0.5
# What the shares of single sightings and the prints of two seconds count against each other.
SHARES_COUNT, PRINTS_COUNT = 0.8, 0.8
# Prints are compared by the cosine between them; one that is off by so much counts a third.
PRINT_UNLIKENESS = 0.16
# Prints less alike than the best by this count less than a hundredth.
PRINT_CUT = 0.6
# Cells with few prints around are taken to be as alike as the average print, with this weight.
FEW_PRINTS = 1.0
# Past the sixteenth, fainter ones only cost time.
MOST_HEARD = 16
# Cells that are left of a belief; with the bytes of weight they take four each. What is lost counts little.
MOST_CELLS = 120
# Steps of weight: e^(-255/25) is a thirtieth of a thousandth of the likeliest cell's.
WEIGHT_STEPS = 25.0
# The lightest cell that a byte tells of, e^-10.2 of the likeliest.
LIGHTEST = math.exp(-255 / WEIGHT_STEPS)
NEGLIGIBLE = 1e-6
# Zones with less of the belief are not worth a word.
LEAST_SHARE = 1e-3
# The accuracy of a place is the radius that holds the phone in 68 % of cases, as satellites have it; of a normal
# curve in the plane that is sqrt(-ln(1 - 0.68)) times the root of the mean square distance.
ONE_SIGMA = math.sqrt(-math.log(1 - 0.68))

Levels = Mapping[int, float]  # transmitter's row -> dBm


class Likely(NamedTuple):
    """The likeliest cells of a belief: columns of the map, ascending, and the probability of each.

    `resting` is the part of it that comes of standing there rather than of walking by.
    """

    columns: NDArray[np.intp]
    probability: NDArray[np.float32]
    resting: NDArray[np.float32]


def believe(radio_map: RadioMap, before: Belief | None, now: Levels, lately: Levels, at: datetime) -> Likely:
    """Where the phone is, after hearing `now` in this ping and `lately` in the `PRINT_S` up to it."""
    elapsed_s = FORGOTTEN_S if before is None else max(0.0, (at - before.at).total_seconds())
    walking, resting = np.zeros_like(radio_map.prior), np.zeros_like(radio_map.prior)
    if before is None or elapsed_s >= FORGOTTEN_S:
        walking, resting = radio_map.prior * (1 - RESTING), radio_map.prior * RESTING
    else:
        columns, walked, rested = _remembered(before)
        starting, stopping = -math.expm1(-STARTS * elapsed_s), -math.expm1(-STOPS * elapsed_s)
        resting[columns] = rested * (1 - starting) + walked * stopping
        walking = _walked(radio_map, columns, walked * (1 - stopping) + rested * starting, elapsed_s)
    belief = walking + resting
    likelihood = np.ones_like(belief)
    if lately and radio_map.prints.shape[1]:
        likelihood = _recognised(radio_map, lately)
    # What all else makes impossible need not be looked at.
    weighed = belief * likelihood
    possible = np.flatnonzero(weighed > NEGLIGIBLE * weighed.max())
    weighed = weighed[possible]
    if now:
        weighed = weighed * _heard(radio_map, now, possible)
    return _likeliest(possible, weighed, resting[possible] / belief[possible])


def _likeliest(
    columns: NDArray[np.intp], belief: NDArray[np.float32], resting: NDArray[np.float32]
) -> Likely:
    above = np.flatnonzero(belief > belief.max() * LIGHTEST)
    if len(above) > MOST_CELLS:
        above = above[np.argpartition(-belief[above], MOST_CELLS - 1)[:MOST_CELLS]]
        above.sort()
    probability = belief[above] / belief[above].sum()
    return Likely(columns[above], probability, probability * resting[above])


def kept(likely: Likely, site: str, number: int, at: datetime) -> Belief:
    """What is remembered of a belief: its likeliest cells and the weight of each against the likeliest."""
    most = likely.probability.max()
    parts = (likely.probability - likely.resting, likely.resting)
    steps = [np.rint(-WEIGHT_STEPS * np.log(np.maximum(part / most, 1e-30))) for part in parts]
    walking, resting = (np.minimum(each, 255).astype(np.uint8).tobytes() for each in steps)
    return Belief(site, number, at, likely.columns.astype("<u2").tobytes(), walking, resting)


def _remembered(before: Belief) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Columns, and the probabilities of walking and of resting there; together they are one."""
    columns = np.frombuffer(before.cells, "<u2").astype(np.intp)
    walking, resting = (
        np.exp(np.frombuffer(part, np.uint8).astype(np.float32) / -WEIGHT_STEPS)
        for part in (before.walking, before.resting)
    )
    total = walking.sum() + resting.sum()
    return columns, walking / total, resting / total


def place_of(surveyed: Surveyed, likely: Likely, heard: Sequence[str]) -> Located:
    """A belief told as a place: the middle of it on its likeliest floor, the 68 % radius there, and the zones."""
    radio_map, lattice = surveyed.radio_map, surveyed.radio_map.lattice
    floors, x, y = (each[likely.columns] for each in radio_map.centres)
    of_floors = np.bincount(floors, likely.probability, minlength=len(lattice.floors))
    floor = int(of_floors.argmax())
    share = likely.probability * (floors == floor) / of_floors[floor]
    middle_x, middle_y = float(share @ x), float(share @ y)
    square = float(share @ (x * x + y * y)) - middle_x**2 - middle_y**2
    longitude, latitude = lattice.degrees(middle_x, middle_y)
    return Located(
        source="radio_map",
        zones=_zones(surveyed, likely),
        longitude=round(longitude, 7),
        latitude=round(latitude, 7),
        accuracy_m=round(max(ONE_SIGMA * math.sqrt(max(0.0, square)), lattice.step_m / 2), 2),
        floor=lattice.floors[floor],
        beacons=tuple((name, round(1 / len(heard), 4)) for name in heard),
        resting=round(float(likely.resting.sum()), 4),
    )


def _zones(surveyed: Surveyed, likely: Likely) -> tuple[tuple[str, float], ...]:
    """Each zone's share of the belief; most probable first."""
    zones = surveyed.zones_of_cells[likely.columns]
    shares = surveyed.shares_of_cells[likely.columns] * likely.probability[:, None]
    total = np.bincount(zones.ravel(), shares.ravel(), minlength=len(surveyed.zones))
    found = [
        (surveyed.zones[zone], round(float(total[zone]), 4))
        for zone in np.flatnonzero(total > LEAST_SHARE).tolist()
    ]
    return tuple(sorted(found, key=lambda zone: (-zone[1], zone[0])))


def _walked(
    radio_map: RadioMap, columns: NDArray[np.intp], walking: NDArray[np.float32], elapsed_s: float
) -> NDArray[np.float32]:
    """Where those who walk are after so many seconds, before anything is heard.

    From each cell people go to those around it as these are walked on: off the ways they keep to the ways next to
    them, but where none was surveyed they may well be too.
    """
    reach_m = WALK_M * math.sqrt(_rounded_s(elapsed_s))
    leaving = walking / radio_map.walkable_within(reach_m)[columns]
    walked = _spread(radio_map, columns, leaving, reach_m, CLIMB)
    walked *= radio_map.walkable
    astray = min(0.5, ASTRAY * elapsed_s)
    walked *= (float(walking.sum()) - astray / 2) / walked.sum() if walking.sum() > astray else 1.0
    walked += radio_map.prior * np.float32(astray)
    return walked


def _rounded_s(elapsed_s: float) -> float:
    """To steps of a fifth of a second, a second past two, ten past twenty: each has sums that are kept."""
    step = 0.2 if elapsed_s < 2.0 else 1.0 if elapsed_s < 20.0 else 10.0
    return max(0.2, round(elapsed_s / step) * step)


def _recognised(radio_map: RadioMap, lately: Levels) -> NDArray[np.float32]:
    """How alike what was heard lately is to what the survey heard around each cell."""
    rows = sorted(lately, key=lambda row: (-lately[row], row))[:MOST_HEARD]
    levels = np.array([print_level(lately[row]) for row in rows], np.float32)
    length = float(np.sqrt(levels @ levels))
    if length == 0.0:
        return np.ones(len(radio_map.cells), np.float32)
    likeness = levels @ radio_map.prints[rows].astype(np.float32) / (radio_map.print_norms * length)
    likest = np.flatnonzero(likeness > likeness.max() - PRINT_CUT)
    weights = np.exp((likeness[likest] - 1) / np.float32(PRINT_UNLIKENESS))
    average = np.float32(weights.sum() / len(likeness))
    by_cell = np.bincount(radio_map.print_columns[likest], weights, minlength=len(radio_map.cells))
    alike = np.flatnonzero(by_cell > 0)  # of booleans that is five times as fast
    near = _spread(radio_map, alike, by_cell[alike].astype(np.float32), PRINT_REACH_M, 0.0)
    near += np.float32(FEW_PRINTS) * average
    near /= radio_map.print_density + np.float32(FEW_PRINTS)
    # A power by way of its logarithm takes a quarter of the time.
    return np.asarray(np.exp(np.float32(PRINTS_COUNT) * np.log(near)))


def _heard(radio_map: RadioMap, now: Levels, columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """How likely, at each of these cells, the next things heard are these, against the likeliest cell."""
    rows = sorted(now, key=lambda row: (-now[row], row))[:MOST_HEARD]
    surprise = np.zeros(len(columns), np.float32)
    for row in rows:
        place = (min(max(now[row], LEVELS_DBM[0]), LEVELS_DBM[-1]) - LEVELS_DBM[0]) / (
            LEVELS_DBM[1] - LEVELS_DBM[0]
        )
        below = min(len(LEVELS_DBM) - 2, int(place))
        above = np.float32(place - below)
        levels = radio_map.surprise[row, below : below + 2, columns]
        surprise += (1 - above) * levels[:, 0] + above * levels[:, 1]
    surprise *= np.float32(SURPRISE_STEP * SHARES_COUNT * len(rows) ** -TOGETHER)
    return np.asarray(np.exp(surprise.min() - surprise), np.float32)


def _spread(
    radio_map: RadioMap,
    columns: NDArray[np.intp],
    weights: NDArray[np.float32],
    reach_m: float,
    climbing: float,
) -> NDArray[np.float32]:
    """The weights of some cells spread around them; the share `climbing` goes on to the floors next to theirs too.

    All in one sum over (cell, step away from it): few cells carry a belief, so that beats blurring whole floors.
    """
    steps, shares = radio_map.steps_around(reach_m, climbing)
    field = radio_map.field
    places = (field.places[columns][:, None] + steps[None, :]).ravel()
    spread = np.bincount(places, (weights[:, None] * shares[None, :]).ravel(), minlength=field.size)
    return spread[field.places].astype(np.float32)
