"""Where the service would hold recorded walkers to be: its own engine on recorded sightings, without a database.

Each trace is a fresh installation. Its sightings become one ping for each second that has any, sent at that
second's end; asked for a moment, the answer is the primary zone after all pings and timers up to then.
"""

import csv
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import shapely

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration.model import Documents
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine import Catalogue, Ping, Tick, World, follow
from beacon_service.positioning.learning import Progress, learn, silently
from beacon_service.positioning.survey import SurveySighting
from beacon_service.positioning.survey_files import read_survey
from beacon_service.positioning.tables import opened
from beacon_service.visits.advance import primary
from beacon_service.visits.model import Presence
from beacon_service.zones.catalogue import Places
from beacon_service.zones.geometry import footprint
from beacon_service.zones.identities import identity_text
from beacon_service.zones.model import SiteId, ZoneKey, split_zone_key
from beacon_service.zones.radio_map import RadioMap
from simulators.recorded import WalksError

SITE = SiteId("site")
VERSION = 1


class Asked(NamedTuple):
    """A moment of a trace at which the zone is wanted."""

    trace: str
    t_ms: int


def places_of(
    zones: Path, *, survey: Path | None = None, beacons: Path | None = None, progress: Progress = silently
) -> Places:
    """The site as drawn, with its radio map or its beacons; zones go by what the file calls them."""
    features = _drawn(zones)
    floors = _floors(features, zones)
    bodies: dict[Any, Any] = {
        ("site", SITE): {"id": SITE, "name": SITE, "time_zone": "UTC", "hours": None},
    }
    for floor, level in floors.items():
        body = {"site": SITE, "id": floor, "name": floor, "level": level, "outline": None}
        bodies["floor", f"{SITE}/{floor}"] = body
    for feature in features:
        name = _named(feature, zones)
        bodies["zone", f"{SITE}/{name}"] = _zone_body(name, feature)
    if beacons is not None:
        for number, feature in enumerate(_features(beacons), start=1):
            body = _beacon_body(feature, number, beacons)
            bodies["beacon", body["id"]] = body
    radio_map = None
    if survey is not None:
        radio_map = _learned(features, floors, survey, progress)
        bodies["radio_map", SITE] = {"site": SITE, "number": 1}
    return Places().updated(Documents(VERSION, bodies), lambda _site, _number: radio_map)


def predictions(
    places: Places, walks: Mapping[str, Sequence[SurveySighting]], asked: Iterable[Asked]
) -> Iterator[tuple[Asked, ZoneKey | None]]:
    """The primary zone's key at each moment asked for, trace by trace and in order of time."""
    catalogue = Catalogue.of(VERSION, places, Programme())
    moments: dict[str, list[int]] = defaultdict(list)
    for one in asked:
        moments[one.trace].append(one.t_ms)
    for trace, times in moments.items():
        walker = _Walker(catalogue)
        pings = pings_of(walks.get(trace, ()))
        sent = [ping.at for ping in pings]
        done = 0
        for t_ms in sorted(times):
            at = _instant(t_ms)
            upto = bisect_right(sent, at)
            for ping in pings[done:upto]:
                walker.take(ping)
            done = upto
            walker.wait(at)
            yield Asked(trace, t_ms), primary(walker.presence, places)


def pings_of(sightings: Sequence[SurveySighting]) -> list[Ping]:
    """One ping for each second in which something was heard, at that second's end."""
    seconds: dict[int, list[SurveySighting]] = defaultdict(list)
    for one in sightings:
        seconds[one.t_ms // 1000].append(one)
    return [
        Ping(
            installation_key=1,
            ping_id=str(second),
            at=_instant((second + 1) * 1000),
            offset_ms=0,
            seed=0,
            received_on="",
            sightings=tuple(one.heard for one in heard),
        )
        for second, heard in sorted(seconds.items())
    ]


class _Walker:
    """One installation, followed by the engine as the service follows its phones."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.presence = Presence()

    def take(self, ping: Ping) -> None:
        self._follow(ping, ping.at)

    def wait(self, until: datetime) -> None:
        """Fire the timers that are due by then, as the worker would."""
        self._follow(Tick(installation_key=1, until_at=until, seed=0), until)

    def _follow(self, cause: Ping | Tick, now: datetime) -> None:
        installation = Installation(1, "1", 1, location=True, presence=self.presence)
        customer = Customer(1, "1", anonymous=True, attributes={}, marketing=False)
        world = World({1: installation}, {1: customer}, {}, {})
        _, changed = follow(self._catalogue, world, [cause], now)
        self.presence = changed.get(1, self.presence)


def read_asked(path: Path) -> list[Asked]:
    """The columns trace and t_ms of a CSV file, plain or packed; others are not looked at. Raises SurveyError."""
    with opened(path) as table:
        table.require("trace", "t_ms")
        return [Asked(row.trace(), row.t_ms()) for row in table.rows()]


def write_predictions(path: Path, found: Iterable[tuple[Asked, ZoneKey | None]]) -> int:
    """CSV with the columns trace, t_ms and zone, which is empty where no zone is entered; how many rows."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trace", "t_ms", "zone"])
        for asked, zone in found:
            writer.writerow([asked.trace, asked.t_ms, split_zone_key(zone)[1] if zone else ""])
            count += 1
    return count


