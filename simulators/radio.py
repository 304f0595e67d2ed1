"""How loud a beacon is at a phone: log-distance path loss with shadowing, in a house with floors.

RSSI(d) = tx_power - 10 n log10(d) - floors x loss + phone's offset + shadowing. With n = 2.4 and -59 dBm at
1 m: 2 m: -66, 5 m: -76, 10 m: -83, 20 m: -90, 30 m: -94.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beacon_service.geo import degrees
from simulators.venue import Beacon

Floats = NDArray[np.float64]

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


@dataclass(frozen=True, slots=True)
class Transmitters:
    """All beacons of a place as columns, since every phone listens to all of them every second."""

    beacons: tuple[Beacon, ...]
    levels: Floats
    longitudes: Floats
    latitudes: Floats
    tx_powers_dbm: Floats

    @classmethod
    def of(cls, beacons: Sequence[tuple[int, Beacon]]) -> "Transmitters":
        """`beacons` come with the level of their floor."""
        columns = [(level, each.longitude, each.latitude, each.tx_power_dbm) for level, each in beacons]
        table = np.array(columns, dtype=np.float64).reshape(-1, 4)
        return cls(tuple(beacon for _, beacon in beacons), *table.T)


def expected_rssi_dbm(tx_power_dbm: Floats, distance_m: Floats, floors_between: Floats) -> Floats:
    """The level without chance; nearer than half a metre it does not grow, as antennas are no points."""
    loss = 10 * PATH_LOSS_EXPONENT * np.log10(np.maximum(0.5, distance_m))
    return tx_power_dbm - loss - FLOOR_LOSS_DB * floors_between


def listen(
    spot: Spot, transmitters: Transmitters, phone_offset_db: float, draws: np.random.Generator
) -> tuple[Heard, ...]:
    """What one second of scanning brings, loudest first."""
    east, north = degrees(1, 1, spot.latitude)
    floors_between = np.abs(transmitters.levels - spot.level)
    distance_m = np.sqrt(
        ((transmitters.longitudes - spot.longitude) / east) ** 2
        + ((transmitters.latitudes - spot.latitude) / north) ** 2
        + (ABOVE_PHONE_M + FLOOR_HEIGHT_M * floors_between) ** 2
    )
    expected = expected_rssi_dbm(transmitters.tx_powers_dbm, distance_m, floors_between) + phone_offset_db
    rssi = np.rint(draws.normal(expected, SHADOWING_DB))
    heard = (draws.random(rssi.size) < HEARD_SHARE) & (rssi >= SENSITIVITY_DBM)
    loudest = np.argsort(np.where(heard, -rssi, np.inf), kind="stable")[: min(MOST_HEARD, int(heard.sum()))]
    return tuple(Heard(transmitters.beacons[index], int(rssi[index])) for index in loudest)
