"""A directory of the earth's cells: which boxes may hold a point, for millions of points, with arrays alone.

The earth is cut into cells, four of a level making one of the next. A box is entered in the few cells that it meets of
the level at which they are about as large as itself. Cells are numbered in Morton order, the bits of row and column by
turns, so that a point's cell of every level is the beginning of one and the same number, and points sorted by it are
sorted by place.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.intp]

# Cells of the finest level are 360 / 2^26 degrees, 0.6 m at the equator: two such numbers fill 52 of 63 bits.
_BITS = 26
_PER_DEGREE = 2.0**_BITS / 360.0
_LAST = 2**_BITS - 1
# A box spans at most so many cells in each direction: more of them would fit it closer and fill the directory.
_MOST_ACROSS = 4
# (shift, mask) by which a number's bits are spread out to every second place.
_SPREAD = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def morton(points: NDArray[np.float64]) -> Numbers:
    """The number of the finest cell that each point (longitude, latitude) lies in."""
    return _interleaved(_steps(points[:, 0], 180.0), _steps(points[:, 1], 90.0))


class _Level(NamedTuple):
    """The cells of one size that some box meets: the boxes of `cells[i]` are `boxes[starts[i]:starts[i + 1]]`."""

    shift: int
    cells: Numbers
    starts: Numbers
    boxes: Numbers


class Cells:
    """Which of many boxes may hold a point."""

    def __init__(self, bounds: NDArray[np.float64]) -> None:
        """`bounds` has the shape (n, 4): west, south, east, north."""
        self._bounds = np.ascontiguousarray(bounds.T)
        columns, rows = _steps(bounds[:, ::2], 180.0), _steps(bounds[:, 1::2], 90.0)
        low, high = np.stack([columns, rows], axis=-1).swapaxes(0, 1)
        levels = _levels(low, high)
        self._levels = [_level(low, high, int(level), levels) for level in np.unique(levels)]

    def holding(
        self, x: NDArray[np.float64], y: NDArray[np.float64], numbers: Numbers
    ) -> tuple[Numbers, Numbers]:
        """Pairs (index of a point, index of a box that holds it, its edges included), in no order.

        `numbers` are the points' Morton numbers, ascending.
        """
        found = list(self._entered(numbers))
        point = np.concatenate([np.empty(0, np.intp), *(one for one, _ in found)])
        box = np.concatenate([np.empty(0, np.intp), *(one for _, one in found)])
        west, south, east, north = self._bounds
        at_x, at_y = x[point], y[point]
        held = (west[box] <= at_x) & (at_x <= east[box]) & (south[box] <= at_y) & (at_y <= north[box])
        return point[held], box[held]

    def _entered(self, numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
        """Pairs (place of a point, index of a box entered in its cell), level by level."""
        for level in self._levels:
            cells = numbers >> 2 * level.shift
            # Many points lie in one cell, so that each cell is looked up once.
            first = np.flatnonzero(np.diff(cells, prepend=-1))
            size = np.diff(first, append=len(cells))
            place = np.searchsorted(level.cells, cells[first])
            place[place == len(level.cells)] = 0
            known = level.cells[place] == cells[first]
            place, first, size = place[known], first[known], size[known]
            point = np.repeat(first, size) + _counted(size)
            entries = level.starts[place + 1] - level.starts[place]
            count = np.repeat(entries, size)
            start = np.repeat(np.repeat(level.starts[place], size), count)
            yield np.repeat(point, count), level.boxes[start + _counted(count)]


def _steps(degrees: NDArray[np.float64], zero: float) -> Numbers:
    """How many finest cells east or north; never less for a point further east or north, and 0 for what is none.

    Rounding keeps the order of what is rounded, so a point within a box is in none but the box's cells.
    """
    steps: Numbers = np.fmin(np.fmax((degrees + zero) * _PER_DEGREE, 0), _LAST).astype(np.intp)
    return steps


def _interleaved(column: Numbers, row: Numbers) -> Numbers:
    return _spread(column) | _spread(row) << 1


def _spread(numbers: Numbers) -> Numbers:
    for shift, mask in _SPREAD:
        numbers = (numbers | numbers << shift) & mask
    return numbers


def _levels(low: Numbers, high: Numbers) -> Numbers:
    """For each box the finest level at which it spans few enough cells."""
    levels = np.zeros(len(low), np.intp)
    for level in range(_BITS):
        across = (high >> level) - (low >> level) + 1
        too_many = (across > _MOST_ACROSS).any(axis=1)
        if not too_many.any():
            break  # nor at any coarser level
        levels += too_many
    return levels


def _level(low: Numbers, high: Numbers, level: int, levels: Numbers) -> _Level:
    boxes = np.flatnonzero(levels == level)
    first, last = low[boxes] >> level, high[boxes] >> level
    columns, rows = (last - first + 1).T
    place = np.repeat(np.arange(len(boxes)), columns * rows)
    number = _counted(columns * rows)
    column = first[place, 0] + number % columns[place]
    row = first[place, 1] + number // columns[place]
    cells = _interleaved(column, row)
    order = np.argsort(cells, kind="stable")
    cells = cells[order]
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    return _Level(level, cells[starts], np.append(starts, len(cells)), boxes[place[order]])


def _counted(sizes: Numbers) -> Numbers:
    """[2, 3] -> [0, 1, 0, 1, 2]"""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
