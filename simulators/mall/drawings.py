"""The mall as GeoJSON: zones, floor plans and beacons, in the properties that imports and recorded walks use."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulators.mall import plan
from simulators.mall.air import USUAL_POWER_DBM, Beacon
from simulators.walkfiles import write_features

UUID = "5e1f0c7a-6a3d-4d0f-9a57-2b8c1d4e7f30"


def write_beacons(site: Path, beacons: Iterable[Beacon]) -> None:
    write_features(site / "beacons.geojson", [beacon_feature(site.name, each) for each in beacons])


def write_plans(site: Path) -> None:
    write_features(
        site / "zones.geojson",
        [room_feature(site.name, floor, room) for floor in plan.FLOORS for room in plan.ROOMS],
    )
    for number, floor in enumerate(plan.FLOORS, start=1):
        properties = {"name": floor, "category": "floor", "floor_num": number}
        whole = {"type": "Feature", "geometry": outline(), "properties": properties}
        write_features(site / f"floor-{floor}.geojson", [whole, *(plan_feature(room) for room in plan.ROOMS)])


def room_feature(site: str, floor: str, room: plan.Room) -> dict[str, Any]:
    zone = plan.zone_id(site, floor, room)
    properties = {"site": site, "floor": floor, "zone": zone, "name": _name(room), "tags": [room.kind]}
    return {"type": "Feature", "id": zone, "geometry": _room_box(room), "properties": properties}


def plan_feature(room: plan.Room) -> dict[str, Any]:
    properties = {"name": _name(room), "category": room.kind}
    return {"type": "Feature", "geometry": _room_box(room), "properties": properties}


def outline(
    west: float = 0, south: float = 0, east: float = plan.WIDTH_M, north: float = plan.DEPTH_M
) -> dict[str, Any]:
    """Of a floor, or another box of the plan."""
    return _box(west, south, east, north)


def _name(room: plan.Room) -> str:
    return room.id.replace("-", " ").capitalize()


def _room_box(room: plan.Room) -> dict[str, Any]:
    return _box(room.west, room.south, room.east, room.north)


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return {"type": "Polygon", "coordinates": [[list(plan.place(*corner)) for corner in corners]]}


def beacon_feature(site: str, beacon: Beacon) -> dict[str, Any]:
    """As the import of beacons takes it. The calibrated power is the make's, not each one's own."""
    identities = [
        {"type": "mac", "mac": beacon.mac},
        {"type": "ibeacon", "uuid": UUID, "major": beacon.level + 1, "minor": beacon.minor},
    ]
    return {
        "type": "Feature",
        "id": f"{site}-{beacon.id}",
        "geometry": {"type": "Point", "coordinates": list(plan.place(beacon.x, beacon.y))},
        "properties": {
            "floor": plan.FLOORS[beacon.level],
            "identities": identities,
            "tx_power_dbm": USUAL_POWER_DBM,
            "status": "active",
        },
    }
