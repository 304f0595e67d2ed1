"""What a phone in the mall hears: path loss, walls, slabs, shadows, bodies, other phones' ears, lost packets.

level = power at 1 m - 22 log10(distance) - walls - slabs + shadow + the model's ear - body + fading
Along a corridor, ahead, -59 dBm at 1 m, hung 1.6 m above: 2 m: -68, 5 m: -75, 12 m: -83, 25 m: -90.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.mall.plan import DEPTH_M, FLOORS, HALL_M, WIDTH_M, Wall, walls
from simulators.mall.ways import Way

Floats = NDArray[np.float64]

PATH_LOSS_EXPONENT = 2.2  # corridors guide; walls come on top
ABOVE_PHONE_M = 1.6
FLOOR_HEIGHT_M = 5.0
SLAB_DB = 18.0
OPEN_SLAB_DB = 8.0  # within the hall, which is open over all floors
SHADOW_DB = 4.0  # standard deviation of what furniture and people do to a place for good
SHADOW_ALIKE_M = 6.0  # over such a distance shadows differ
SHADOW_WAVES = 48  # that a shadow is made of; more look no different
FADING_DB = 3.5  # from one packet to the next
BODY_DB = 9.0  # a beacon right behind the walker
SENSITIVITY_DBM = -96.0
PACKET_SHARE = 0.5  # of one advertisement a second that gets through
SILENCE_BEGINS_SHARE = 0.025  # of seconds: the phone does something else with its radio
SILENCE_S = (2, 9)
USUAL_POWER_DBM = -59
POWER_SPREAD_DB = 2.0  # batteries, mounting, make
MISTAKEN_POWERS_DBM = (0, -2)  # as real beacons say now and then
MISTAKEN_EVERY = 15
DEVICE_EXPONENT = 3.0  # in a pocket, among people
DEVICE_FADING_DB = 6.0

# What a model hears more or less than the surveyor's phone.
MODELS_DB = (-12.0, -4.0, 2.0, 8.0)
SURVEYOR_DB = 0.0


@dataclass(frozen=True, slots=True)
class Beacon:
    """`power_dbm` is the true one at 1 m, `told_dbm` what it advertises."""

    id: str
    level: int
    x: float
    y: float
    minor: int
    mac: str
    power_dbm: float
    told_dbm: int


@dataclass(frozen=True, slots=True)
class Device:
    """A phone that advertises, carried about; its address is another one every few minutes."""

    way: Way
    macs: tuple[str, ...]
    address_lasts_s: int


@dataclass(frozen=True, slots=True)
class Packet:
    """`second` counts from the walk's start, `later_ms` from that second back."""

    second: int
    before_ms: int
    mac: str
    beacon: Beacon | None
    rssi_dbm: int


class Air:
    """Mean levels of every beacon on every square metre, worked out once; walls stand on whole metres."""

    def __init__(self, beacons: Sequence[Beacon], draws: np.random.Generator) -> None:
        self.beacons = tuple(beacons)
        self._levels = np.stack([_level_map(beacon, draws) for beacon in beacons])

    def mean_dbm(self, way: Way) -> Floats:
        """One row a second, one column a beacon; between two floors as far between their levels."""
        column = np.clip(np.array([step.x for step in way], dtype=int), 0, WIDTH_M - 1)
        row = np.clip(np.array([step.y for step in way], dtype=int), 0, DEPTH_M - 1)
        level = np.array([step.level for step in way])
        below = np.floor(level).astype(int)
        above = np.minimum(below + 1, len(FLOORS) - 1)
        share = (level - below)[:, None]
        lower, upper = (self._levels[:, floor, column, row].T for floor in (below, above))
        return np.asarray(lower * (1 - share) + upper * share - self._body_db(way), dtype=np.float64)

    def _body_db(self, way: Way) -> Floats:
        """Nothing ahead, half of it at the side, all of it behind."""
        x, y, heading = np.array([(step.x, step.y, step.heading) for step in way]).T[:, :, None]
        east, north = (np.array(each) for each in zip(*((it.x, it.y) for it in self.beacons), strict=True))
        distance_m = np.maximum(1e-6, np.hypot(east - x, north - y))
        cosine = ((east - x) * np.cos(heading) + (north - y) * np.sin(heading)) / distance_m
        return np.asarray(BODY_DB * (1 - cosine) / 2, dtype=np.float64)

    def listen(self, way: Way, ear_db: float, draws: np.random.Generator) -> Iterator[Packet]:
        """All packets of the beacons that a phone on this way hears, second by second."""
        mean = self.mean_dbm(way) + ear_db
        rssi = np.rint(draws.normal(mean, FADING_DB))
        heard = (draws.random(rssi.shape) < PACKET_SHARE) & (rssi >= SENSITIVITY_DBM)
        heard &= ~silent(len(way), draws)[:, None]
        before_ms = draws.integers(0, 1000, rssi.shape)
        for second, index in np.argwhere(heard):
            beacon = self.beacons[index]
            yield Packet(
                int(second), int(before_ms[second, index]), beacon.mac, beacon, int(rssi[second, index])
            )


