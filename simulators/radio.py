"""How loud a beacon is at a phone: log-distance path loss with shadowing, in a house with floors.

RSSI(d) = tx_power - 10 n log10(d) - floors x loss + phone's offset + shadowing. With n = 2.4 and -59 dBm at
1 m: 2 m: -66, 5 m: -76, 10 m: -83, 20 m: -90, 30 m: -94.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from beacon_service.geo import distance_m
from simulators.venue import Beacon

PATH_LOSS_EXPONENT = 2.4  # shelves and people: between free space (2.0) and offices with walls (2.8 and more)
SHADOWING_DB = 4.5  # the usual spread indoors, bodies included
FLOOR_LOSS_DB = 16.0  # a concrete slab
FLOOR_HEIGHT_M = 4.5
ABOVE_PHONE_M = 1.6  # beacons hang at the ceiling, phones are held or pocketed
SENSITIVITY_DBM = -95  # below it a phone's receiver hears nothing
HEARD_SHARE = 0.8  # of the seconds: advertising and scanning intervals miss each other
MOST_HEARD = 6  # beacons a second: a scan window holds no more


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a phone is at one second; `level` counts floors."""

    level: int
    floor: str | None
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Heard:
    beacon: Beacon
    rssi_dbm: int


def expected_rssi_dbm(tx_power_dbm: float, distance: float, floors_between: int) -> float:
    """The level without chance; nearer than half a metre it does not grow, as antennas are no points."""
    loss = 10 * PATH_LOSS_EXPONENT * math.log10(max(0.5, distance))
    return tx_power_dbm - loss - FLOOR_LOSS_DB * floors_between


def listen(
    spot: Spot, beacons: Sequence[tuple[int, Beacon]], phone_offset_db: float, random: Random
) -> tuple[Heard, ...]:
    """What one second of scanning brings, loudest first. `beacons` come with the level of their floor."""
    heard = []
    for level, beacon in beacons:
        floors_between = abs(level - spot.level)
        along = distance_m(spot.longitude, spot.latitude, beacon.longitude, beacon.latitude)
        distance = math.hypot(along, ABOVE_PHONE_M + FLOOR_HEIGHT_M * floors_between)
        expected = expected_rssi_dbm(beacon.tx_power_dbm, distance, floors_between) + phone_offset_db
        rssi = round(random.gauss(expected, SHADOWING_DB))
        if random.random() < HEARD_SHARE and rssi >= SENSITIVITY_DBM:
            heard.append(Heard(beacon, min(rssi, -20)))
    heard.sort(key=lambda each: (-each.rssi_dbm, each.beacon.id))
    return tuple(heard[:MOST_HEARD])