def _learned(
    features: Sequence[Mapping[str, Any]], floors: Mapping[str, int], survey: Path, progress: Progress
) -> RadioMap:
    upwards = sorted(floors, key=lambda floor: (floors[floor], floor))
    drawn = {
        floor: [
            shapely.from_geojson(json.dumps(feature["geometry"]))
            for feature in features
            if feature["properties"].get("floor") == floor
        ]
        for floor in upwards
    }
    areas = {floor: shapely.union_all(shapes) for floor, shapes in drawn.items()}
    return learn(read_survey(survey), areas, progress)


def _features(path: Path) -> list[Mapping[str, Any]]:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WalksError(f"{path} is no GeoJSON FeatureCollection: {error}") from None
    if not isinstance(features, list) or not features:
        raise WalksError(f"{path} holds no features")
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
            raise WalksError(f"feature {number} of {path} has no properties")
    return features


def _drawn(path: Path) -> list[Mapping[str, Any]]:
    """Features of which each covers some ground."""
    features = _features(path)
    for number, feature in enumerate(features, start=1):
        try:
            shape = footprint(feature["geometry"], feature["properties"].get("radius_m"))
        except (AssertionError, KeyError, TypeError, ValueError, shapely.errors.GEOSException):
            shape = shapely.Point()
        if shape.is_empty or shape.area == 0:
            raise WalksError(
                f"feature {number} of {path} covers no ground; give it a Polygon, or a Point and the property radius_m"
            )
    return features


def _named(feature: Mapping[str, Any], path: Path) -> str:
    name = feature["properties"].get("zone") or feature.get("id")
    if name is None:
        raise WalksError(f"a feature of {path} has neither a property zone nor an id")
    return str(name)


def _floors(features: Sequence[Mapping[str, Any]], zones: Path) -> dict[str, int]:
    """The floors that zones are on, with their level: B1 is -1 and F2 is 2, where the plan beside says nothing."""
    found = sorted({str(one["properties"]["floor"]) for one in features if one["properties"].get("floor")})
    return {floor: _level(floor, zones.parent / f"floor-{floor}.geojson") for floor in found}


def _level(floor: str, plan: Path) -> int:
    digits = "".join(letter for letter in floor if letter.isdigit()) or "0"
    named = -int(digits) if floor.upper().startswith("B") else int(digits)
    if plan.exists():
        told = _features(plan)[0].get("properties", {}).get("floor_num")
        return told if isinstance(told, int) else named
    return named


def _zone_body(name: str, feature: Mapping[str, Any]) -> dict[str, Any]:
    """With what a zone of the service may say of how it is entered and left."""
    usual = {"tags": [], "priority": 0, "sensitive": False, "dwell_s": [], "enter_confirm": None}
    known = usual | {"exit_hold_s": None, "radius_m": None, "parent": None}
    properties = feature["properties"]
    told = {field: properties.get(field, default) for field, default in known.items()}
    placed = {"floor": properties.get("floor"), "geometry": feature["geometry"]}
    return {"site": SITE, "id": name, "name": name} | told | placed


def _beacon_body(feature: Mapping[str, Any], number: int, path: Path) -> dict[str, Any]:
    properties = feature["properties"]
    try:
        name, (longitude, latitude, *_) = str(feature["id"]), feature["geometry"]["coordinates"]
        identities = [identity_text(one["type"], one) for one in properties["identities"]]
    except (KeyError, TypeError, ValueError) as error:
        raise WalksError(
            f"feature {number} of {path} is no beacon with an id, a Point and the property identities: {error}"
        ) from None
    return {
        "id": name,
        "site": SITE,
        "floor": properties.get("floor"),
        "longitude": longitude,
        "latitude": latitude,
        "identities": identities,
        "tx_power_dbm": properties.get("tx_power_dbm"),
        "status": properties.get("status", "active"),
    }


def _instant(t_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=t_ms)
