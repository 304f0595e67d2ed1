"""Which beacons can be heard where: worked out once for a site, for each square metre the loudest of them."""

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.generating.radio import model
from simulators.generating.sites.place import Place, Storey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AUDIBLE = 20  # beacons of one place; no scan has more to choose from
REACH_M = 60.0  # beyond, nothing is left of -59 dBm at 1 m but chance
# Louder than the ear can hear by less than this, fading and a good ear may still lift it.
LIFT_DB = 12.0
MOST_SLABS = 2  # between a beacon and a phone; no more is heard through
MOST_CELLS = 60_000  # of a floor; larger ones have larger squares
SMALLEST_CELL_M = 1.0
# Gains that wait to be weighed against the loudest so far.
MOST_WAITING = 3_000_000
LARGEST_ANSWER = 200_000  # cells times walls looked at together


@dataclass(frozen=True, slots=True)
class Grid:
    """The squares of one storey, in a table of all: `first` is the number of its first."""

    west: float
    south: float
    cell_m: float
    columns: int
    rows: int
    first: int

    def cells(self, x: Floats, y: Floats) -> Ints:
        column = np.clip(((x - self.west) / self.cell_m).astype(np.int64), 0, self.columns - 1)
        row = np.clip(((y - self.south) / self.cell_m).astype(np.int64), 0, self.rows - 1)
        return np.asarray(self.first + row * self.columns + column, dtype=np.int64)

    def middles(self) -> tuple[Floats, Floats]:
        x = self.west + (np.arange(self.columns) + 0.5) * self.cell_m
        y = self.south + (np.arange(self.rows) + 0.5) * self.cell_m
        grid_x, grid_y = np.meshgrid(x, y)
        return grid_x.ravel(), grid_y.ravel()


@dataclass(frozen=True, slots=True)
class Ether:
    """`beacon`: for each square the loudest beacons' numbers, -1 for none; `gain_db`: their level there but for the
    distance; `seen`: whether no wall is between; `audible`: how many could be heard at all. `x`, `y`, `z`: where the
    beacons hang; `told_dbm`: what they advertise.
    """

    grids: tuple[Grid, ...]
    beacon: NDArray[np.int32]
    gain_db: NDArray[np.float32]
    seen: NDArray[np.bool_]
    audible: Ints
    x: Floats
    y: Floats
    z: Floats
    told_dbm: Floats

    def cells(self, storey: Ints, x: Floats, y: Floats) -> Ints:
        found = np.zeros(len(x), dtype=np.int64)
        for number, grid in enumerate(self.grids):
            here = storey == number
            found[here] = grid.cells(x[here], y[here])
        return found


@dataclass(frozen=True, slots=True)
class Gains:
    """Columns: at which square which beacon has which gain (its level but for the distance) and which level in the
    middle of the square, and whether it is seen.
    """

    cell: Ints
    beacon: Ints
    gain_db: Floats
    level_dbm: Floats
    seen: NDArray[np.bool_]

    def kept(self, which: NDArray[np.bool_] | Ints) -> "Gains":
        return Gains(*(getattr(self, column)[which] for column in self.__slots__))

    @classmethod
    def joined(cls, parts: Sequence["Gains"]) -> "Gains":
        return cls(*(np.concatenate([getattr(part, column) for part in parts]) for column in cls.__slots__))


NOTHING = Gains(*(np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, float, float, np.bool_)))


def ether_of(place: Place, seed: int) -> Ether:
    """The same seed hangs the same shadows; each beacon has its own, whatever others there are."""
    grids = tuple(_grids(place))
    power, told = _powers(place, seed)
    cells = sum(grid.columns * grid.rows for grid in grids)
    gains, audible = NOTHING, np.zeros(cells, dtype=np.int64)
    waiting: list[Gains] = []
    for number in range(len(place.beacons)):
        for found in _heard_of(place, number, float(power[number]), grids, seed):
            audible += np.bincount(found.cell, minlength=cells)
            waiting.append(found)
        if sum(len(each.cell) for each in waiting) > MOST_WAITING:
            gains, waiting = _loudest(Gains.joined([gains, *waiting])), []
    gains = _loudest(Gains.joined([gains, *waiting]))
    x, y = (np.array([getattr(each, axis) for each in place.beacons], dtype=np.float64) for axis in "xy")
    z = np.array([_height_m(place, each.storey) + model.ABOVE_PHONE_M for each in place.beacons])
    return Ether(grids, *_table(cells, gains), audible, x, y, z, told)


def _height_m(place: Place, storey: int) -> float:
    return model.FLOOR_HEIGHT_M * (place.storeys[storey].level - place.storeys[0].level)


def storey_heights_m(place: Place) -> Floats:
    return np.array([_height_m(place, storey) for storey in range(len(place.storeys))])


