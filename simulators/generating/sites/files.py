"""Reads a site from files and writes it, in the shapes that the service's imports take.

site.json            body of the site's PUT: id, name, time_zone and, if it has any, hours
floors.geojson       outlines with the properties name and level
zones.geojson        as `beacon-service export zones` writes it
beacons.geojson      as `beacon-service export beacons` writes it
walls.geojson        lines and polygons with the properties floor and loss_db: nothing that the service takes

Only zones.geojson must be there: what else is missing is guessed, and the guess is told.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from beacon_service.zones.geometry import footprint
from simulators.recorded import nautical_time_zone
from simulators.venue import Venue
from simulators.walkfiles import write_features

LARGEST_FILE_BYTES = 64_000_000
MOST_FLOORS = 200
# Zones drawn apart by a crack are still one floor.
CRACK_DEGREES = 1e-5


class SiteError(Exception):
    """The folder does not describe a site; the message says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Read:
    """A site, and in sentences what had to be guessed."""

    venue: Venue
    guesses: tuple[str, ...]


def read_site(directory: Path) -> Read:
    if not directory.is_dir():
        raise SiteError(f"{directory} is no folder; name one with zones.geojson in it")
    zones = _collection(directory / "zones.geojson", needed=True)
    beacons = _collection(directory / "beacons.geojson", needed=False)
    walls = _collection(directory / "walls.geojson", needed=False)
    guesses: list[str] = []
    shapes = _shapes(zones, directory / "zones.geojson")
    floors = _floors(directory, zones, shapes, guesses)
    site = _site(directory, shapes, guesses)
    if beacons is None:
        guesses.append(
            "there is no beacons.geojson: phones hear nothing, and only those at the door know a place"
        )
    return Read(
        Venue(
            id=site["id"],
            name=site["name"],
            time_zone=site["time_zone"],
            floors=floors,
            zones=zones,
            beacons=beacons or {"type": "FeatureCollection", "features": []},
            hours=tuple(site.get("hours") or ()),
            walls=walls,
        ),
        tuple(guesses),
    )


def write_site(directory: Path, venue: Venue) -> None:
    """The files that `read_site` reads, and beside them each floor as the body of its PUT."""
    directory.mkdir(parents=True, exist_ok=True)
    site: dict[str, Any] = {"id": venue.id, "name": venue.name, "time_zone": venue.time_zone}
    if venue.hours:
        site["hours"] = list(venue.hours)
    _write_json(directory / "site.json", site)
    outlines = [
        {
            "type": "Feature",
            "id": floor,
            "geometry": body["outline"],
            "properties": {name: value for name, value in body.items() if name != "outline"},
        }
        for floor, body in venue.floors.items()
    ]
    write_features(directory / "floors.geojson", outlines)
    write_features(directory / "zones.geojson", venue.zones["features"])
    write_features(directory / "beacons.geojson", venue.beacons["features"])
    if venue.walls is not None:
        write_features(directory / "walls.geojson", venue.walls["features"])
    (directory / "floors").mkdir(exist_ok=True)
    for floor, body in venue.floors.items():
        _write_json(directory / "floors" / f"{floor}.json", body)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _site(directory: Path, shapes: list[shapely.Geometry], guesses: list[str]) -> dict[str, Any]:
    path = directory / "site.json"
    if not path.exists():
        zone = nautical_time_zone(float(shapes[0].centroid.x))
        guesses.append(f"there is no site.json: the site is called {directory.name}, in the time zone {zone}")
        return {"id": directory.name, "name": directory.name, "time_zone": zone}
    site = _json(path)
    if not isinstance(site, dict) or not all(isinstance(site.get(name), str) for name in ("id", "time_zone")):
        raise SiteError(f"{path} should say id and time_zone, as the answer of GET /v1/sites/<id> does")
    try:
        ZoneInfo(site["time_zone"])
    except (KeyError, ValueError, OSError):
        raise SiteError(
            f"time_zone of {path} is {site['time_zone']!r}; write one such as Europe/Amsterdam"
        ) from None
    return {"name": site["id"], **site}


def _floors(
    directory: Path, zones: dict[str, Any], shapes: list[shapely.Geometry], guesses: list[str]
) -> dict[str, dict[str, Any]]:
    """Those of floors.geojson; those that only zones tell of get a level by name and the ground of their zones."""
    path = directory / "floors.geojson"
    drawn = _collection(path, needed=False)
    floors: dict[str, dict[str, Any]] = {}
    for number, feature in enumerate(drawn["features"] if drawn else (), start=1):
        properties = feature["properties"]
        if not isinstance(feature.get("id"), str) or not isinstance(properties.get("level"), int):
            raise SiteError(f"feature {number} of {path} should have an id and the property level, a number")
        _shape(feature, f"feature {number} of {path}")
        floors[feature["id"]] = {**properties, "outline": feature["geometry"]}
    on: dict[str, list[shapely.Geometry]] = {}
    for feature, shape in zip(zones["features"], shapes, strict=True):
        if feature["properties"].get("floor"):
            on.setdefault(str(feature["properties"]["floor"]), []).append(shape)
    for floor in sorted(on.keys() - floors.keys()):
        level = named_level(floor)
        outline = (
            shapely.union_all(on[floor]).buffer(CRACK_DEGREES, join_style="mitre").buffer(-CRACK_DEGREES)
        )
        floors[floor] = {"name": floor, "level": level, "outline": json.loads(shapely.to_geojson(outline))}
        guesses.append(
            f"floor {floor} has no outline: it is taken for the ground of its zones, at level {level}"
        )
    if not floors:
        raise SiteError(f"no zone of {directory} is on a floor: there is nowhere to walk; give zones a floor")
    if len(floors) > MOST_FLOORS:
        raise SiteError(f"{directory} has {len(floors)} floors, and {MOST_FLOORS} are the most")
    return floors


def named_level(floor: str) -> int:
    """`B1` is level -1, `F2` and `2` are level 2, a name without a number is the ground."""
    digits = "".join(letter for letter in floor if letter.isdecimal())[:3] or "0"
    return -int(digits) if floor.upper().startswith("B") else int(digits)


def _shapes(zones: dict[str, Any], path: Path) -> list[shapely.Geometry]:
    return [
        _shape(each, f"feature {number} of {path}") for number, each in enumerate(zones["features"], start=1)
    ]


def _shape(feature: Mapping[str, Any], where: str) -> shapely.Geometry:
    try:
        shape = footprint(feature["geometry"], feature["properties"].get("radius_m"))
    except (AssertionError, KeyError, TypeError, ValueError, shapely.errors.GEOSException):
        shape = shapely.Point()
    if shape.is_empty or shape.area == 0:
        raise SiteError(f"{where} covers no ground; give it a Polygon, or a Point and the property radius_m")
    return shape


def _collection(path: Path, *, needed: bool) -> Any:
    """Any: a FeatureCollection of which each feature has properties; None where the file may be missing and is."""
    if not path.exists() and not needed:
        return None
    content = _json(path)
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or (needed and not features):
        raise SiteError(f"{path} is no GeoJSON FeatureCollection with features in it")
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
            raise SiteError(f"feature {number} of {path} has no properties")
    return content


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise SiteError(f"{path} is larger than {LARGEST_FILE_BYTES} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SiteError(f"{path} is no JSON: {error}") from None
