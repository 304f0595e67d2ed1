"""Circles on the ground, as polygons: a zone may be drawn as a centre and a radius.

The corners lie on the WGS84 ellipsoid in the directions of a compass, so that a circle is as round on the ground at 60
degrees north, where it is twice as wide in degrees as it is high, as at the equator.
"""

import math
from functools import lru_cache

import shapely

SMALLEST_RADIUS_M, LARGEST_RADIUS_M = 0.5, 50_000.0

# The polygon has the area of its circle: with 64 corners those stand out by 0.08 % of the radius, and the middles of
# the sides stand in by 0.04 %.
CORNERS = 64
_EQUAL_AREA = math.sqrt(2 * math.pi / CORNERS / math.sin(2 * math.pi / CORNERS))

# WGS84.
_EQUATOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_POLE_M = _EQUATOR_M * (1 - _FLATTENING)
_SECOND_ECCENTRICITY2 = (_EQUATOR_M**2 - _POLE_M**2) / _POLE_M**2
# A hundredth of a millimetre: what another machine's sines say of the digits beyond does not matter.
_DECIMALS = 10
# Each round gains five digits or more, and 50 km begin with three.
_ROUNDS = 3
# (cosine, sine) of the directions from north by the east to south; the west mirrors them.
_BEARINGS = [
    (math.cos(turn), math.sin(turn))
    for turn in (2 * math.pi * corner / CORNERS for corner in range(CORNERS // 2 + 1))
]


# As many as an import may bring: it asks for each three times.
@lru_cache(maxsize=20_000)
def circle(longitude: float, latitude: float, radius_m: float) -> shapely.Polygon:
    """A polygon of equal area about the circle; its longitudes may pass 180 degrees."""
    steps = _steps(latitude, radius_m * _EQUAL_AREA)
    east = [(longitude + step, parallel) for step, parallel in steps]
    west = [(longitude - step, parallel) for step, parallel in steps[1:-1]]
    # Against the clock, as RFC 7946 wants outlines: from the south by the east to the north and back.
    corners = [*reversed(east), *west]
    return shapely.Polygon([(round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in corners])


def _steps(latitude: float, distance_m: float) -> list[tuple[float, float]]:
    """(degrees eastward, latitude) of the points so far away, from due north by the east to due south.

    T. Vincenty, Direct and Inverse Solutions of Geodesics on the Ellipsoid, Survey Review XXIII 176 (1975): the direct
    solution, right to a millimetre. By numbers, not arrays: numpy's sines may differ in their last bit from call to
    call, and the index and the database must hold the same circle.
    """
    reduced = math.atan((1 - _FLATTENING) * math.tan(math.radians(latitude)))
    tan_u, sin_u, cos_u = math.tan(reduced), math.sin(reduced), math.cos(reduced)
    steps = []
    for cos_bearing, sin_bearing in _BEARINGS:
        sigma_1 = math.atan2(tan_u, cos_bearing)
        sin_alpha = cos_u * sin_bearing
        cos2_alpha = 1 - sin_alpha**2
        u2 = cos2_alpha * _SECOND_ECCENTRICITY2
        a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
        b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
        plain = sigma = distance_m / (_POLE_M * a)
        for _ in range(_ROUNDS):
            cos_2m = math.cos(2 * sigma_1 + sigma)
            sin_s, cos_s = math.sin(sigma), math.cos(sigma)
            bend = cos_s * (2 * cos_2m**2 - 1) - b / 6 * cos_2m * (4 * sin_s**2 - 3) * (4 * cos_2m**2 - 3)
            sigma = plain + b * sin_s * (cos_2m + b / 4 * bend)
        sin_s, cos_s, cos_2m = math.sin(sigma), math.cos(sigma), math.cos(2 * sigma_1 + sigma)
        across = math.hypot(sin_alpha, sin_u * sin_s - cos_u * cos_s * cos_bearing)
        phi = math.atan2(sin_u * cos_s + cos_u * sin_s * cos_bearing, (1 - _FLATTENING) * across)
        lam = math.atan2(sin_s * sin_bearing, cos_u * cos_s - sin_u * sin_s * cos_bearing)
        c = _FLATTENING / 16 * cos2_alpha * (4 + _FLATTENING * (4 - 3 * cos2_alpha))
        turn = sigma + c * sin_s * (cos_2m + c * cos_s * (2 * cos_2m**2 - 1))
        lam -= (1 - c) * _FLATTENING * sin_alpha * turn
        steps.append((math.degrees(lam), math.degrees(phi)))
    return steps