def _grids(place: Place) -> Iterator[Grid]:
    first = 0
    for storey in place.storeys:
        west, south, east, north = storey.ground.bounds
        cell_m = max(SMALLEST_CELL_M, math.sqrt((east - west) * (north - south) / MOST_CELLS))
        columns, rows = math.ceil((east - west) / cell_m), math.ceil((north - south) / cell_m)
        yield Grid(west, south, cell_m, columns, rows, first)
        first += columns * rows


def _powers(place: Place, seed: int) -> tuple[Floats, Floats]:
    """What each really sends at 1 m, and what it says that it does."""
    real, told = [], []
    for beacon in place.beacons:
        draws = np.random.default_rng([seed, 11, zlib.crc32(beacon.id.encode())])
        nominal = -59.0 if beacon.told_dbm is None else beacon.told_dbm
        real.append(nominal + draws.normal(0, model.POWER_SPREAD_DB))
        mistaken = draws.random() < model.MISTAKEN_SHARE
        told.append(float(draws.choice(model.MISTAKEN_POWERS_DBM)) if mistaken else nominal)
    return np.array(real, dtype=np.float64), np.array(told, dtype=np.float64)


def _heard_of(
    place: Place, number: int, power_dbm: float, grids: tuple[Grid, ...], seed: int
) -> Iterator[Gains]:
    """The squares within reach of a beacon where it may be heard, storey by storey."""
    beacon = place.beacons[number]
    for storey, grid in enumerate(grids):
        slabs = abs(place.storeys[storey].level - place.storeys[beacon.storey].level)
        draws = np.random.default_rng([seed, 12, zlib.crc32(beacon.id.encode()), storey])
        x, y = grid.middles()
        apart_m = np.hypot(x - beacon.x, y - beacon.y)
        near = np.flatnonzero(apart_m < REACH_M / (1 + slabs))
        if slabs > MOST_SLABS or not near.size:
            continue
        walls = np.zeros(len(near))
        if not slabs:
            walls = walls_db(place.storeys[storey], (beacon.x, beacon.y), x[near], y[near])
        gain = power_dbm + model.shadow_db(x[near], y[near], draws) - walls - model.slabs_db(slabs)
        level_dbm = gain - model.path_loss_db(np.hypot(apart_m[near], model.ABOVE_PHONE_M))
        seen = (walls == 0) & (slabs == 0)
        found = Gains(grid.first + near, np.full(len(near), number), gain, level_dbm, seen)
        yield found.kept(level_dbm > model.SENSITIVITY_DBM - LIFT_DB)


def walls_db(storey: Storey, beacon: tuple[float, float], x: Floats, y: Floats) -> Floats:
    """What the walls take that the straight lines from a beacon to places cross."""
    lines, losses = storey.walls.lines, storey.walls.losses_db
    total = np.zeros(len(x))
    if not len(lines):
        return total
    step = max(1, LARGEST_ANSWER // len(lines))
    for begin in range(0, len(x), step):
        part = slice(begin, begin + step)
        total[part] = crosses(beacon, x[part], y[part], lines) @ losses
    return total


def crosses(start: tuple[float, float], x: Floats, y: Floats, lines: Floats) -> NDArray[np.bool_]:
    """Which of the lines (columns) the ways from `start` to places (rows) go through."""
    way_x, way_y = (x - start[0])[:, None], (y - start[1])[:, None]
    from_x, from_y = lines[:, 0] - start[0], lines[:, 1] - start[1]
    along_x, along_y = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    turned = way_x * along_y - way_y * along_x
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (from_x * along_y - from_y * along_x) / turned
        meets = (from_x * way_y - from_y * way_x) / turned
    return np.asarray((share > 0) & (share < 1) & (meets >= 0) & (meets < 1))


def _ranks(gains: Gains) -> Ints:
    return np.asarray(np.arange(len(gains.cell)) - np.searchsorted(gains.cell, gains.cell), dtype=np.int64)


def _loudest(gains: Gains) -> Gains:
    """For each square the loudest, in order."""
    gains = gains.kept(np.lexsort((gains.beacon, -gains.level_dbm, gains.cell)))
    return gains.kept(_ranks(gains) < AUDIBLE)


def _table(cells: int, gains: Gains) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """A row for each square; what is empty is no beacon."""
    places = gains.cell, _ranks(gains)
    beacon = np.full((cells, AUDIBLE), -1, dtype=np.int32)
    gain_db = np.full((cells, AUDIBLE), -300.0, dtype=np.float32)
    seen = np.zeros((cells, AUDIBLE), dtype=np.bool_)
    beacon[places], gain_db[places], seen[places] = gains.beacon, gains.gain_db, gains.seen
    return beacon, gain_db, seen
