"""Metres around a place: the plane that touches the ellipsoid there, for questions of how far away something is.

A place is turned into its point in space (WGS84) and looked at from straight above. Nothing is torn at the
antimeridian and nothing stretched towards the poles. What lies r from the middle is drawn too near by the part
(r / R)^2 / 2 of a distance that leads away from it: 3e-7 at 5 km, 8e-6 at 25 km, 1.2e-4 at 100 km.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float64]

# WGS84.
_EQUATOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY2 = _FLATTENING * (2 - _FLATTENING)
# Zones' sides are straight on a map of degrees, as PostGIS's ST_Covers has them, and not on the ground: at 60 degrees
# one of 20 km is 14 m away from the shortest way. Cut to pieces of at most 1.1 km they are within 5 cm of both.
_LONGEST_SIDE_DEGREES = 0.01


@dataclass(frozen=True, slots=True)
class Plane:
    """`origin` is its middle in space; `axes` are the directions east and north there, (2, 3)."""

    origin: Floats
    axes: Floats

    @classmethod
    def at(cls, longitude: float, latitude: float) -> "Plane":
        place = np.array([[longitude, latitude]])
        return cls(in_space(place)[0], _axes(place)[0])

    def metres(self, places: Floats) -> Floats:
        """(n, 2) of longitude and latitude -> (n, 2) of metres east and north of the middle."""
        found: Floats = (in_space(places) - self.origin) @ self.axes.T
        return found

    def drawn(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in degrees as it lies on this plane."""
        return shapely.transform(shapely.segmentize(shape, _LONGEST_SIDE_DEGREES), self.metres)


def drawn_apart(shapes: NDArray[np.object_]) -> tuple[Floats, Floats, NDArray[np.object_]]:
    """Each shape on the plane about its own centroid: the planes' origins (n, 3) and axes (n, 2, 3), and the shapes."""
    middles = shapely.centroid(shapes)
    places = np.stack([shapely.get_x(middles), shapely.get_y(middles)], axis=1)
    origins, axes = in_space(places), _axes(places)
    cut = shapely.segmentize(shapes, _LONGEST_SIDE_DEGREES)
    corners, shape = shapely.get_coordinates(cut, return_index=True)
    away, along = in_space(corners) - origins[shape], axes[shape]
    return origins, axes, shapely.set_coordinates(cut, np.einsum("pij,pj->pi", along, away))


def _axes(places: Floats) -> Floats:
    """East and north at each place, (n, 2, 3)."""
    lam, phi = np.radians(places[:, 0]), np.radians(places[:, 1])
    east = np.stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)], axis=1)
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], axis=1)
    return np.stack([east, north], axis=1)


def in_space(places: Floats) -> Floats:
    """(n, 2) of longitude and latitude -> (n, 3): metres from the middle of the earth."""
    lam, phi = np.radians(places[:, 0]), np.radians(places[:, 1])
    across = _EQUATOR_M / np.sqrt(1 - _ECCENTRICITY2 * np.sin(phi) ** 2)
    return np.stack(
        [
            across * np.cos(phi) * np.cos(lam),
            across * np.cos(phi) * np.sin(lam),
            across * (1 - _ECCENTRICITY2) * np.sin(phi),
        ],
        axis=1,
    )
