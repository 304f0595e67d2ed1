"""A radio map: how a site sounds at each of its places, as a survey of it has taught. Values only.

Learned by `positioning.learning`, asked by `positioning.belief`, stored as `packed_map` packs it. A version of it is
never changed, so a replay hears what the live service heard.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beacon_service.zones.lattice import Lattice, blur
from beacon_service.zones.model import Sighting

# Steps of the scale of levels; louder and fainter ones count to its ends. Nothing below -99 is heard often
# enough to be told apart, and what is above -59 is within arm's length anyway.
LEVELS_DBM = np.arange(-99.0, -58.0, 5.0)
# A sixteenth of a nat: 255 of them are e^-16, less likely than anything can be.
SURPRISE_STEP = 1 / 16
# Prints count levels between these; a phone hears nothing fainter, and louder is within arm's length. A power of
# them below one keeps the few loudest from drowning the rest.
PRINTED_DBM, PRINT_POWER = (-100.0, -40.0), 0.6
# How much is heard together: longer lags behind a walker, shorter holds too few transmitters.
PRINT_S = 2
# The normal curve ends after so many of its widths, at a thousandth, and nobody is taken to walk farther than so
# many cells between two pings.
TAIL, WIDEST = 3.7, 10
# Around each print, the cells that sound like it.
PRINT_REACH_M = 4.0
# Cells with few prints around are taken to be as alike as the average print, with this weight.
FEW_PRINTS = 1.0


class Field(NamedTuple):
    """Where each column of a map lies on its field, and which column lies at each place (-1: none).

    It is so far to the next row (`across`) and to the next floor (`storey`).
    """

    places: NDArray[np.intp]
    columns: NDArray[np.int32]
    across: int
    storey: int


@dataclass(frozen=True, eq=False)
class RadioMap:
    """Two views of one survey, of the same transmitters (rows) and the same `cells` (columns, ascending).

    `surprise` says how unlikely it is, where a cell is, that what is heard next is this transmitter at this level:
    -log of a share, in steps of `SURPRISE_STEP`, shape (transmitters, levels, cells). `prints` is what was heard
    together, second by second: levels by `print_level`, shape (transmitters, prints), and
    `print_cells` where each was heard. `walkable` weighs cells by how much they are walked on.
    """

    lattice: Lattice
    transmitters: tuple[str, ...]  # "mac:...", or the identity where its addresses rotate or none was told
    aliases: Mapping[str, int]  # every text by which a transmitter may be heard -> its row
    cells: NDArray[np.int32]
    walkable: NDArray[np.float32]
    surprise: NDArray[np.uint8]
    prints: NDArray[np.uint8]
    print_cells: NDArray[np.int32]
    report: Mapping[str, Any] = field(default_factory=dict)  # what it was learned from, for people
    _steps: dict[tuple[float, float], tuple[NDArray[np.intp], NDArray[np.float32]]] = field(
        repr=False, default_factory=dict
    )
    _walkable_within: dict[float, NDArray[np.float32]] = field(repr=False, default_factory=dict)

    def row(self, sighting: Sighting) -> int | None:
        """Which transmitter was heard: by its address, else by what it advertised."""
        if sighting.mac is not None and (row := self.aliases.get(sighting.mac)) is not None:
            return row
        return self.aliases.get(sighting.identity) if sighting.identity is not None else None

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        return MappingProxyType({name: row for row, name in enumerate(self.transmitters)})

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """The column of each cell of the lattice, -1 where it is no cell of the map."""
        columns = np.full(self.lattice.size, -1, np.int32)
        columns[self.cells] = np.arange(len(self.cells), dtype=np.int32)
        return columns

    def walkable_within(self, reach_m: float) -> NDArray[np.float32]:
        """How much there is to walk on around each cell; kept, for it is asked again and again."""
        if reach_m not in self._walkable_within:
            whole = np.zeros(self.lattice.size, np.float32)
            whole[self.cells] = self.walkable
            image = whole.reshape(len(self.lattice.floors), self.lattice.rows, self.lattice.columns)
            self._walkable_within[reach_m] = blur(self.lattice, image, reach_m).ravel()[self.cells]
        return self._walkable_within[reach_m]

    @cached_property
    def floors(self) -> NDArray[np.intp]:
        """The number of each column's floor."""
        return self.lattice.centres(self.cells.astype(np.intp))[0]

    @cached_property
    def middles(self) -> NDArray[np.float64]:
        """Of each column the metres east and north to the middle of its cell, (n, 2)."""
        _, x, y = self.lattice.centres(self.cells.astype(np.intp))
        return np.stack([x, y], axis=1)

    @cached_property
    def field(self) -> "Field":
        """The cells on a wider lattice, from whose edges no step of a walk leads back on to another row or floor."""
        floor, place = np.divmod(self.cells.astype(np.intp), self.lattice.rows * self.lattice.columns)
        row, column = np.divmod(place, self.lattice.columns)
        across = self.lattice.columns + 2 * WIDEST
        storey = (self.lattice.rows + 2 * WIDEST) * across
        places = (floor + 1) * storey + (row + WIDEST) * across + column + WIDEST
        columns = np.full((len(self.lattice.floors) + 2) * storey, -1, np.int32)
        columns[places] = np.arange(len(places))
        return Field(places, columns, across, storey)

    def steps_around(self, reach_m: float, climbing: float) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Steps on the field to all cells within reach, and the normal curve at each; kept.

        With `climbing` also the same place on the floors above and below, which get that share of the whole.
        """
        if (reach_m, climbing) not in self._steps:
            widest = min(WIDEST, max(1, math.ceil(TAIL * reach_m / self.lattice.step_m)))
            line = np.arange(-widest, widest + 1)
            north, east = (axis.ravel() for axis in np.meshgrid(line, line, indexing="ij"))
            away = np.hypot(north, east) * self.lattice.step_m / reach_m
            near = away < TAIL
            steps = north[near] * self.field.across + east[near]
            shares = np.exp(-0.5 * away[near] ** 2)
            if climbing:
                steps = np.concatenate([steps, [-self.field.storey, self.field.storey]])
                shares = np.concatenate([shares, np.full(2, climbing * shares.sum())])
            self._steps[reach_m, climbing] = steps, shares.astype(np.float32)
        return self._steps[reach_m, climbing]

    @cached_property
    def print_columns(self) -> NDArray[np.intp]:
        """The column of each print's cell."""
        return self.places[self.print_cells].astype(np.intp)

    @cached_property
    def postings(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Where each transmitter's begin, the prints that hold it, and its share of each one's length as a vector.

        A print holds five of hundreds, so that these are a hundredth of the table.
        """
        squares = np.zeros(self.prints.shape[1], np.float32)
        for row in self.prints:  # row by row: all at once would take four times the memory of the prints
            squares += np.square(row, dtype=np.float32)
        rows, found = np.nonzero(self.prints)
        starts = np.searchsorted(rows, np.arange(len(self.prints) + 1))
        return starts, found, (self.prints[rows, found] / np.sqrt(squares[found])).astype(np.float32)

    @cached_property
    def print_rarity(self) -> NDArray[np.float32]:
        """One by the number of prints around each cell and `FEW_PRINTS` more."""
        lattice = self.lattice
        counts = np.bincount(self.print_cells, minlength=lattice.size).astype(np.float32)
        image = counts.reshape(len(lattice.floors), lattice.rows, lattice.columns)
        around = blur(lattice, image, PRINT_REACH_M).ravel()[self.cells]
        return np.asarray(1 / (around + FEW_PRINTS), np.float32)

    @cached_property
    def prior(self) -> NDArray[np.float32]:
        """Where somebody is of whom nothing is known."""
        return np.asarray(self.walkable / self.walkable.sum(), np.float32)


def print_level(rssi_dbm: float) -> float:
    """A level as prints count it: -100 dBm and less: 0, -90: 87, -70: 168, -40 and more: 255."""
    faintest, loudest = PRINTED_DBM
    share = (min(loudest, max(faintest, rssi_dbm)) - faintest) / (loudest - faintest)
    return float(255 * share**PRINT_POWER)
