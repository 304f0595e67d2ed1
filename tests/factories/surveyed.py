"""A surveyed corridor: 60 m by 6 m on two floors, through three wings on each; eight transmitters, and who walks there.

Metres count from the south-western corner. Levels fall by the logarithm of the distance, with noise of a seed.
"""

import csv
import math
from random import Random

from shapely.geometry import box

from beacon_service.geo import METRES_PER_DEGREE, distance_m
from beacon_service.positioning.learning import learn
from beacon_service.positioning.locate import Remembered, locate_all, sense
from beacon_service.positioning.survey import SurveySighting, SurveyWalk, Waypoint
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Identity, Sighting
from tests.factories.catalogue import IBEACON_UUID, SOUTH, WEST, documents, floor_document, zone_document
from tests.factories.presence import at

LENGTH_M, WIDTH_M = 60.0, 6.0
FLOORS = ("ground", "first")
# The corridor leads through the middle of each; from their south to their north.
WINGS, WING_M, WINGS_REACH_M = ("west", "middle", "east"), 20.0, (-7.0, 13.0)
# (floor number, metres east, metres north): four on each floor, those above not right over those below.
TRANSMITTERS = {
    number: (level, 7.5 + 15 * column + 5 * level, 1.0 + 4.0 * (column % 2))
    for number, (level, column) in enumerate((level, column) for level in (0, 1) for column in range(4))
}
SLAB_DB, FAINTEST_DBM, NOISE_DB = 18.0, -97.0, 4.0
BEGINS_MS = 1_772_442_000_000
DAY_MS = 24 * 3_600_000


def spot(x_m, y_m):
    """(longitude, latitude)"""
    east = METRES_PER_DEGREE * math.cos(math.radians(SOUTH))
    return WEST + x_m / east, SOUTH + y_m / METRES_PER_DEGREE


def rectangle(west, east, south=WINGS_REACH_M[0], north=WINGS_REACH_M[1]):
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[list(spot(*corner)) for corner in corners]]}


def areas(reach_m=0.0):
    """The corridor on both floors, and what is drawn so far around it."""
    corners = spot(-reach_m, -reach_m), spot(LENGTH_M + reach_m, WIDTH_M + reach_m)
    return {floor: box(*corners[0], *corners[1]) for floor in FLOORS}


def ibeacon(number):
    return Identity(f"ibeacon:{IBEACON_UUID}:1:{number}")


def mac(number):
    return Identity(f"mac:ac:23:3f:00:00:{number:02x}")


def level_dbm(number, level, x_m, y_m):
    """-59 at 1 m, 26 dB a decade."""
    hangs_on, east, north = TRANSMITTERS[number]
    away_m = math.hypot(x_m - east, y_m - north, 2.0)
    return -59 - 26 * math.log10(away_m) - SLAB_DB * abs(level - hangs_on)


def hearing(random, level, x_m, y_m, *, noise_db=NOISE_DB, louder_db=0.0):
    """What a phone hears there in one second: up to five, of each address and what it advertises."""
    found = []
    for number in TRANSMITTERS:
        rssi = level_dbm(number, level, x_m, y_m) + random.gauss(0, noise_db)
        if rssi > FAINTEST_DBM and random.random() < 0.6:
            found.append(Sighting(ibeacon(number), mac(number), round(rssi + louder_db)))
    return tuple(random.sample(found, min(5, len(found))))


def walk(trace, level, row_m, *, begins_ms=BEGINS_MS, back=False, seed=0, hear=hearing):
    """From one end of a floor to the other at 1 m/s."""
    random = Random(f"{trace}/{seed}")
    ends = [(LENGTH_M, row_m), (0.0, row_m)] if back else [(0.0, row_m), (LENGTH_M, row_m)]
    waypoints = [
        Waypoint(begins_ms + second * 1000, FLOORS[level], *spot(*end))
        for second, end in zip((0, int(LENGTH_M)), ends, strict=True)
    ]
    sightings = [
        SurveySighting(begins_ms + second * 1000 + 500, one)
        for second in range(int(LENGTH_M))
        for one in hear(random, level, LENGTH_M - second - 0.5 if back else second + 0.5, row_m)
    ]
    return SurveyWalk(trace, waypoints, sightings)


def survey(hear=hearing):
    """Eight walks, to and fro in two rows on each floor, a quarter of an hour apart."""
    ways = [(level, row, back) for level in (0, 1) for row in (1.5, 4.5) for back in (False, True)]
    return [
        walk(f"walk-{number}", level, row, begins_ms=BEGINS_MS + number * 900_000, back=back, hear=hear)
        for number, (level, row, back) in enumerate(ways)
    ]


