"""Recordings of others into the folder that `recorded` reads: zones, plans, a survey and walks to measure with.

Recordings come without zones, so each floor is cut into squares: `<site>-<floor>-<column>-<row>`, counted
from the lower left corner of its outline.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

from shapely.geometry import Point, box, mapping
from shapely.geometry.base import BaseGeometry

from simulators.ilc import (
    MOST_TOLD,
    ConvertError,
    Floor,
    Recording,
    read_floors,
    read_recording,
    site_folders,
)
from simulators.survey import Waypoint, position_at
from simulators.walkfiles import SIGHTINGS, TRUTH, WAYPOINTS, degrees_text, write_features, write_rows

CELL_M = 25.0
# Walkers mark their place by thumb, and maps end at the middle of a wall: so far outside is still there.
BESIDE_OUTLINE_M = 2.0
SMALLEST_CELL_M2 = 25.0  # slivers at the edge, in which nobody could be told to be
TRUTH_EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Choice:
    """How walks are divided. The same seed puts a walk in the same part, whatever other walks there are."""

    dev_share: float
    seed: int
    skip_malformed: bool = False

    def is_dev(self, trace: str) -> bool:
        drawn = int.from_bytes(sha256(f"{self.seed}/{trace}".encode()).digest()[:8], "big")
        return drawn < self.dev_share * 2**64


@dataclass(frozen=True, slots=True)
class Cell:
    zone: str
    floor: str
    shape: BaseGeometry


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of one site's recordings. `malformed` are the lines left out, told one by one."""

    site: Path
    survey_walks: int
    dev_walks: int
    without_way: int
    malformed: tuple[str, ...]


def convert_ilc(
    folder: Path, out: Path, choice: Choice, tell: Callable[[str], None]
) -> tuple[Converted, ...]:
    """Each site of the folder into OUT/<site>. Nothing is written of a site with something wrong in it."""
    return tuple(_convert_site(site, out / site.name, choice, tell) for site in site_folders(folder))


def _convert_site(site: Path, out: Path, choice: Choice, tell: Callable[[str], None]) -> Converted:
    floors = read_floors(site)
    cells = {floor.name: tuple(cells_of(floor, site.name)) for floor in floors}
    recordings: list[Recording] = []
    for floor in floors:
        tell(f"{site.name}, {floor.name}: {len(floor.recordings)} recordings, {len(cells[floor.name])} zones")
        recordings += [read_recording(path, floor) for path in floor.recordings]
    malformed = tuple(told for recording in recordings for told in recording.malformed)
    if malformed and not choice.skip_malformed:
        raise ConvertError(_told(malformed))
    walks = [recording for recording in recordings if len(recording.way) > 1]
    dev = [walk for walk in walks if choice.is_dev(walk.trace)]
    survey = [walk for walk in walks if not choice.is_dev(walk.trace)]
    if not survey:
        raise ConvertError(f"no walk of {site} with two waypoints is left for the survey")
    write_features(
        out / "zones.geojson",
        [zone_feature(site.name, cell) for floor in floors for cell in cells[floor.name]],
    )
    for floor in floors:
        write_features(out / f"floor-{floor.name}.geojson", [plan_feature(each) for each in floor.features])
    _write_walks(out / "survey", survey, cells)
    _write_walks(out / "dev", dev, cells)
    return Converted(out, len(survey), len(dev), len(recordings) - len(walks), malformed)


def _told(malformed: Sequence[str]) -> str:
    more = len(malformed) - MOST_TOLD
    lines = [*malformed[:MOST_TOLD], *([f"and {more} more lines"] if more > 0 else [])]
    return "\n".join([*lines, "Mend them, or leave such lines out with --skip-malformed."])


def cells_of(floor: Floor, site: str) -> Iterator[Cell]:
    """Squares of 25 m, cut to the outline; columns from west to east, rows from south to north."""
    frame = floor.frame
    inside = frame.to_metres(floor.outline).buffer(0).buffer(BESIDE_OUTLINE_M)
    for column in range(ceil(frame.width_m / CELL_M)):
        for row in range(ceil(frame.height_m / CELL_M)):
            west, south = column * CELL_M, row * CELL_M
            cut = inside.intersection(box(west, south, west + CELL_M, south + CELL_M))
            if cut.area >= SMALLEST_CELL_M2:
                zone = f"{site}-{floor.name}-{column:02d}-{row:02d}"
                yield Cell(zone, floor.name, frame.to_degrees(cut))


def zone_feature(site: str, cell: Cell) -> dict[str, Any]:
    properties = {"site": site, "floor": cell.floor, "zone": cell.zone}
    return {"type": "Feature", "id": cell.zone, "geometry": mapping(cell.shape), "properties": properties}


def plan_feature(feature: dict[str, Any]) -> dict[str, Any]:
    """Without what the recorder's tools added beside the standard's members."""
    geometry = {name: feature["geometry"][name] for name in ("type", "coordinates")}
    return {"type": "Feature", "geometry": geometry, "properties": feature.get("properties") or {}}


def _write_walks(folder: Path, walks: Sequence[Recording], cells: dict[str, tuple[Cell, ...]]) -> None:
    sightings = (
        (row.trace, row.t_ms, *row.identity, row.mac, row.tx_power_dbm, row.rssi_dbm)
        for walk in walks
        for row in walk.sightings
    )
    write_rows(folder / "sightings.csv.gz", SIGHTINGS, sightings)
    waypoints = ((walk.trace, each.t_ms, each.floor, *_place(each)) for walk in walks for each in walk.way)
    write_rows(folder / "waypoints.csv.gz", WAYPOINTS, waypoints)
    truth = (row for walk in walks for row in _truth_rows(walk, cells))
    write_rows(folder / "truth.csv.gz", TRUTH, truth)


def _truth_rows(walk: Recording, cells: dict[str, tuple[Cell, ...]]) -> Iterator[tuple[object, ...]]:
    """Once a second from the first waypoint to the last, straight between them."""
    for t_ms in range(walk.way[0].t_ms, walk.way[-1].t_ms + 1, TRUTH_EVERY_MS):
        here = position_at(walk.way, t_ms)
        if here is not None:
            yield (walk.trace, t_ms, here.floor, zone_at(cells[here.floor], here), *_place(here))


def zone_at(cells: Sequence[Cell], here: Waypoint) -> str:
    """The cell over the place, or the nearest one: whoever walks there is somewhere."""
    point = Point(here.longitude, here.latitude)
    return min(cells, key=lambda cell: (cell.shape.distance(point), cell.zone)).zone


def _place(here: Waypoint) -> tuple[str, str]:
    return degrees_text(here.latitude), degrees_text(here.longitude)
