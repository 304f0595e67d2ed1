"""Distances and local plane coordinates on WGS84, good for a site: errors below 0.1 % up to a few kilometres."""

import math

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
METRES_PER_DEGREE = math.radians(1.0) * EARTH_RADIUS_M


def distance_m(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """Metres between two points by the haversine formula; exact on the sphere, also across the antimeridian."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half_lat = math.sin((other_phi - phi) / 2)
    half_lon = math.sin(math.radians(other_longitude - longitude) / 2)
    chord = half_lat * half_lat + math.cos(phi) * math.cos(other_phi) * half_lon * half_lon
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def degrees(east_m: float, north_m: float, latitude: float) -> tuple[float, float]:
    """The step in (longitude, latitude) degrees that goes so many metres east and north from `latitude`."""
    north = north_m / METRES_PER_DEGREE
    east = east_m / (METRES_PER_DEGREE * max(0.01, math.cos(math.radians(latitude))))
    return east, north
