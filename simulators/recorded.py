"""Reads recorded walks: a folder of sites, or one site, with zones, floor plans, a survey and walks as CSV.

SITE/zones.geojson             features with the properties floor and zone
SITE/floor-<F>.geojson         the floor's outline is the first feature
SITE/survey/                   walks with waypoints, from which the beacons' places are learned
SITE/<any other folder>/       walks to be replayed; where there is none, the survey is
    sightings.csv.gz           trace,t_ms,uuid,major,minor,mac,tx_power,rssi
    waypoints.csv.gz           trace,t_ms,floor,lat,lon
    truth.csv.gz               trace,t_ms,floor,zone,lat,lon (needed only to judge)
"""

import csv
import gzip
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from simulators.survey import Placed, Recorded, Waypoint, place_beacons
from simulators.venue import Venue
from simulators.walks import Sighting, Walk, WalkPing

T = TypeVar("T")

REPLAY_S = 155  # the whole crowd, so that with what follows the last walk it stays within three minutes
TRUTH_WITHIN_MS = 1_500  # truth is told once a second
USUAL_TX_POWER_DBM = -59  # where nothing believable was advertised


class WalksError(Exception):
    """The folder does not hold recorded walks; the message says what is missing or wrong, and where."""


def site_directories(directory: Path) -> tuple[Path, ...]:
    """The sites in a folder, or the folder itself where it is one."""
    if not directory.is_dir():
        raise WalksError(f"{directory} is no folder; name one with recorded walks, with zones.geojson in it")
    found = [directory] if (directory / "zones.geojson").exists() else []
    found = found or sorted(path.parent for path in directory.glob("*/zones.geojson"))
    if not found:
        raise WalksError(f"no zones.geojson in {directory} or in a folder within it: no recorded walks there")
    return tuple(found)


def read_venue(site: Path) -> Venue:
    """The site with its zones as drawn and its beacons as the survey places them."""
    zones = [zone_feature(feature, site) for feature in read_features(site / "zones.geojson")]
    rows, ways = tuple(read_sightings(site / "survey")), read_ways(site / "survey")
    placed = place_beacons(rows, ways)
    floors = {path.stem.removeprefix("floor-"): path for path in sorted(site.glob("floor-*.geojson"))}
    west = zones[0]["geometry"]["coordinates"]
    while isinstance(west, list):
        west = west[0]
    return Venue(
        id=site.name,
        name=f"{site.name}, as recorded",
        time_zone=nautical_time_zone(west),
        floors={floor: floor_body(floor, path) for floor, path in floors.items()},
        zones={"type": "FeatureCollection", "features": zones},
        beacons={
            "type": "FeatureCollection",
            "features": [beacon_feature(each, site.name) for each in placed],
        },
        survey=survey_walks(rows, ways),
    )


def survey_walks(
    rows: Sequence[Recorded], ways: Mapping[str, Sequence[Waypoint]]
) -> tuple[dict[str, Any], ...]:
    """The survey as the API takes it, walk by walk."""
    heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        uuid, major, minor = row.identity
        identity = {"uuid": uuid, "major": major, "minor": minor, "mac": row.mac}
        levels = {"tx_power": row.tx_power_dbm, "rssi": row.rssi_dbm}
        heard[row.trace].append({"t_ms": row.t_ms} | identity | levels)
    return tuple(
        {
            "trace": trace,
            "waypoints": [
                {"t_ms": each.t_ms, "floor": each.floor, "lat": each.latitude, "lon": each.longitude}
                for each in way
            ],
            "sightings": heard[trace],
        }
        for trace, way in sorted(ways.items())
    )


def read_walks(site: Path) -> tuple[Walk, ...]:
    """Every recorded walk but the survey's as one phone's walk, started one after the other."""
    folders = sorted(path.parent for path in site.glob("*/sightings.csv.gz"))
    walked = [folder for folder in folders if folder.name != "survey"] or folders
    by_trace: dict[str, list[Recorded]] = defaultdict(list)
    truth: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for folder in walked:
        for row in read_sightings(folder):
            by_trace[row.trace].append(row)
        for trace, told in read_truth(folder, site.name).items():
            truth[trace] += told
    if not by_trace:
        raise WalksError(f"no sightings.csv.gz with a row in a folder of {site}: no walks to replay")
    pings = [pings_of(by_trace[trace], sorted(truth[trace])) for trace in sorted(by_trace)]
    starts = staggered([each[-1].after_s for each in pings])
    return tuple(
        Walk(label=f"walker {number}", starts_after_s=start, pings=each)
        for number, (start, each) in enumerate(zip(starts, pings, strict=True), start=1)
    )


def staggered(lasts_s: Sequence[float]) -> list[float]:
    """Starts spread evenly over the time that each walk leaves; one that leaves none begins at once."""
    return [
        round(max(0.0, REPLAY_S - lasts) * number / len(lasts_s), 3) for number, lasts in enumerate(lasts_s)
    ]


