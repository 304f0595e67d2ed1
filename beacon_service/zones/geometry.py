"""Measures and soundness of the shapes that people draw: a wrong one is named before it is kept."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from beacon_service.geo import METRES_PER_DEGREE


def areas_m2(geometries: Sequence[BaseGeometry]) -> list[float]:
    """Square metres of each geometry on the plane that touches the earth at its centre.

    A square of 0.0001 degrees is 123.6 square metres at the equator, and half of that at 60 degrees north.
    """
    shapes = np.array(geometries, dtype=object)
    latitudes = shapely.get_y(shapely.centroid(shapes))
    square_metres = METRES_PER_DEGREE**2 * np.cos(np.radians(latitudes))
    return [float(area) for area in shapely.area(shapes) * square_metres]
