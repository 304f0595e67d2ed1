"""Measures and soundness of the shapes that people draw: a wrong one is named before it is kept.

What costs little is looked at first, so that a shape of a million vertices is refused by counting alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from beacon_service.configuration.schema import Flaw
from beacon_service.geo import METRES_PER_DEGREE, distance_m
from beacon_service.zones.circles import LARGEST_RADIUS_M, SMALLEST_RADIUS_M, circle

# A mall's outline takes hundreds; traced or buffered shapes take thousands and cost every ping near them.
MOST_VERTICES = 10_000
# Nearer to a pole than 5 degrees, metres on a plane are no longer those on the ground.
LARGEST_LATITUDE = 85.0
# A site's zones lie within walking distance of each other; with swapped coordinates they are continents away.
FARTHEST_M = 50_000.0
# One mistake is often made at every vertex; the first few say it.
MOST_FLAWS = 10

_LEVELS = {"Point": 1, "Polygon": 3, "MultiPolygon": 4}
_OTHER_MEMBERS = Flaw((), "has other members than type and coordinates", "Send these two.")
_KEEP_LATITUDES = f"Keep latitudes within {LARGEST_LATITUDE:.0f} degrees north and south."
_NO_CROSSING = "Draw it so that no line crosses or doubles another."
SWAPPED = "GeoJSON says longitude first, then latitude: [4.9, 52.37]. Are they swapped?"


def areas_m2(geometries: Sequence[BaseGeometry]) -> list[float]:
    """Square metres of each geometry on the plane that touches the earth at its centre.

    A square of 0.0001 degrees is 123.6 square metres at the equator, and half of that at 60 degrees north.
    """
    shapes = np.array(geometries, dtype=object)
    latitudes = shapely.get_y(shapely.centroid(shapes))
    square_metres = METRES_PER_DEGREE**2 * np.cos(np.radians(latitudes))
    return [float(area) for area in shapely.area(shapes) * square_metres]


def drawing_flaws(geometry: Any) -> list[Flaw]:
    """What is wrong with what a zone may be drawn as: a Polygon, a MultiPolygon, or a circle's centre as a Point."""
    if not isinstance(geometry, Mapping) or geometry.get("type") != "Point":
        return flaws(geometry)
    if set(geometry) != {"type", "coordinates"}:
        return [_OTHER_MEMBERS]
    return position_flaws(("coordinates",), geometry["coordinates"])


def circle_flaws(geometry: Mapping[str, Any], radius_m: float | None) -> list[Flaw]:
    """What is wrong with a flawless drawing together with its radius, paths being of the zone."""
    if geometry["type"] != "Point":
        if radius_m is None:
            return []
        what = f"says nothing of a {geometry['type']}"
        return [Flaw(("radius_m",), what, "Leave it out, or draw the circle's centre as a Point.")]
    if radius_m is None:
        what = "is missing: a zone drawn as a Point is a circle"
        do = f"Send the radius in metres, {SMALLEST_RADIUS_M} to {LARGEST_RADIUS_M:.0f}."
        return [Flaw(("radius_m",), what, do)]
    west, south, east, north = footprint(geometry, radius_m).bounds
    path = ("geometry", "coordinates")
    if west < -180 or east > 180:
        what = "the circle crosses the antimeridian"
        return [Flaw(path, what, "Draw one zone on each side of it, as a Polygon.")]
    if max(-south, north) > LARGEST_LATITUDE:
        what = "the circle comes too near to a pole for distances to be measured on a plane"
        return [Flaw(path, what, _KEEP_LATITUDES)]
    return []


def footprint(geometry: Mapping[str, Any], radius_m: float | None = None) -> BaseGeometry:
    """The ground that a flawless drawing covers: itself, or the circle about a Point."""
    if geometry["type"] == "Point":
        assert radius_m is not None
        longitude, latitude = geometry["coordinates"]
        return circle(longitude, latitude, radius_m)
    # GEOS reads the text five times faster than Python builds the rings, and to the same doubles.
    return shapely.from_geojson(msgspec.json.encode(geometry))


def flaws(geometry: Any) -> list[Flaw]:
    """What is wrong with a Polygon or MultiPolygon in GeoJSON; nothing, if PostGIS will take it as it is."""
    if not isinstance(geometry, Mapping) or geometry.get("type") not in list(_RINGS_OF):
        return [Flaw((), "is not a Polygon or MultiPolygon", "Send GeoJSON: {type, coordinates}.")]
    if set(geometry) != {"type", "coordinates"}:
        return [_OTHER_MEMBERS]
    coordinates = geometry["coordinates"]
    if (wrong := _nesting_flaw(geometry["type"], coordinates)) is not None:
        return [wrong]
    rings = list(_RINGS_OF[geometry["type"]](coordinates))
    vertices = sum(len(ring) for _, ring in rings)
    if vertices > MOST_VERTICES:
        what = f"has {vertices} vertices, and {MOST_VERTICES} are the most"
        return [Flaw(("coordinates",), what, "Simplify the shape; a metre less of detail does no harm.")]
    found = list(islice((flaw for path, ring in rings for flaw in _ring_flaws(path, ring)), MOST_FLAWS))
    return found or _shape_flaws(shape(normalised(geometry)))


