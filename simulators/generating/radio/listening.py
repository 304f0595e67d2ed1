"""What one phone hears, second by second, as columns: every packet is a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.generating.radio import model
from simulators.generating.radio.ether import Ether

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EVENTS = round(1 / model.ADVERTISES_EVERY_S)  # advertisements of a beacon in a second


@dataclass(frozen=True, slots=True)
class Moments:
    """Where a phone is at some moments, a second each; `z` is the phone's height, `heading` where its owner looks,
    `listens` the share of the second in which it scans.
    """

    storey: Ints
    x: Floats
    y: Floats
    z: Floats
    heading: Floats
    walked_m: Floats
    listens: Floats


@dataclass(frozen=True, slots=True)
class Packets:
    """In order of `moment` (a row of `Moments`), then of `part`, the turn within that second; `rssi_dbm` is whole."""

    moment: Ints
    part: Ints
    beacon: Ints
    rssi_dbm: Ints


def listen(ether: Ether, at: Moments, ear_db: float, draws: np.random.Generator) -> Packets:
    """Every packet that gets through; `ear_db` is what the phone hears more than the median one."""
    cell = ether.cells(at.storey, at.x, at.y)
    beacon = ether.beacon[cell]
    mean = _mean_dbm(ether, at, cell, beacon) + ear_db
    through: Floats = at.listens[:, None] * model.survives(ether.audible[cell].astype(np.float64))[:, None]
    shape = (len(cell), EVENTS, beacon.shape[1])
    arrived = draws.random(shape, dtype=np.float32) < through[:, :, None]
    arrived &= (beacon >= 0)[:, None, :]
    level = mean[:, None, :] + _fading_db(at, ether.seen[cell], draws)
    level += draws.standard_normal(shape, dtype=np.float32) * model.READING_DB
    rssi = np.rint(level)
    arrived &= ~model.drowned(level, draws)
    moment, part, column = np.nonzero(arrived)
    return Packets(
        moment, part, beacon[moment, column].astype(np.int64), rssi[moment, part, column].astype(np.int64)
    )


def _mean_dbm(ether: Ether, at: Moments, cell: Ints, beacon: NDArray[np.int32]) -> Floats:
    """Without fading: one row a moment, one column for each beacon that may be heard there."""
    if not len(ether.x):
        return np.full(beacon.shape, -300.0)
    east, north = ether.x[beacon] - at.x[:, None], ether.y[beacon] - at.y[:, None]
    flat_m = np.maximum(1e-6, np.hypot(east, north))
    distance_m = np.hypot(flat_m, ether.z[beacon] - at.z[:, None])
    ahead = (east * np.cos(at.heading)[:, None] + north * np.sin(at.heading)[:, None]) / flat_m
    return np.asarray(
        ether.gain_db[cell] - model.path_loss_db(distance_m) - model.body_db(ahead), dtype=np.float64
    )


def _fading_db(at: Moments, seen: NDArray[np.bool_], draws: np.random.Generator) -> Floats:
    """Alike for as long as the phone stays within half a wave and on the same channel; anew after that.

    A phone listens on one channel at a time, so in each part of a second the channel is the same for all beacons.
    """
    spot = np.floor(at.walked_m / model.HALF_WAVE_M).astype(np.int64)
    moves = np.diff(spot, prepend=-1) != 0
    run = np.cumsum(moves)
    parts = np.arange(EVENTS)
    channel = draws.integers(0, model.CHANNELS, (len(run), EVENTS))
    # Who walks is elsewhere at each packet; who stands is not.
    stands = np.zeros(len(run), dtype=np.bool_)
    stands[:-1] = ~moves[1:]
    stands |= ~moves
    walked = run[:, None] * EVENTS + parts
    state = np.where(stands[:, None], run[:, None] * EVENTS, walked) * model.CHANNELS + channel
    _, first, which = np.unique(state, return_index=True, return_inverse=True)
    fading = model.fading_db(seen[first // EVENTS], draws)
    return fading[which.reshape(state.shape)]


def deaf(seconds: int, draws: np.random.Generator) -> NDArray[np.bool_]:
    """The seconds in which a phone hears nothing at all."""
    found = np.zeros(seconds, dtype=np.bool_)
    for second in np.flatnonzero(draws.random(seconds) < model.DEAF_BEGINS_SHARE):
        found[second : second + draws.integers(*model.DEAF_S)] = True
    return found