def silent(seconds: int, draws: np.random.Generator) -> NDArray[np.bool_]:
    """The seconds in which a phone hears nothing at all; in a real mall that was every sixth."""
    quiet = np.zeros(seconds, dtype=np.bool_)
    for second in np.flatnonzero(draws.random(seconds) < SILENCE_BEGINS_SHARE):
        quiet[second : second + draws.integers(*SILENCE_S)] = True
    return quiet


def overhear(
    way: Way, begins_s: int, devices: Sequence[Device], ear_db: float, draws: np.random.Generator
) -> Iterator[Packet]:
    """Packets of devices that walk about at the same time. `begins_s`: of the walk, on the devices' day."""
    for device in devices:
        for second, step in enumerate(way):
            at_s = begins_s + second
            other = device.way[at_s % len(device.way)]
            distance_m = math.hypot(step.x - other.x, step.y - other.y, 0.5)
            mean = USUAL_POWER_DBM - 10 * DEVICE_EXPONENT * math.log10(distance_m) + ear_db
            rssi = round(draws.normal(mean - SLAB_DB * abs(step.level - other.level), DEVICE_FADING_DB))
            if draws.random() < PACKET_SHARE and rssi >= SENSITIVITY_DBM:
                mac = device.macs[at_s // device.address_lasts_s % len(device.macs)]
                yield Packet(second, int(draws.integers(0, 1000)), mac, None, rssi)


def _level_map(beacon: Beacon, draws: np.random.Generator) -> Floats:
    """The beacon's mean level by floor, metre east and metre north, without bodies and ears."""
    x, y = np.meshgrid(np.arange(WIDTH_M) + 0.5, np.arange(DEPTH_M) + 0.5, indexing="ij")
    return np.stack([_floor_map(beacon, level, x, y, draws) for level in range(len(FLOORS))])


def _floor_map(beacon: Beacon, level: int, x: Floats, y: Floats, draws: np.random.Generator) -> Floats:
    between = abs(level - beacon.level)
    height = ABOVE_PHONE_M + FLOOR_HEIGHT_M * between
    distance_m = np.sqrt((x - beacon.x) ** 2 + (y - beacon.y) ** 2 + height**2)
    loss = 10 * PATH_LOSS_EXPONENT * np.log10(distance_m)
    if between:
        west, east = HALL_M
        open_above = (x > west) & (x < east) & (west < beacon.x < east)
        loss += between * np.where(open_above, OPEN_SLAB_DB, SLAB_DB)
    else:
        loss += sum(_wall_db(wall, beacon, x, y) for wall in walls())
    return np.asarray(beacon.power_dbm - loss + _shadow(x, y, draws), dtype=np.float64)


def _wall_db(wall: Wall, beacon: Beacon, x: Floats, y: Floats) -> Floats:
    """The wall's loss where the straight line from beacon to place crosses it."""
    along, across = ((y, x), (x, y))[not wall.upright]
    beacon_along, beacon_across = (beacon.y, beacon.x) if wall.upright else (beacon.x, beacon.y)
    span = across - beacon_across
    share = (wall.at - beacon_across) / np.where(span == 0, np.inf, span)
    meets = beacon_along + share * (along - beacon_along)
    crossed = (share > 0) & (share < 1) & (meets >= wall.start) & (meets < wall.end)
    return np.asarray(np.where(crossed, wall.loss_db, 0.0), dtype=np.float64)


def _shadow(x: Floats, y: Floats, draws: np.random.Generator) -> Floats:
    """A random landscape as a sum of waves: places near one another are alike, by exp(-(d / 6 m)^2 / 2)."""
    waves = draws.normal(0, 1 / SHADOW_ALIKE_M, (SHADOW_WAVES, 2))
    phases = draws.uniform(0, 2 * math.pi, SHADOW_WAVES)
    total = np.zeros_like(x)
    for (east, north), phase in zip(waves, phases, strict=True):
        total += np.cos(east * x + north * y + phase)
    return np.asarray(SHADOW_DB * math.sqrt(2 / SHADOW_WAVES) * total, dtype=np.float64)