def pings_of(rows: Sequence[Recorded], truth: Sequence[tuple[int, str]]) -> tuple[WalkPing, ...]:
    """One ping for each second in which something was heard, at that second's end."""
    seconds: dict[int, list[Recorded]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: each.t_ms):
        seconds[row.t_ms // 1000].append(row)
    first = min(seconds)
    return tuple(
        WalkPing(
            after_s=float(second - first + 1),
            sightings=tuple(sighting_of(row) for row in heard),
            truth=truth_at(truth, (second + 1) * 1000),
        )
        for second, heard in sorted(seconds.items())
    )


def sighting_of(row: Recorded) -> Sighting:
    uuid, major, minor = row.identity
    return Sighting(uuid, major, minor, row.rssi_dbm, mac=row.mac, tx_power_dbm=row.tx_power_dbm)


def truth_at(truth: Sequence[tuple[int, str]], t_ms: int) -> str | None:
    """The zone told nearest in time, if near enough."""
    index = bisect_left(truth, (t_ms, ""))
    near = truth[max(0, index - 1) : index + 1]
    told = min(near, key=lambda each: abs(each[0] - t_ms), default=None)
    return told[1] if told and abs(told[0] - t_ms) <= TRUTH_WITHIN_MS else None


def nautical_time_zone(longitude: float) -> str:
    """Recordings name none, the sun does: 120 degrees east is Etc/GMT-8 (the sign is POSIX's, reversed)."""
    hours = round(longitude / 15)
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"


def zone_feature(feature: Mapping[str, Any], site: Path) -> dict[str, Any]:
    """Tagged `any` and by floor, since recorded zones carry no marketer's tags."""
    properties = feature["properties"]
    if "zone" not in properties or "floor" not in properties:
        raise WalksError(f"a feature of {site / 'zones.geojson'} lacks the property zone or floor")
    zone, floor = properties["zone"], properties["floor"]
    name = properties.get("name") or zone.removeprefix(f"{site.name}-")
    tagged = {"name": name, "floor": floor, "tags": ["any", floor_tag(floor)]}
    return {"type": "Feature", "id": zone, "geometry": feature["geometry"], "properties": tagged}


def floor_tag(floor: str) -> str:
    return f"floor-{floor}"


def floor_body(floor: str, path: Path) -> dict[str, Any]:
    """`B1` is level -1, `F2` is level 2, unless the plan says otherwise."""
    plan = read_features(path)[0]
    digits = "".join(letter for letter in floor if letter.isdigit()) or "0"
    named = -int(digits) if floor.upper().startswith("B") else int(digits)
    level = plan["properties"].get("floor_num")
    return {"name": floor, "level": level if isinstance(level, int) else named, "outline": plan["geometry"]}


def beacon_feature(placed: Placed, site: str) -> dict[str, Any]:
    identities: list[dict[str, Any]] = [{"type": "mac", "mac": placed.mac}]
    if placed.identity:
        uuid, major, minor = placed.identity
        identities.append({"type": "ibeacon", "uuid": uuid, "major": major, "minor": minor})
    return {
        "type": "Feature",
        "id": f"{site}:{placed.mac}",
        "geometry": {"type": "Point", "coordinates": [placed.longitude, placed.latitude]},
        "properties": {
            "floor": placed.floor,
            "identities": identities,
            "tx_power_dbm": placed.tx_power_dbm or USUAL_TX_POWER_DBM,
            "status": "active",
        },
    }


def read_features(path: Path) -> list[dict[str, Any]]:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WalksError(f"{path} is no GeoJSON FeatureCollection: {error}") from None
    if not isinstance(features, list) or not features:
        raise WalksError(f"{path} holds no features")
    return features


def read_sightings(folder: Path) -> Iterator[Recorded]:
    yield from read_rows(folder / "sightings.csv.gz", recorded_of)


def recorded_of(row: Mapping[str, str]) -> Recorded:
    return Recorded(
        trace=row["trace"],
        t_ms=int(row["t_ms"]),
        identity=(row["uuid"], int(row["major"]), int(row["minor"])),
        mac=row["mac"],
        tx_power_dbm=int(row["tx_power"]),
        rssi_dbm=int(row["rssi"]),
    )


def read_ways(folder: Path) -> dict[str, list[Waypoint]]:
    ways: dict[str, list[Waypoint]] = defaultdict(list)
    for trace, waypoint in read_rows(folder / "waypoints.csv.gz", waypoint_of):
        ways[trace].append(waypoint)
    for way in ways.values():
        way.sort(key=lambda waypoint: waypoint.t_ms)
    return ways


def waypoint_of(row: Mapping[str, str]) -> tuple[str, Waypoint]:
    return row["trace"], Waypoint(int(row["t_ms"]), row["floor"], float(row["lat"]), float(row["lon"]))


def read_truth(folder: Path, site: str) -> dict[str, list[tuple[int, str]]]:
    """When and in which zone each walker was ("site/zone"); nothing where the file is missing."""
    path = folder / "truth.csv.gz"
    truth: dict[str, list[tuple[int, str]]] = defaultdict(list)
    if path.exists():
        for trace, told in read_rows(path, lambda row: (row["trace"], (int(row["t_ms"]), row["zone"]))):
            if told[1]:
                truth[trace].append((told[0], f"{site}/{told[1]}"))
    return truth


def read_rows(path: Path, parse: Callable[[Mapping[str, str]], T]) -> Iterator[T]:
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                try:
                    yield parse(row)
                except (KeyError, TypeError, ValueError) as error:
                    raise WalksError(f"line {number} of {path} is no row of a walk: {error}") from None
    except (OSError, EOFError) as error:
        raise WalksError(f"{path} cannot be read: {error}") from None
