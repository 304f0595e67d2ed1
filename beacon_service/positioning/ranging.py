"""From radio levels to distances, and the few seconds of memory that make them steady.

A phone hears one to four beacons a second and, in about every sixth second, none; one level is off by 6 dB or
more. So an installation remembers what it heard for some seconds, and places are weighed from that memory.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from beacon_service.zones.model import Beacon, Heard

# Seven seconds at walking pace are ten metres, about as far as one level can tell anyway.
MEMORY = timedelta(seconds=7)
# A memory's weight falls to 1/e in eight seconds. A level is off by more metres than one walks in that time: with
# four, phones of which half stand and half walk were placed worse (the median by 2 %, the worst tenth by 3 %).
FADING_S = 8.0
# A new level of the same beacon says more than the old one, which fades twice as fast behind it (see `_blend`).
BLENDING_S = 4.0
# What twelve transmitters cannot tell a weaker one will not; it bounds what is stored.
MOST_REMEMBERED = 12
# Half of a level heard in the same instant, nearly all of it after the memory's length (see `_blend`).
SAME_INSTANT_SHARE = 0.5
# The usual calibration of an iBeacon, for those that do not say.
DEFAULT_TX_POWER_DBM = -59.0
# At 1 m and 2.4 GHz the air alone takes 40 dB of at most +20 dBm, so more than -20 is a wrong entry. Real
# beacons do say 0, -2 or 46, and with those the distance would come out as kilometres.
TX_POWERS_DBM = (-100.0, -20.0)
# Free space has 2; shops with people and shelves 2 to 4. Most of what is heard is in the same hall.
PATH_LOSS_EXPONENT = 2.6
# Nearer than half a metre is a hand on the beacon; past 40 m the level says "far" and no more.
DISTANCES_M = (0.5, 40.0)


def distance_m(rssi_dbm: float, tx_power_dbm: float) -> float:
    """Log-distance path loss: how far a beacon is whose level at 1 m would be `tx_power_dbm`.

    With -59 dBm at 1 m: -59 dBm: 1 m, -72: 3.2 m, -85: 10 m, -90: 15.6 m, -100: 37.7 m.
    """
    nearest, farthest = DISTANCES_M
    exponent = min(2.0, (tx_power_dbm - rssi_dbm) / (10 * PATH_LOSS_EXPONENT))
    return float(min(farthest, max(nearest, 10**exponent)))


def tx_power_dbm(beacon: Beacon, advertised_dbm: float | None) -> float:
    """The level at 1 m: as calibrated, else as advertised, else the usual one; none that cannot be true."""
    for level in (beacon.tx_power_dbm, advertised_dbm):
        if level is not None and TX_POWERS_DBM[0] <= level <= TX_POWERS_DBM[1]:
            return float(level)
    return DEFAULT_TX_POWER_DBM


def freshness(heard: Heard, at: datetime) -> float:
    """Weight of a memory by its age: now 1, after 2 s 0.78, after 4 s 0.61, after 7 s 0.42."""
    return math.exp(-max(0.0, (at - heard.at).total_seconds()) / FADING_S)


class Level(NamedTuple):
    """What one sighting says of the transmitter that was heard."""

    rssi_dbm: float
    at: datetime
    tx_power_dbm: float | None = None


def remember(
    heard: Sequence[Heard], levels: Mapping[str, Sequence[Level]], at: datetime
) -> tuple[Heard, ...]:
    """The memory after these levels, by transmitter; strongest first."""
    memory = {one.beacon: one for one in heard if at - one.at <= MEMORY}
    for name, several in levels.items():
        memory[name] = _blend(memory.get(name), name, several)
    kept = sorted(memory.values(), key=lambda one: (-one.rssi_dbm, one.beacon))
    return tuple(kept[:MOST_REMEMBERED])


def _blend(old: Heard | None, name: str, several: Sequence[Level]) -> Heard:
    """The remembered level drawn towards the mean of the new ones, further the older the memory is.

    The share of the new: after 0 s 0.5, 1 s 0.61, 2 s 0.70, 4 s 0.82, 7 s 0.91.
    """
    level = sum(one.rssi_dbm for one in several) / len(several)
    at = max(one.at for one in several)
    if old is not None:
        at = max(at, old.at)
        old_share = (1 - SAME_INSTANT_SHARE) * math.exp(-(at - old.at).total_seconds() / BLENDING_S)
        level += old_share * (old.rssi_dbm - level)
    advertised = next((one.tx_power_dbm for one in several if one.tx_power_dbm is not None), None)
    return Heard(beacon=name, rssi_dbm=round(level, 1), at=at, tx_power_dbm=advertised)
