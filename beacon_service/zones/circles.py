"""Circles on the ground, as polygons: a zone may be drawn as a centre and a radius.

The corners lie on the WGS84 ellipsoid in the directions of a compass, so that a circle is as round on the ground at 60
degrees north, where it is twice as wide in degrees as it is high, as at the equator.
"""

import math

import numpy as np
import shapely
from numpy.typing import NDArray

SMALLEST_RADIUS_M, LARGEST_RADIUS_M = 0.5, 50_000.0

# The polygon has the area of its circle: with 64 corners those stand out by 0.08 % of the radius, and the middles of
# the sides stand in by 0.04 %.
CORNERS = 64
_EQUAL_AREA = math.sqrt(2 * math.pi / CORNERS / math.sin(2 * math.pi / CORNERS))

# WGS84.
_EQUATOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_POLE_M = _EQUATOR_M * (1 - _FLATTENING)
# Each round gains more than five digits; 50 km need three.
_ROUNDS = 5


def circle(longitude: float, latitude: float, radius_m: float) -> shapely.Polygon:
    """A polygon of equal area about the circle; its longitudes may pass 180 degrees."""
    # Against the clock, as RFC 7946 wants outlines.
    bearings = np.linspace(2 * math.pi, 0, CORNERS, endpoint=False, dtype=np.float64)
    corners = _destinations(longitude, latitude, bearings, radius_m * _EQUAL_AREA)
    return shapely.Polygon(np.vstack([corners, corners[:1]]))


def _destinations(
    longitude: float, latitude: float, bearings: NDArray[np.float64], distance_m: float
) -> NDArray[np.float64]:
    """(longitude, latitude) of each point so far away in that direction, in radians clockwise from north.

    T. Vincenty, Direct and Inverse Solutions of Geodesics on the Ellipsoid, Survey Review XXIII 176 (1975): the direct
    solution, right to a millimetre.
    """
    cos_bearing, sin_bearing = np.cos(bearings), np.sin(bearings)
    reduced = math.atan((1 - _FLATTENING) * math.tan(math.radians(latitude)))
    sin_u, cos_u = math.sin(reduced), math.cos(reduced)
    sigma_1 = np.arctan2(math.tan(reduced), cos_bearing)
    sin_alpha = cos_u * sin_bearing
    cos2_alpha = 1 - sin_alpha**2
    u2 = cos2_alpha * (_EQUATOR_M**2 - _POLE_M**2) / _POLE_M**2
    a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
    b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
    plain = sigma = distance_m / (_POLE_M * a)
    for _ in range(_ROUNDS):
        cos_2m = np.cos(2 * sigma_1 + sigma)
        rest = cos_2m * (4 * np.sin(sigma) ** 2 - 3) * (4 * cos_2m**2 - 3)
        bend = np.cos(sigma) * (2 * cos_2m**2 - 1) - b / 6 * rest
        sigma = plain + b * np.sin(sigma) * (cos_2m + b / 4 * bend)
    sin_s, cos_s, cos_2m = np.sin(sigma), np.cos(sigma), np.cos(2 * sigma_1 + sigma)
    across = np.hypot(sin_alpha, sin_u * sin_s - cos_u * cos_s * cos_bearing)
    phi = np.arctan2(sin_u * cos_s + cos_u * sin_s * cos_bearing, (1 - _FLATTENING) * across)
    lam = np.arctan2(sin_s * sin_bearing, cos_u * cos_s - sin_u * sin_s * cos_bearing)
    c = _FLATTENING / 16 * cos2_alpha * (4 + _FLATTENING * (4 - 3 * cos2_alpha))
    turn = sigma + c * sin_s * (cos_2m + c * cos_s * (2 * cos_2m**2 - 1))
    lam = lam - (1 - c) * _FLATTENING * sin_alpha * turn
    return np.stack([longitude + np.degrees(lam), np.degrees(phi)], axis=1)
