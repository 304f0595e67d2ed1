"""How much more or less each phone model hears than others do. Values only.

Antenna, case and chip make models differ by up to 20 dB, which by the log-distance law is a factor of six in every
distance. Nobody calibrates phones in an app's hands; but phones pass the same beacons, and the loudest that each
model hears of a beacon, over many visits, is the same few metres seen through another antenna.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np

# Of the levels heard: the top tells of phones close by, and the very top of reflections and lucky bodies.
UPPER_QUANTILE = 0.9
# Fewer levels have no upper tenth worth the name.
LEAST_LEVELS = 30
# Two beacons may both stand oddly (one phone's owner works beside it); of three the median forgives one.
LEAST_BEACONS = 3
# So many beacons speak half for the estimate and half for "as the others": 3 beacons are believed by 0.43, 20 by 0.83.
DOUBTING_BEACONS = 4.0
# No two phones are further apart; beyond is a wrong catalogue, not an antenna.
LARGEST_OFFSET_DB = 25.0
# A smaller change is noise: it would move a distance by less than a fifth, and every version is kept for ever.
LEAST_CHANGE_DB = 2.0
# More levels make one quantile no surer: what is left are the places where these phones' owners stand.
ENOUGH_LEVELS = 400
# The alternation settles within a handful of rounds; it is bounded, so that it ends whatever it is given.
_ROUNDS = 20
_LONGEST_MODEL = 64


@dataclass(frozen=True, slots=True)
class Loudness:
    """The upper quantile of the levels at which phones of one model heard one beacon, and of how many levels."""

    model: str
    beacon: str
    level_dbm: float
    count: int


@dataclass(frozen=True, slots=True)
class PhoneOffset:
    """How many dB a model hears more (or, negative, less) than the median one, and from how much that is known."""

    model: str
    offset_db: float
    beacons: int
    sightings: int

    def document(self) -> dict[str, str | float | int]:
        return {
            "model": self.model,
            "offset_db": self.offset_db,
            "beacons": self.beacons,
            "sightings": self.sightings,
        }


def normalised_model(model: str) -> str:
    """One text for a model however apps write it: "  Pixel  9" and "pixel 9" are one."""
    return re.sub(r"\s+", " ", model).strip().lower()[:_LONGEST_MODEL]


def offsets(heard: Iterable[Loudness]) -> list[PhoneOffset]:
    """An offset for each model that shares enough beacons with others, by model.

    A level is taken as what the beacon gives at its usual distance plus what the model adds. The two are told
    apart by turns (Tukey's median polish): a beacon's part is the median over models of level less offset, a
    model's offset the weighted median over its beacons of level less the beacon's part. Beginning with no offsets
    makes them relative to the median model. Medians, because some beacons stand where one model's owners work.
    """
    known = [one for one in heard if one.count >= LEAST_LEVELS and math.isfinite(one.level_dbm)]
    by_beacon = _grouped(known, "beacon")
    shared = [one for one in known if len({other.model for other in by_beacon[one.beacon]}) > 1]
    by_beacon, by_model = _grouped(shared, "beacon"), _grouped(shared, "model")
    found = dict.fromkeys(by_model, 0.0)
    for _ in range(_ROUNDS):
        usual = {
            beacon: float(np.median([one.level_dbm - found[one.model] for one in levels]))
            for beacon, levels in by_beacon.items()
        }
        found = {
            model: _weighted_median([(one.level_dbm - usual[one.beacon], _weight(one)) for one in levels])
            for model, levels in by_model.items()
        }
    return [
        PhoneOffset(model, _sober(found[model], len(levels)), len(levels), sum(one.count for one in levels))
        for model, levels in sorted(by_model.items())
        if len(levels) >= LEAST_BEACONS
    ]


def changed(known: Mapping[str, float], learned: Iterable[PhoneOffset]) -> list[PhoneOffset]:
    """Those worth writing down: that differ from what is known of their model, or from nothing, by enough."""
    return [one for one in learned if abs(one.offset_db - known.get(one.model, 0.0)) >= LEAST_CHANGE_DB]


def _sober(offset_db: float, beacons: int) -> float:
    """Drawn towards 0 where few beacons say it, and bounded: 10 dB of 3 beacons: 4.3, of 20: 8.3."""
    drawn = offset_db * beacons / (beacons + DOUBTING_BEACONS)
    return round(min(LARGEST_OFFSET_DB, max(-LARGEST_OFFSET_DB, drawn)), 1)


def _weight(one: Loudness) -> float:
    """30 levels weigh 5.5, 400 and more 20: a quantile's error falls with the root of the count."""
    return math.sqrt(min(one.count, ENOUGH_LEVELS))


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The middle of (value, weight): where half of the weight lies on either side; between two, their mean."""
    ordered = sorted(values)
    half = sum(weight for _, weight in ordered) / 2
    passed = 0.0
    for number, (value, weight) in enumerate(ordered):
        passed += weight
        if math.isclose(passed, half):
            return (value + ordered[number + 1][0]) / 2
        if passed > half:
            return value
    raise ValueError("no values have no median")


def _grouped(levels: Iterable[Loudness], name: str) -> dict[str, list[Loudness]]:
    key = attrgetter(name)
    ordered = sorted(levels, key=lambda one: (key(one), one.model, one.beacon))
    return {found: list(some) for found, some in groupby(ordered, key=key)}
