"""Reads the recordings of the Indoor Location Competition 2.0, as they come.

SITE/<floor>/floor_info.json             {"map_info": {"width": ..., "height": ...}} in metres
SITE/<floor>/geojson_map.json            the floor's outline is the first feature
SITE/<floor>/path_data_files/<walk>.txt  lines of columns parted by tabs, the first two being Unix time in
                                         milliseconds and the kind; of the kinds these two are read:
    TYPE_WAYPOINT  x  y                  metres from the outline's lower left corner
    TYPE_BEACON    uuid  major  minor  tx power  rssi  distance  mac  the time again

Positions are on a Web Mercator map that was scaled to the floor's metres: x and y are shares of its width and
height, whatever a metre of the map is there.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely import GeometryType, get_type_id, transform
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from simulators.survey import Recorded, Waypoint

RECORDINGS = "path_data_files"
MOST_TOLD = 20  # malformed lines told one by one; nobody reads more


class ConvertError(Exception):
    """The folder does not hold such recordings; the message says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A floor's metres on the map. `west`...`north`: the outline's bounds in degrees."""

    west: float
    south: float
    east: float
    north: float
    width_m: float
    height_m: float

    def degrees(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Longitude and latitude."""
        bottom, top = mercator(self.south), mercator(self.north)
        longitude = self.west + x_m / self.width_m * (self.east - self.west)
        return longitude, latitude(bottom + y_m / self.height_m * (top - bottom))

    def metres(self, longitude: float, degrees_north: float) -> tuple[float, float]:
        bottom, top = mercator(self.south), mercator(self.north)
        x_m = (longitude - self.west) / (self.east - self.west) * self.width_m
        return x_m, (mercator(degrees_north) - bottom) / (top - bottom) * self.height_m

    def to_metres(self, geometry: BaseGeometry) -> BaseGeometry:
        return transform(geometry, lambda points: [self.metres(*point) for point in points])

    def to_degrees(self, geometry: BaseGeometry) -> BaseGeometry:
        return transform(geometry, lambda points: [self.degrees(*point) for point in points])


def mercator(latitude_deg: float) -> float:
    """The height of a latitude on a Mercator map of radius 1: 0 at the equator, 0.5493 at 30 degrees."""
    return math.asinh(math.tan(math.radians(latitude_deg)))


def latitude(height: float) -> float:
    return math.degrees(math.atan(math.sinh(height)))


