"""Where a phone is at a surveyed site: a belief over the map's cells, moved by walking and weighed by what is heard.

A forward filter, so only the past counts. What is kept of it between two pings is small: the likeliest cells, a
byte of weight each. The numbers were chosen by cross-validation over survey walks (docs/positioning.md).
"""

import math
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from beacon_service.positioning.machine_code import compile_anew, compiled
from beacon_service.zones.model import Belief, Located
from beacon_service.zones.radio_map import (
    FEW_PRINTS,
    LEVELS_DBM,
    PRINT_REACH_M,
    SURPRISE_STEP,
    RadioMap,
    print_level,
)
from beacon_service.zones.surveyed import Surveyed

# People walk 0.5 to 2 m/s and turn; per axis and second. Less lags behind who walks briskly, more flaps.
WALK_M = 2.8
# Of phones of which nothing is known, the share that rests; and the share a second of walkers that comes to rest.
RESTING, STOPS = 0.1, 0.002
# Who has rested for t seconds is still there s seconds later in ((10 + t) / (10 + t + s))^1.5 of cases: half of those
# who just stopped walk on within 6 s, but a phone that has lain on a table for an hour will lie there on.
SETTLES_S, LEAVING = 10.0, 1.5
# What makes a phone seem to have left when it never moved: a packet thrown back by a door, a passer-by's beacon.
FLUKE = 1e-3
# A walker that was silent for so long may be anywhere on the site.
FORGOTTEN_S = 120.0
# Share that goes to the floors above and below at the same place: stairs, lifts, atria.
CLIMB = 1e-4
# Share a second that goes anywhere: what makes a belief that went astray come home.
ASTRAY = 3e-3
# Sightings of one moment err together (the hand, the body, the crowd): n of them are worth n^0.5.
TOGETHER = 0.5
# Prints are compared by the cosine between them; one that is off by so much counts a third.
PRINT_UNLIKENESS = 0.17
# Prints less alike than the best by this count less than a thirtieth.
PRINT_CUT = 0.6
# Past the sixteenth, fainter ones only cost time.
MOST_HEARD = 16
# Cells that are left of a belief; with the bytes of weight they take four each. What is lost counts little.
MOST_CELLS = 120
# Weights are kept in steps below the likeliest cell's, e^(-1/25) each, down to a thirtieth of a thousandth; the last
# step is nothing at all.
WEIGHT_STEPS = 25.0
WEIGHTS = np.append(np.exp(np.arange(255, dtype=np.float32) / -np.float32(WEIGHT_STEPS)), np.float32(0))
# The scale of levels: its ends, and its step.
SCALE_DBM = float(LEVELS_DBM[0]), float(LEVELS_DBM[-1]), float(LEVELS_DBM[1] - LEVELS_DBM[0])
NEGLIGIBLE = 1e-6
# Zones with less of the belief are not worth a word.
LEAST_SHARE = 1e-3
# The accuracy of a place is the radius that holds the phone in 68 % of cases, as satellites have it; of a normal
# curve in the plane that is sqrt(-ln(1 - 0.68)) times the root of the mean square distance.
ONE_SIGMA = math.sqrt(-math.log(1 - 0.68))

log = structlog.get_logger()

Levels = Mapping[int, float]  # transmitter's row -> dBm
Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


def prepare(radio_map: RadioMap) -> None:
    """Load and work out all that the first phones there would wait for; raises what makes the map unusable.

    On a machine that has never done so it compiles, which takes ten seconds.
    """
    try:
        _try(radio_map)
    except Exception as error:  # noqa: BLE001 - what a full disk or a damaged file raises is Numba's affair
        log.warning("compiling for this process alone", reason=f"{type(error).__name__}: {error}")
        compile_anew()
        _try(radio_map)


