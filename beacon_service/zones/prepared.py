"""Shapes that GEOS has prepared, asked by all threads of a process at once, and by versions of the catalogue in turn.

Two threads must not make at once what GEOS makes of a prepared shape when it is first asked; nor may they ask at once
how sides lie to each other, ever: what GEOS compares them with keeps its notes in one place. Either ends the process.
Questions about points are free of the second.
"""

import threading

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]

_comparing_sides = threading.Lock()
# Whoever waits for the lock waits for a millisecond or so.
_AT_ONCE = 1_000


def prepare(shapes: Shapes) -> None:
    """Make all that questions about points need; what finds whether one is inside is made at the second of them."""
    shapely.prepare(shapes)
    inside = shapely.point_on_surface(shapes)
    for _ in range(2):
        shapely.intersects(shapes, inside)


def covers(shapes: Shapes, others: Shapes) -> NDArray[np.bool_]:
    """Whether each shape covers the other one in its place."""
    found = np.zeros(len(shapes), np.bool_)
    for begin in range(0, len(shapes), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        with _comparing_sides:
            found[some] = shapely.covers(shapes[some], others[some])
    return found
