"""How transmitters fade with distance, pooled over all of a survey, and where each of them must hang.

Where nobody has walked the survey says nothing of its own, but it does say how the building lets radio through:
how often and how loud a transmitter is heard so many metres away on its own floor, one floor off and farther.
With that a transmitter is known well beyond where it was heard, and silence there is told from ignorance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Borders of the distance classes in metres: finer near by, where levels change fast.
DISTANCES_M = np.array([0, 2, 4, 6, 9, 12, 16, 20, 25, 30, 40, 55, 75, 100, 150, np.inf])
# A distance for each class, to interpolate between.
MIDDLES_M = np.array([1, 3, 5, 7.5, 10.5, 14, 18, 22.5, 27.5, 35, 47, 65, 87, 125, 200.0])
# The own floor, the next, and all beyond: there slabs let next to nothing through.
FLOORS_APART = 3
# A class that was walked for less than some 20 s takes part of its rate from "heard nothing".
LEAST_EXPOSURE_S = 20.0
# Levels start from this faint one with the weight of five sightings, a transmitter's own loudness from none.
FAINT_DBM, FEW = -90.0, 5.0
# The loudest sightings say where it hangs; more of them pull it towards the middle of where people walked.
LOUDEST = 10
# Looked at around the loudest place, on its floor and those next to it; 5 m is as fine as levels can tell.
NEIGHBOURHOOD_M, RASTER_M = 20.0, 5.0
# Walked places beyond this do not sway where a transmitter hangs.
EARSHOT_M = 70.0
MOST_SIGHTINGS = 400


@dataclass(frozen=True)
class Heardings:
    """What a survey heard, one row a sighting, by transmitter: numbers, floor numbers, metres, levels."""

    transmitter: NDArray[np.intp]
    floor: NDArray[np.intp]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    rssi_dbm: NDArray[np.float64]
    starts: NDArray[np.intp]  # where each transmitter's rows begin; one more at the end

    @property
    def transmitters(self) -> int:
        return len(self.starts) - 1

    def of(self, transmitter: int) -> slice:
        return slice(int(self.starts[transmitter]), int(self.starts[transmitter + 1]))


@dataclass(frozen=True)
class Walked:
    """Where the surveyor was: floor numbers and metres, each for `each_s` seconds."""

    floor: NDArray[np.intp]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    each_s: float


@dataclass(frozen=True)
class Fading:
    """Sightings a second and their level, by floors apart and class of distance; and each transmitter's own ways."""

    rate: NDArray[np.float64]  # (FLOORS_APART, classes)
    level_dbm: NDArray[np.float64]
    spread_db: float
    hangs: NDArray[np.float64]  # (transmitters, 3): floor number, metres east, metres north
    often: NDArray[np.float64]  # how many times as often as the usual one
    louder_db: NDArray[np.float64]

    def expected(
        self,
        transmitter: int,
        floor: NDArray[np.intp],
        x_m: NDArray[np.float64],
        y_m: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sightings a second, and their mean level, at each place."""
        hangs_on, x, y = self.hangs[transmitter]
        steps = np.log1p(np.hypot(x_m - x, y_m - y))
        apart = _apart(floor, hangs_on)
        rate, level = np.empty(len(steps)), np.empty(len(steps))
        for floors in range(FLOORS_APART):
            there = apart == floors
            known = np.log1p(MIDDLES_M)
            rate[there] = np.exp(np.interp(steps[there], known, np.log(self.rate[floors])))
            level[there] = np.interp(steps[there], known, self.level_dbm[floors])
        return rate * self.often[transmitter], level + self.louder_db[transmitter]


def learn_fading(heard: Heardings, walked: Walked, floors: int) -> Fading:
    """Place each transmitter roughly, learn how they fade, place them by that, and learn it once more."""
    hangs = np.array([_loudest(heard, one, floors) for one in range(heard.transmitters)])
    first = _pooled(heard, walked, hangs)
    hangs = np.array([_placed(heard, walked, first, one, floors) for one in range(heard.transmitters)])
    return _pooled(heard, walked, hangs)


def _loudest(heard: Heardings, transmitter: int, floors: int) -> tuple[float, float, float]:
    """The power-weighted middle of its loudest sightings, on the floor that has most of that power."""
    rows = heard.of(transmitter)
    loudest = np.argsort(-heard.rssi_dbm[rows], kind="stable")[:LOUDEST]
    floor, x, y = heard.floor[rows][loudest], heard.x_m[rows][loudest], heard.y_m[rows][loudest]
    power = 10 ** ((heard.rssi_dbm[rows][loudest] + 60) / 10)
    best = int(np.argmax(np.bincount(floor, power, minlength=floors)))
    share = power * (floor == best)
    share /= share.sum()
    return float(best), float(share @ x), float(share @ y)


def _pooled(heard: Heardings, walked: Walked, hangs: NDArray[np.float64]) -> Fading:
    classes = len(MIDDLES_M)
    mine = hangs[heard.transmitter]
    cell = _apart(heard.floor, mine[:, 0]) * classes + _class(heard.x_m - mine[:, 1], heard.y_m - mine[:, 2])
    count = np.bincount(cell, minlength=FLOORS_APART * classes)
    levels = np.bincount(cell, heard.rssi_dbm, minlength=FLOORS_APART * classes)
    level = (levels + FAINT_DBM * FEW) / (count + FEW)
    there = _apart(walked.floor[:, None], hangs[None, :, 0]) * classes + _class(
        walked.x_m[:, None] - hangs[None, :, 1], walked.y_m[:, None] - hangs[None, :, 2]
    )
    exposed_s = np.bincount(there.ravel(), minlength=FLOORS_APART * classes) * walked.each_s
    rate = ((count + 0.02) / (exposed_s + LEAST_EXPOSURE_S)).reshape(FLOORS_APART, classes)
    # Nothing is heard more often farther off; a class that few walked through must not say so.
    rate = np.minimum.accumulate(rate, axis=1)
    own = heard.rssi_dbm - level[cell]
    sightings = np.diff(heard.starts)
    louder = np.bincount(heard.transmitter, own, minlength=heard.transmitters) / (sightings + FEW)
    usual = rate.ravel()[there].sum(axis=0) * walked.each_s
    return Fading(
        rate=rate,
        level_dbm=level.reshape(FLOORS_APART, classes),
        spread_db=float(np.std(own - louder[heard.transmitter])) or 1.0,
        hangs=hangs,
        often=(sightings + 1) / (usual + 1),
        louder_db=louder,
    )


def _placed(
    heard: Heardings, walked: Walked, fading: Fading, transmitter: int, floors: int
) -> NDArray[np.float64]:
    """The likeliest place of those around the loudest one, given what was heard and where it was not."""
    mine = heard.of(transmitter)
    # Evenly from all of them: the first ones are of one walk, which says little of where it hangs.
    every = max(1, -(-(mine.stop - mine.start) // MOST_SIGHTINGS))
    rows = slice(mine.start, mine.stop, every)
    around = _around(fading.hangs[transmitter], floors)
    x, y, level = heard.x_m[rows], heard.y_m[rows], heard.rssi_dbm[rows]
    apart = _apart(heard.floor[rows][None, :], around[:, 0][:, None])
    at = _class(around[:, 1][:, None] - x[None, :], around[:, 2][:, None] - y[None, :])
    near = np.hypot(walked.x_m - around[0, 1], walked.y_m - around[0, 2]) < EARSHOT_M + NEIGHBOURHOOD_M
    walked_apart = _apart(walked.floor[near][None, :], around[:, 0][:, None])
    walked_at = _class(
        around[:, 1][:, None] - walked.x_m[near][None, :], around[:, 2][:, None] - walked.y_m[near][None, :]
    )
    expected = fading.rate[walked_apart, walked_at].sum(axis=1) * walked.each_s + 1e-3
    often = (len(level) + 1) / (expected + 1)
    off = level[None, :] - fading.level_dbm[apart, at]
    louder = off.sum(axis=1, keepdims=True) / (len(level) + 3)
    likely = (
        np.log(fading.rate[apart, at]).sum(axis=1)
        + len(level) * np.log(often)
        - often * expected
        - ((off - louder) ** 2).sum(axis=1) / (2 * fading.spread_db**2)
    )
    return np.asarray(around[int(np.argmax(likely))])


def _around(place: NDArray[np.float64], floors: int) -> NDArray[np.float64]:
    """Candidates as (floor, east, north), beginning with the place's own south-west."""
    steps = np.arange(-NEIGHBOURHOOD_M, NEIGHBOURHOOD_M + 1, RASTER_M)
    east, north = (axis.ravel() for axis in np.meshgrid(steps, steps))
    near = [floor for floor in (place[0] - 1, place[0], place[0] + 1) if 0 <= floor < floors]
    return np.concatenate(
        [np.column_stack([np.full(east.size, floor), place[1] + east, place[2] + north]) for floor in near]
    )


def _apart(floor: NDArray[np.intp], other: NDArray[np.float64] | float) -> NDArray[np.intp]:
    return np.asarray(np.minimum(FLOORS_APART - 1, np.abs(floor - other)), np.intp)


def _class(east_m: NDArray[np.float64], north_m: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.digitize(np.hypot(east_m, north_m), DISTANCES_M) - 1