@dataclass(frozen=True, slots=True)
class Floor:
    name: str
    frame: Frame
    outline: BaseGeometry
    features: tuple[dict[str, Any], ...]
    recordings: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One walk, in order of time, as files are not quite."""

    trace: str
    way: tuple[Waypoint, ...]
    sightings: tuple[Recorded, ...]
    malformed: tuple[str, ...]  # what is wrong with lines that were left out, each with its file and number


def site_folders(folder: Path) -> tuple[Path, ...]:
    """The sites in a folder, or the folder itself where floors are in it."""
    if not folder.is_dir():
        raise ConvertError(f"{folder} is no folder; name a site's, with a folder for each floor")
    found = [folder] if any(folder.glob("*/geojson_map.json")) else []
    found = found or sorted({path.parent.parent for path in folder.glob("*/*/geojson_map.json")})
    if not found:
        raise ConvertError(f"no <floor>/geojson_map.json in {folder} or in a folder within it: no such site")
    return tuple(found)


def read_floors(site: Path) -> tuple[Floor, ...]:
    return tuple(read_floor(path.parent) for path in sorted(site.glob("*/geojson_map.json")))


def read_floor(folder: Path) -> Floor:
    plan, info = folder / "geojson_map.json", folder / "floor_info.json"
    try:
        features = tuple(_json(plan)["features"])
        outline = shape(features[0]["geometry"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ShapelyError) as error:
        raise ConvertError(f"{plan} has no outline as its first feature: {error!r}") from None
    if get_type_id(outline) not in (GeometryType.POLYGON, GeometryType.MULTIPOLYGON) or outline.is_empty:
        raise ConvertError(f"{plan}: the first feature should be the floor's outline, a polygon")
    try:
        width_m, height_m = (float(_json(info)["map_info"][side]) for side in ("width", "height"))
    except (KeyError, TypeError, ValueError) as error:
        raise ConvertError(f"{info} does not say map_info.width and map_info.height: {error!r}") from None
    if not (0 < width_m < math.inf and 0 < height_m < math.inf):
        raise ConvertError(f"{info}: a floor of {width_m} m x {height_m} m cannot be")
    west, south, east, north = outline.bounds
    frame = Frame(west, south, east, north, width_m, height_m)
    return Floor(folder.name, frame, outline, features, tuple(sorted((folder / RECORDINGS).glob("*.txt"))))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConvertError(f"{path} cannot be read as JSON: {error}") from None


def read_recording(path: Path, floor: Floor) -> Recording:
    """All that can be read; what cannot is told in `malformed`."""
    way: list[Waypoint] = []
    sightings: list[Recorded] = []
    malformed: list[str] = []
    for number, line in _lines(path):
        try:
            columns = _columns(line)
            if columns[1] == "TYPE_WAYPOINT":
                way.append(_waypoint(columns, floor))
            elif columns[1] == "TYPE_BEACON":
                sightings.append(_sighting(columns, path.stem))
        except ValueError as error:
            malformed.append(f"line {number} of {path}: {error}")
    way.sort(key=lambda each: each.t_ms)
    sightings.sort(key=lambda each: each.t_ms)
    return Recording(path.stem, tuple(way), tuple(sightings), tuple(malformed))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """With their numbers, but for the heading's, which begin with #."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not line.startswith("#"):
                    yield number, line.rstrip("\r\n")
    except OSError as error:
        raise ConvertError(f"{path} cannot be read: {error}") from None


def _columns(line: str) -> Sequence[str]:
    """A line that another one runs on in, as after a break of the recording, is neither of them."""
    columns = line.split("\t")
    if len(columns) < 2 or not columns[1].startswith("TYPE_"):
        raise ValueError("should begin with a time and a kind (TYPE_...), parted by tabs")
    if not columns[0].isdecimal():
        raise ValueError(f"the time is {columns[0]!r}, should be Unix milliseconds")
    if line.count("\tTYPE_") > 1:
        raise ValueError("two lines have run into one")
    return columns


def _waypoint(columns: Sequence[str], floor: Floor) -> Waypoint:
    if len(columns) < 4:
        raise ValueError(f"a waypoint has time, kind, x and y; here are {len(columns)} columns")
    x_m, y_m = _metres("x", columns[2]), _metres("y", columns[3])
    longitude, degrees_north = floor.frame.degrees(x_m, y_m)
    return Waypoint(int(columns[0]), floor.name, round(degrees_north, 8), round(longitude, 8))


def _metres(name: str, text: str) -> float:
    try:
        metres = float(text)
    except ValueError:
        metres = math.nan
    if not math.isfinite(metres):
        raise ValueError(f"{name} is {text!r}, should be metres")
    return metres


def _sighting(columns: Sequence[str], trace: str) -> Recorded:
    if len(columns) < 9:
        raise ValueError(
            "a beacon has time, kind, uuid, major, minor, tx power, rssi, distance and mac; "
            f"here are {len(columns)} columns"
        )
    _, _, uuid, major, minor, tx_power, rssi, _, mac = columns[:9]
    if mac.count(":") != 5:
        raise ValueError(f"the mac is {mac!r}, should be six bytes parted by colons")
    return Recorded(
        trace=trace,
        t_ms=int(columns[0]),
        identity=(uuid.lower(), _whole("major", major), _whole("minor", minor)),
        mac=mac.lower(),
        tx_power_dbm=_whole("tx power", tx_power),
        rssi_dbm=_whole("rssi", rssi),
    )


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, should be a whole number") from None
