"""The lattice of cells over a site's floors, on which a radio map is drawn. Values only."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beacon_service.geo import METRES_PER_DEGREE


@dataclass(frozen=True)
class Lattice:
    """Square cells over the floors of a site, on the plane that touches the earth at its south-west corner.

    A cell is a number: (floor * rows + row) * columns + column; rows go north, columns east.
    """

    floors: tuple[str, ...]  # from the lowest
    west: float  # degrees of the south-west corner
    south: float
    step_m: float
    rows: int
    columns: int

    @property
    def size(self) -> int:
        return len(self.floors) * self.rows * self.columns

    @cached_property
    def metres_per_degree(self) -> tuple[float, float]:
        """Of longitude and of latitude."""
        return METRES_PER_DEGREE * math.cos(math.radians(self.south)), METRES_PER_DEGREE

    def metres(self, longitude: Any, latitude: Any) -> tuple[Any, Any]:
        """East and north of the corner; numbers or arrays of them."""
        east, north = self.metres_per_degree
        return (longitude - self.west) * east, (latitude - self.south) * north

    def degrees(self, x_m: Any, y_m: Any) -> tuple[Any, Any]:
        east, north = self.metres_per_degree
        return self.west + x_m / east, self.south + y_m / north

    def cell(self, floor: Any, x_m: Any, y_m: Any) -> Any:
        """The cell of each place; places beyond the edge count to the cell at the edge."""
        column = np.clip(np.floor_divide(x_m, self.step_m), 0, self.columns - 1).astype(np.intp)
        row = np.clip(np.floor_divide(y_m, self.step_m), 0, self.rows - 1).astype(np.intp)
        return (floor * self.rows + row) * self.columns + column

    def centres(self, cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any]]:
        """Floor number, and metres east and north, of each cell's middle."""
        floor, place = np.divmod(cells, self.rows * self.columns)
        row, column = np.divmod(place, self.columns)
        return floor, (column + 0.5) * self.step_m, (row + 0.5) * self.step_m

    @cached_property
    def middles(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Metres north of each row's middle and east of each column's."""
        north = (np.arange(self.rows, dtype=np.float32) + 0.5) * self.step_m
        east = (np.arange(self.columns, dtype=np.float32) + 0.5) * self.step_m
        return north, east


def blur(lattice: Lattice, images: NDArray[np.float32], reach_m: float) -> NDArray[np.float32]:
    """Sums of each image, (n, rows, columns), around each cell, weighed by a normal curve with 1 at its middle."""
    north, east = lattice.middles
    return np.asarray(spread_axis(north, reach_m) @ images @ spread_axis(east, reach_m), np.float32)


def spread_axis(middles: NDArray[np.float32], reach_m: float) -> NDArray[np.float32]:
    """The normal curve between each two of the places on a line, (n, n)."""
    steps = (middles[:, None] - middles[None, :]) / np.float32(reach_m)
    return np.asarray(np.exp(-0.5 * steps * steps), np.float32)
