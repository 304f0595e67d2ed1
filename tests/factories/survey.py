"""A small survey of the shop: walks to and fro over one floor on which some beacons are heard."""

import math

from beacon_service.geo import METRES_PER_DEGREE
from tests.factories.catalogue import IBEACON_UUID, place

SIGHTINGS = ("trace", "t_ms", "uuid", "major", "minor", "mac", "tx_power", "rssi")
WAYPOINTS = ("trace", "t_ms", "floor", "lat", "lon")

# (column, row) on the shop's grid: steps of 6.8 m east and 11.1 m north.
BEACONS = {1: (0.5, 0.3), 2: (2.0, 0.7), 3: (3.5, 0.3), 4: (1.2, 0.9)}
BEGINS_MS = 1_772_442_000_000
WALK_S = 60


def survey_body(*, walks=2, floor="ground", begins_ms=BEGINS_MS, columns=4.0):
    """What is sent: each walk goes from west to east in its own row."""
    return {"walks": [_walk(number, walks, floor, begins_ms, columns) for number in range(walks)]}


def write_survey(directory, **survey):
    """The same survey as files."""
    directory.mkdir(parents=True, exist_ok=True)
    walks = survey_body(**survey)["walks"]
    for name, columns in (("sightings", SIGHTINGS), ("waypoints", WAYPOINTS)):
        rows = [
            ",".join(str(({"trace": walk["trace"]} | row)[column]) for column in columns)
            for walk in walks
            for row in walk[name]
        ]
        (directory / f"{name}.csv").write_text("\n".join([",".join(columns), *rows]) + "\n")
    return directory


def _walk(number, walks, floor, begins_ms, columns):
    begins = begins_ms + number * 120_000
    row = (number + 0.5) / walks
    marks = [(0, 0.0), (WALK_S // 2, columns / 2), (WALK_S, columns)]
    waypoints = [_waypoint(begins + second * 1000, floor, column, row) for second, column in marks]
    sightings = [
        _sighting(begins + second * 1000 + minor, minor, (columns * second / WALK_S, row))
        for second in range(WALK_S)
        for minor in BEACONS
    ]
    return {"trace": f"walk-{number + 1}", "waypoints": waypoints, "sightings": sightings}


def _waypoint(t_ms, floor, column, row):
    longitude, latitude = place(column, row)
    return {"t_ms": t_ms, "floor": floor, "lat": round(latitude, 7), "lon": round(longitude, 7)}


def _sighting(t_ms, minor, at):
    """20 dB a decade; noise that is the same each time."""
    (longitude, latitude), (other_longitude, other_latitude) = place(*at), place(*BEACONS[minor])
    east = (longitude - other_longitude) * METRES_PER_DEGREE * math.cos(math.radians(latitude))
    north = (latitude - other_latitude) * METRES_PER_DEGREE
    level = -59 - 20 * math.log10(max(1.0, math.hypot(east, north))) + t_ms // 1000 % 5 - 2
    heard = {"uuid": IBEACON_UUID, "major": 1, "minor": minor, "mac": f"ac:23:3f:00:00:{minor:02x}"}
    return {"t_ms": t_ms} | heard | {"tx_power": -59, "rssi": round(level)}
