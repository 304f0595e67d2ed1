"""The mall of `beacon-sim generate-site` as a site to walk in: the same plan, the same beacons."""

from simulators.generating.sites.drawing import OPEN, collection
from simulators.mall import plan
from simulators.mall.drawings import beacon_feature, outline, room_feature
from simulators.mall.write import hang_beacons
from simulators.venue import Venue

MALL = "mall"
# At the south end of the hall, on the lowest floor.
DOOR_M = (36, 0, 44, 4)
GEOFENCE_M = (-20, -20, plan.WIDTH_M + 20, plan.DEPTH_M + 20)


def mall(seed: int) -> Venue:
    """Three floors of 48 shops each; its beacons hang as `generate-site` hangs them with this seed."""
    zones = [room_feature(MALL, floor, room) for floor in plan.FLOORS for room in plan.ROOMS]
    named = [_without_site(zone) for zone in zones]
    lowest = plan.FLOORS[0]
    return Venue(
        id=MALL,
        name="Mall",
        time_zone="Europe/Amsterdam",
        floors={
            floor: {"name": floor, "level": number, "outline": outline()}
            for number, floor in enumerate(plan.FLOORS, start=1)
        },
        zones=collection(
            [
                *named,
                _zone("entrance", "Entrance", lowest, DOOR_M, "entrance"),
                _zone("surroundings", "Mall and surroundings", None, GEOFENCE_M, "geofence"),
            ]
        ),
        beacons=collection([beacon_feature(MALL, beacon) for beacon in hang_beacons(seed)]),
        hours=tuple(OPEN),
        walls=collection([_wall(wall, floor) for floor in plan.FLOORS for wall in plan.walls()]),
    )


def _without_site(feature: dict[str, object]) -> dict[str, object]:
    properties = feature["properties"]
    assert isinstance(properties, dict)
    kept = {name: value for name, value in properties.items() if name not in {"site", "zone"}}
    return {**feature, "properties": kept}


def _zone(
    name: str, title: str, floor: str | None, box: tuple[float, float, float, float], tag: str
) -> dict[str, object]:
    placed = {"floor": floor} if floor else {}
    properties = {"name": title, **placed, "tags": [tag]}
    return {
        "type": "Feature",
        "id": f"{MALL}-{name}",
        "geometry": outline(*box),
        "properties": properties,
    }


def _wall(wall: plan.Wall, floor: str) -> dict[str, object]:
    ends = [(wall.at, along) if wall.upright else (along, wall.at) for along in (wall.start, wall.end)]
    line = {"type": "LineString", "coordinates": [list(plan.place(*end)) for end in ends]}
    return {"type": "Feature", "geometry": line, "properties": {"floor": floor, "loss_db": wall.loss_db}}
