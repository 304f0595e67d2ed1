"""A place to walk in and to load into the service: site, floors, zones, beacons, in the API's own shapes.

The GeoJSON stays as it is written, because it is sent as it is; what walkers and displays ask of it is
computed beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely import prepare
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str
    floor: str | None
    tags: frozenset[str]
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Beacon:
    id: str
    floor: str
    longitude: float
    latitude: float
    uuid: str
    major: int
    minor: int
    mac: str | None
    tx_power_dbm: int


@dataclass(frozen=True, slots=True)
class Venue:
    """`floors`: id -> body of its PUT. `zones`, `beacons`: FeatureCollections as their imports take them.

    `survey`: walks as a survey's POST takes them; none where the beacons' places are known. `hours`: of the site's PUT;
    none where it is always open. `walls`: a FeatureCollection of lines and polygons that stop people and weaken radio,
    with the properties floor and loss_db; None where nobody drew any.
    """

    id: str
    name: str
    time_zone: str
    floors: Mapping[str, dict[str, Any]]
    zones: dict[str, Any]
    beacons: dict[str, Any]
    survey: tuple[dict[str, Any], ...] = ()
    hours: tuple[dict[str, Any], ...] = ()
    walls: dict[str, Any] | None = None

    def floors_upward(self) -> list[str]:
        return sorted(self.floors, key=lambda floor: (self.floors[floor]["level"], floor))

    def zone_list(self) -> tuple[Zone, ...]:
        return tuple(zone_of(feature) for feature in self.zones["features"])

    def beacon_list(self) -> tuple[Beacon, ...]:
        return tuple(beacon_of(feature) for feature in self.beacons["features"])


def zone_of(feature: Mapping[str, Any]) -> Zone:
    properties = feature["properties"]
    geometry = shape(feature["geometry"])
    prepare(geometry)
    return Zone(
        id=feature["id"],
        name=properties["name"],
        floor=properties.get("floor"),
        tags=frozenset(properties.get("tags", ())),
        geometry=geometry,
    )


def beacon_of(feature: Mapping[str, Any]) -> Beacon:
    properties = feature["properties"]
    longitude, latitude = feature["geometry"]["coordinates"]
    identities = {identity["type"]: identity for identity in properties["identities"]}
    ibeacon = identities["ibeacon"]
    return Beacon(
        id=feature["id"],
        floor=properties["floor"],
        longitude=longitude,
        latitude=latitude,
        uuid=ibeacon["uuid"],
        major=ibeacon["major"],
        minor=ibeacon["minor"],
        mac=identities.get("mac", {}).get("mac"),
        tx_power_dbm=properties["tx_power_dbm"],
    )


def deepest_zone(zones: tuple[Zone, ...], floor: str | None, longitude: float, latitude: float) -> str | None:
    """The smallest zone that holds the point: where zones nest, the deepest. Geofences hold on each floor."""
    point = Point(longitude, latitude)
    holding = [zone for zone in zones if zone.floor in (None, floor) and zone.geometry.covers(point)]
    return min(holding, key=lambda zone: (zone.geometry.area, zone.id)).id if holding else None


def load_venue(directory: Path) -> Venue:
    """The place described by site.json and the floors, zones and beacons .geojson beside it."""
    site = json.loads((directory / "site.json").read_text(encoding="utf-8"))
    layers = {
        name: json.loads((directory / f"{name}.geojson").read_text(encoding="utf-8"))
        for name in ("floors", "zones", "beacons")
    }
    floors = {
        feature["id"]: feature["properties"] | {"outline": feature["geometry"]}
        for feature in layers["floors"]["features"]
    }
    return Venue(
        id=site["id"],
        name=site["name"],
        time_zone=site["time_zone"],
        floors=floors,
        zones=layers["zones"],
        beacons=layers["beacons"],
    )
