"""The law by which a beacon fades on its way to a phone, and the constants of it, each with its source.

level = power at 1 m - 20 log10(distance) - walls - slabs + shadow - body + the phone's ear + fading
Free, -59 dBm at 1 m, 1.6 m above the phone: 2 m: -67, 5 m: -73, 12 m: -81, 25 m: -87. docs/radio.md tells more.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# COST 231, final report (1999), 4.7: the multi-wall model. Free space, and each wall and slab on the way on top.
PATH_LOSS_EXPONENT = 2.0
SLAB_DB = 18.3
SLABS_B = 0.46  # the second slab costs less than the first
NEAREST_M = 0.5  # antennas are no points
ABOVE_PHONE_M = 1.6  # beacons hang at the ceiling, phones are held or pocketed
FLOOR_HEIGHT_M = 4.5

# 3GPP TR 38.901, tables 7.4.1-1 and 7.5-6, indoor office: 3.0 dB where transmitter and receiver see one another and
# 8.0 dB where not, of which the walls that are counted one by one are a part; alike over 6 m (not seen) to 10 m (seen),
# falling exponentially (Gudmundson 1991).
SHADOW_DB = 4.0
SHADOW_ALIKE_M = 6.0
SHADOW_WAVES = 64  # that a shadow is made of; more look no different

# The same table: Rice's factor is 7 dB where they see one another, with a standard deviation of 4 from place to place;
# where not, nothing is steady (Rayleigh).
RICE_SEEN_DB, RICE_SPREAD_DB = 7.0, 4.0
# Of one packet, whatever the channel does: what receivers differ by from reading to reading (quantising included).
READING_DB = 1.0
# 12.3 cm at 2.44 GHz; half of it further, the many ways add up anew.
HALF_WAVE_M = 0.0615
CHANNELS = 3  # that beacons advertise on in turn: 37, 38, 39; each fades for itself

BODY_DB = 9.0  # a beacon right behind its owner's back; measurements at 2.4 GHz say 5 to 20
# What receivers still hear: data sheets say -92 to -97 dBm, and no packet meets the same noise as the one before.
SENSITIVITY_DBM, SENSITIVITY_SPREAD_DB = -94.0, 2.5
POWER_SPREAD_DB = 2.0  # batteries, mounting, make
MISTAKEN_SHARE = 1 / 15  # of beacons advertise a power that cannot be
MISTAKEN_POWERS_DBM = (0, -2)

ADVERTISES_EVERY_S = 0.5
PACKET_S = 376e-6  # 47 bytes at 1 Mbit/s: an iBeacon's frame with preamble and check sum
# Of packets, lost while a scanner changes channel or its phone sends something itself.
LOST_SHARE = 0.2
# Of packets meet Wi-Fi or something else on 2.4 GHz, and get through if they are louder than that by `CAPTURE_DB`
# (receivers of 1 Mbit/s need 8 to 11): a loud beacon nearly always, a faint one seldom.
MEETS_SHARE, MET_DBM, MET_SPREAD_DB, CAPTURE_DB = 0.5, -84.0, 8.0, 9.0
# Now and then a phone does something else with its radio, for some seconds.
DEAF_BEGINS_SHARE = 0.035
DEAF_S = (1, 8)


def path_loss_db(distance_m: Floats) -> Floats:
    """1 m: 0, 2 m: 6.0, 10 m: 20.0, 30 m: 29.5."""
    return np.asarray(10 * PATH_LOSS_EXPONENT * np.log10(np.maximum(NEAREST_M, distance_m)), dtype=np.float64)


def slabs_db(count: int) -> float:
    """0: 0, 1: 18.3, 2: 33.5 (as COST 231 adds them up)."""
    return SLAB_DB * count ** ((count + 2) / (count + 1) - SLABS_B) if count else 0.0


def survives(transmitters: Floats) -> Floats:
    """The share of packets that get through where so many beacons are heard: neither lost nor two at a time.

    Two collide if they begin within a packet's length of one another on the same channel (ALOHA): 10 beacons: 0.99,
    100: 0.86, before what is lost anyway.
    """
    return np.asarray(
        (1 - LOST_SHARE) * np.exp(-2 * PACKET_S * transmitters / ADVERTISES_EVERY_S), dtype=np.float64
    )


def drowned(level_dbm: Floats, draws: np.random.Generator) -> NDArray[np.bool_]:
    """Which packets are too faint for the noise that they meet: at -60 dBm none, at -75 every fourth, at -90
    every second, at -100 nearly all.
    """
    floor_dbm = SENSITIVITY_DBM + SENSITIVITY_SPREAD_DB * draws.standard_normal(
        level_dbm.shape, dtype=np.float32
    )
    met_dbm = MET_DBM + MET_SPREAD_DB * draws.standard_normal(level_dbm.shape, dtype=np.float32)
    too_loud = met_dbm > level_dbm - CAPTURE_DB
    met = draws.random(level_dbm.shape, dtype=np.float32) < MEETS_SHARE
    return np.asarray((too_loud & met) | (level_dbm < floor_dbm))


def shadow_db(x: Floats, y: Floats, draws: np.random.Generator) -> Floats:
    """A random landscape as a sum of waves, alike by exp(-d / 6 m) at a distance d; drawn anew at each call.

    The waves' numbers are drawn from the spectrum of that likeness in the plane, (1 + (6 k)^2)^(-3/2).
    """
    share = draws.random(SHADOW_WAVES)
    number = np.sqrt(1 / (1 - share) ** 2 - 1) / SHADOW_ALIKE_M
    turn, phase = draws.uniform(0, 2 * math.pi, (2, SHADOW_WAVES))
    total = np.zeros(np.shape(x))
    for east, north, begin in zip(number * np.cos(turn), number * np.sin(turn), phase, strict=True):
        total += np.cos(east * x + north * y + begin)
    return np.asarray(SHADOW_DB * math.sqrt(2 / SHADOW_WAVES) * total, dtype=np.float64)


def body_db(cosine: Floats) -> Floats:
    """Nothing ahead (cosine 1), half of it at the side, all of it behind."""
    return np.asarray(BODY_DB * (1 - cosine) / 2, dtype=np.float64)


def fading_db(steady: NDArray[np.bool_], draws: np.random.Generator) -> Floats:
    """Rice's where the beacon is seen, Rayleigh's where not; the mean power is 0 dB."""
    spread = draws.standard_normal(steady.shape, dtype=np.float32) * RICE_SPREAD_DB
    factor = np.where(steady, 10 ** ((RICE_SEEN_DB + spread) / 10), 0.0)
    direct, strewn = np.sqrt(factor / (factor + 1)), np.sqrt(0.5 / (factor + 1))
    real, imaginary = draws.standard_normal((2, *steady.shape), dtype=np.float32)
    power = (direct + strewn * real) ** 2 + (strewn * imaginary) ** 2
    return np.asarray(10 * np.log10(np.maximum(power, 1e-6)), dtype=np.float64)