def _try(radio_map: RadioMap) -> None:
    began_at = datetime(2000, 1, 1, tzinfo=UTC)
    heard = {0: -70.0} if radio_map.transmitters else {}
    first = believe(radio_map, None, heard, heard, began_at)
    likely = believe(radio_map, kept(first, "", 0, began_at), heard, heard, began_at + timedelta(seconds=1))
    cells, floors = len(radio_map.cells), len(radio_map.lattice.floors)
    zones, shares = np.zeros((cells, 1), np.intp), np.ones((cells, 1), np.float32)
    arrays = likely.columns, likely.parts, radio_map.floors, radio_map.middles, zones, shares
    compiled().told(*arrays, floors, 1, LEAST_SHARE)


class Likely(NamedTuple):
    """The likeliest cells of a belief: columns of the map, ascending, and how probable each is.

    `parts` has two rows, for a phone that walks by there and one that rests there; all of it adds up to one.
    `rested_s` is for how long it rests, if it does.
    """

    columns: Numbers
    parts: Floats
    rested_s: float


def believe(radio_map: RadioMap, before: Belief | None, now: Levels, lately: Levels, at: datetime) -> Likely:
    """Where the phone is, after hearing `now` in this ping and `lately` in the `PRINT_S` up to it."""
    walking, resting, rested_s = _moved(radio_map, before, at)
    near, usual = _recognised(radio_map, lately)
    # What all else makes impossible need not be looked at.
    columns, likelihood = compiled().possible(
        walking, resting, near, radio_map.print_rarity, usual, NEGLIGIBLE
    )
    # A phone that lies still hears the same errors again and again: the longer, the less of what it hears is news of
    # the place. As news of whether it still lies there it counts in full, but for flukes.
    news = SETTLES_S / (SETTLES_S + rested_s)
    found, parts = compiled().weighed(
        walking,
        resting,
        columns,
        likelihood,
        radio_map.surprise,
        *_levels(now),
        SURPRISE_STEP * max(1, min(len(now), MOST_HEARD)) ** -TOGETHER,
        FLUKE * (1 - news),
        news,
        MOST_CELLS,
        WEIGHT_STEPS,
    )
    return Likely(found, parts, rested_s)


def _moved(radio_map: RadioMap, before: Belief | None, at: datetime) -> tuple[Floats, Floats, float]:
    """Where a phone walks and where it rests before anything is heard, and for how long it rests.

    From each cell people go to those around it as these are walked on: off the ways they keep to the ways next to
    them, but where none was surveyed they may well be too.
    """
    if before is None or not _fits(before, radio_map):
        return radio_map.prior * np.float32(1 - RESTING), radio_map.prior * np.float32(RESTING), 0.0
    elapsed_s = max(0.0, (at - before.at).total_seconds())
    forgotten = elapsed_s >= FORGOTTEN_S
    reach_m = WALK_M * math.sqrt(_rounded_s(min(elapsed_s, FORGOTTEN_S)))
    walking, resting, stayed, stopped = compiled().moved(
        np.frombuffer(before.cells, "<u2"),
        np.frombuffer(before.walking, np.uint8),
        np.frombuffer(before.resting, np.uint8),
        WEIGHTS,
        ((SETTLES_S + before.rested_s) / (SETTLES_S + before.rested_s + elapsed_s)) ** LEAVING,
        0.0 if forgotten else -math.expm1(-STOPS * elapsed_s),
        1.0 if forgotten else min(0.5, ASTRAY * elapsed_s),
        radio_map.walkable,
        radio_map.walkable_within(reach_m),
        radio_map.prior,
        radio_map.field.places,
        radio_map.field.columns,
        *radio_map.steps_around(reach_m, CLIMB),
    )
    if forgotten:
        resting += walking * np.float32(RESTING)
        stopped = float(walking.sum()) * RESTING
        walking *= np.float32(1 - RESTING)
    rested_s = (before.rested_s + elapsed_s) * stayed / max(stayed + stopped, 1e-30)
    return walking, resting, rested_s


def _fits(before: Belief, radio_map: RadioMap) -> bool:
    """Machine code reads what it is told to read: no cell may be one that the map does not have."""
    count = len(before.walking)
    if not 0 < count == len(before.resting) == len(before.cells) / 2:
        return False
    weighs = min(before.walking) < len(WEIGHTS) - 1 or min(before.resting) < len(WEIGHTS) - 1
    # Of so few, Python's own maximum is found before an array is made.
    known = max(struct.unpack(f"<{count}H", before.cells)) < len(radio_map.cells)
    return weighs and known and 0.0 <= before.rested_s < math.inf