def normalised(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """A flawless geometry as it is kept: the numbers as they were sent, altitudes left out."""
    levels = _LEVELS[geometry["type"]]
    return {"type": geometry["type"], "coordinates": _without_altitude(geometry["coordinates"], levels)}


def centre(geometry: BaseGeometry) -> tuple[float, float]:
    """Longitude and latitude of a geometry's centroid."""
    point = geometry.centroid
    return point.x, point.y


def far_flaw(
    place: tuple[float, float], others: tuple[float, float] | None, path: tuple[str | int, ...]
) -> list[Flaw]:
    """Whether something lies implausibly far from the rest of its site; both are (longitude, latitude)."""
    if others is None:
        return []
    distance = distance_m(*place, *others)
    if distance <= FARTHEST_M:
        return []
    what = (
        f"lies {distance / 1000:.0f} km from the rest of the site, around [{others[0]:.4f}, {others[1]:.4f}]"
    )
    return [Flaw(path, what, SWAPPED)]


def position_flaws(path: tuple[str | int, ...], position: Any) -> list[Flaw]:
    """What is wrong with one [longitude, latitude] or [longitude, latitude, altitude]."""
    if not isinstance(position, list) or len(position) not in {2, 3} or not all(map(_is_number, position)):
        return [Flaw(path, "is not a position of two numbers", "Send [longitude, latitude].")]
    longitude, latitude = position[:2]
    if 180 < abs(longitude) <= 190 and abs(latitude) <= 90:
        what = f"longitude {longitude} lies across the antimeridian"
        return [Flaw(path, what, "Draw one zone on each side of it, longitudes being -180 to 180.")]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return [Flaw(path, f"[{longitude}, {latitude}] is not on earth", SWAPPED)]
    if abs(latitude) > LARGEST_LATITUDE:
        what = f"latitude {latitude} is too near to a pole for distances to be measured on a plane"
        return [Flaw(path, what, _KEEP_LATITUDES)]
    return []


def _is_number(value: Any) -> bool:
    """Not true, not NaN, not infinite, and no integer of a hundred digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


Path = tuple[str | int, ...]
Rings = Iterator[tuple[Path, list[Any]]]


def _rings_of_polygon(polygon: list[Any], path: Path = ("coordinates",)) -> Rings:
    for number, ring in enumerate(polygon):
        yield (*path, number), ring


def _rings_of_multipolygon(polygons: list[Any]) -> Rings:
    for number, polygon in enumerate(polygons):
        yield from _rings_of_polygon(polygon, ("coordinates", number))


_RINGS_OF: Mapping[str, Callable[[list[Any]], Rings]] = {
    "Polygon": _rings_of_polygon,
    "MultiPolygon": _rings_of_multipolygon,
}


def _nesting_flaw(kind: str, coordinates: Any) -> Flaw | None:
    """Whether the coordinates are arrays down to the rings, none of them empty."""
    polygons = [coordinates] if kind == "Polygon" else coordinates
    is_sound = _is_filled(polygons) and all(
        _is_filled(polygon) and all(_is_filled(ring) for ring in polygon) for polygon in polygons
    )
    if is_sound:
        return None
    levels = "[ring, ...]" if kind == "Polygon" else "[[ring, ...], ...]"
    return Flaw(
        ("coordinates",), f"does not nest as a {kind} does", f"Send {levels}, a ring being [position, ...]."
    )


def _is_filled(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _ring_flaws(path: Path, ring: list[Any]) -> Iterator[Flaw]:
    sound = True
    for number, position in enumerate(ring):
        for flaw in position_flaws((*path, number), position):
            sound = False
            yield flaw
    if not sound:
        return
    if len(ring) < 4:
        yield Flaw(path, f"has {len(ring)} positions", "Send four or more; the last repeats the first.")
    elif ring[0][:2] != ring[-1][:2]:
        yield Flaw(path, "is not closed", "Repeat the first position as the last.")


def _shape_flaws(geometry: BaseGeometry) -> list[Flaw]:
    west, _, east, _ = geometry.bounds
    if east - west > 180:
        what = "is wider than 180 degrees: it seems to cross the antimeridian"
        return [Flaw(("coordinates",), what, "Draw one zone on each side of it.")]
    if geometry.is_valid:
        return []
    reason, place = _reason(shapely.is_valid_reason(geometry))
    return [Flaw(("coordinates",), f"{reason}{place}", _NO_CROSSING)]


def unsound_flaw(reason: str, longitude: float, latitude: float, *, path: Path = ("geometry",)) -> Flaw:
    """What the database found wrong with a shape that seemed sound here."""
    return Flaw((*path, "coordinates"), f"{reason} at [{longitude:g}, {latitude:g}]", _NO_CROSSING)


_REASON = re.compile(r"(.+?)\[(\S+) (\S+)\]")


def _reason(said: str) -> tuple[str, str]:
    """`Self-intersection[4.9 52.37]` -> ("Self-intersection", " at [4.9, 52.37]")"""
    found = _REASON.fullmatch(said)
    return (found[1], f" at [{found[2]}, {found[3]}]") if found else (said, "")


def _without_altitude(coordinates: Any, levels: int) -> Any:
    if levels == 1:
        return coordinates[:2]
    return [_without_altitude(part, levels - 1) for part in coordinates]