def wings():
    """Three on each floor, side by side."""
    return [
        zone_document(f"{floor}-{wing}", floor=floor, geometry=rectangle(n * WING_M, (n + 1) * WING_M))
        for floor in FLOORS
        for n, wing in enumerate(WINGS)
    ]


def changed(walks, change):
    """The same walks, each sighting as `change(number of its walk, sighting)` has it; None leaves it out."""
    found = []
    for number, one in enumerate(walks):
        heard = [SurveySighting(t_ms, change(number, told)) for t_ms, told in one.sightings]
        found.append(one._replace(sightings=[told for told in heard if told.heard is not None]))
    return found


def radio_map(walks=None, *, reach_m=0.0):
    return learn(survey() if walks is None else walks, areas(reach_m))


def surveyed_places(known=None, *, zones=None, number=1, **kinds):
    """The corridor in the catalogue, located by `known`."""
    told = documents(
        floors=[floor_document(floor, level=level) for level, floor in enumerate(FLOORS)],
        zones=wings() if zones is None else zones,
        **kinds,
    )
    told.bodies["radio_map", "shop"] = {"site": "shop", "number": number}
    found = radio_map() if known is None else known
    return Places().updated(told, lambda _site, _number: found)


class Phone:
    """One phone at the corridor, asked ping by ping; what it remembers is kept in between."""

    def __init__(self, places, *, model=None, seed=1):
        self.places, self.model, self.random = places, model, Random(seed)
        self.heard, self.belief, self.seconds = (), None, 0.0

    def ping(self, sightings, *, after_s=1.0, position=None):
        self.seconds += after_s
        remembered = Remembered(self.heard, self.belief, model=self.model)
        sensed = sense(self.places, remembered, sightings, position, at(self.seconds))
        self.heard, self.belief = sensed.heard, sensed.belief
        return locate_all(self.places, [sensed])[0]

    def stand(self, level, x_m, y_m=3.0, *, pings=1, hear=hearing):
        """The answers to so many pings from one place; a second in which nothing is heard has none."""
        answers = (self.ping(hear(self.random, level, x_m, y_m)) for _ in range(pings))
        return [one for one in answers if one.source != "none"]

    def stroll(self, level, from_m, to_m, y_m=3.0, *, hear=hearing):
        """The answers on a walk at 1 m/s, each with where the phone was in truth."""
        steps = round(abs(to_m - from_m))
        ways = [from_m + (to_m - from_m) * step / steps for step in range(1, steps + 1)]
        return [(x_m, one) for x_m in ways for one in self.stand(level, x_m, y_m, hear=hear)]


def away_m(located, x_m, y_m=3.0):
    return distance_m(located.longitude, located.latitude, *spot(x_m, y_m))


def collection():
    """The wings as they are imported."""
    features = [
        {
            "type": "Feature",
            "id": zone["id"],
            "geometry": zone["geometry"],
            "properties": {"zone": zone["id"], "name": zone["id"], "floor": zone["floor"]},
        }
        for zone in wings()
    ]
    return {"type": "FeatureCollection", "features": features}


def walk_rows(walks):
    """By file, its rows: what recorded walks come in, as CSV and over HTTP."""
    waypoints = [
        {"trace": one.trace, "t_ms": p.t_ms, "floor": p.floor, "lat": p.latitude, "lon": p.longitude}
        for one in walks
        for p in one.waypoints
    ]
    sightings = [
        {"trace": one.trace, "t_ms": t_ms, "rssi": heard.rssi_dbm, "tx_power": -59}
        | {"uuid": IBEACON_UUID, "major": 1, "minor": int(heard.identity.rpartition(":")[2])}
        | {"mac": heard.mac.removeprefix("mac:")}
        for one in walks
        for t_ms, heard in one.sightings
    ]
    return {"waypoints": waypoints, "sightings": sightings}


def write_walks(folder, walks):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in walk_rows(walks).items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def walkers(count=4):
    """Who walks a day after the survey: to and fro, on both floors, in rows that no surveyor took."""
    return [
        walk(
            f"walker-{number}",
            number % 2,
            2.0 + 0.5 * number,
            begins_ms=BEGINS_MS + DAY_MS + number * 600_000,
            back=number % 4 > 1,
            seed=7,
        )
        for number in range(count)
    ]