def _rounded_s(elapsed_s: float) -> float:
    """To steps of a fifth of a second, a second past two, ten past twenty: each has sums that are kept."""
    step = 0.2 if elapsed_s < 2.0 else 1.0 if elapsed_s < 20.0 else 10.0
    return max(0.2, round(elapsed_s / step) * step)


def _recognised(radio_map: RadioMap, lately: Levels) -> tuple[Floats, float]:
    """How alike what was heard lately is to the prints around each cell, and to a print anywhere.

    What counts is the root of their sum by the number of prints around. The root, since what is heard now is a part
    of it and counts once more by itself.
    """
    rows = sorted(lately, key=lambda row: (-lately[row], row))[:MOST_HEARD]
    levels = [print_level(lately[row]) for row in rows]
    length = math.sqrt(sum(level * level for level in levels))
    if length == 0.0 or not len(radio_map.print_columns):
        return np.zeros(len(radio_map.cells), np.float32), 1.0
    near, usual = compiled().recognised(
        np.array(rows),
        np.array([level / length for level in levels], np.float32),
        *radio_map.postings,
        radio_map.print_columns,
        radio_map.field.places,
        radio_map.field.columns,
        *radio_map.steps_around(PRINT_REACH_M, 0.0),
        PRINT_CUT,
        PRINT_UNLIKENESS,
    )
    return near, usual * FEW_PRINTS


def _levels(now: Levels) -> tuple[Numbers, Numbers, Floats]:
    """The loudest rows, the step of the scale below each one's level, and how far it is on to the next one."""
    rows = sorted(now, key=lambda row: (-now[row], row))[:MOST_HEARD]
    lowest, highest, step = SCALE_DBM
    places = [(min(max(now[row], lowest), highest) - lowest) / step for row in rows]
    below = [min(len(LEVELS_DBM) - 2, int(place)) for place in places]
    above = [place - under for place, under in zip(places, below, strict=True)]
    return np.array(rows, np.intp), np.array(below, np.intp), np.array(above, np.float32)


def kept(likely: Likely, site: str, number: int, at: datetime) -> Belief:
    """What is remembered of a belief: its likeliest cells and the weight of each against the likeliest."""
    walking, resting = compiled().steps_of(likely.parts, WEIGHT_STEPS)
    cells = likely.columns.astype("<u2").tobytes()
    return Belief(site, number, at, cells, walking.tobytes(), resting.tobytes(), round(likely.rested_s, 1))


def place_of(surveyed: Surveyed, likely: Likely, heard: Sequence[str]) -> Located:
    """A belief told as a place: the middle of it on its likeliest floor, the 68 % radius there, and the zones."""
    radio_map, lattice = surveyed.radio_map, surveyed.radio_map.lattice
    floor, x, y, square, resting, zones, shares = compiled().told(
        likely.columns,
        likely.parts,
        radio_map.floors,
        radio_map.middles,
        surveyed.zones_of_cells,
        surveyed.shares_of_cells,
        len(lattice.floors),
        max(1, len(surveyed.zones)),
        LEAST_SHARE,
    )
    longitude, latitude = lattice.degrees(x, y)
    accuracy_m = ONE_SIGMA * math.sqrt(max(0.0, square - x * x - y * y))
    likely_zones = sorted(
        (-round(share, 4), surveyed.zones[zone])
        for share, zone in zip(shares.tolist(), zones.tolist(), strict=True)
    )
    each = round(1 / len(heard), 4)
    return Located(
        source="radio_map",
        zones=tuple([(zone, -share) for share, zone in likely_zones]),
        longitude=round(longitude, 7),
        latitude=round(latitude, 7),
        accuracy_m=round(max(accuracy_m, lattice.step_m / 2), 2),
        floor=lattice.floors[floor],
        beacons=tuple((name, each) for name in heard),
        rested_s=round(likely.rested_s * resting, 1),
    )
