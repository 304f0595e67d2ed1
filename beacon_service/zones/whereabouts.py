"""Whether the beacons that a ping heard together can stand where the catalogue has them. Pure."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.zones.model import Beacon

# Loudest of a ping that are looked at: who is near says where, and every pair of them is compared.
MOST_TOGETHER = 8
# Others that lie within this of one another are one place: a hall's length, about as far as a beacon is heard indoors.
AGREEING_M = 60.0
# Further from where the others say the phone was than levels explain: twice what a good catalogue errs.
FAR_M = 40.0
# The floor above is heard through a stairwell; two above is not.
FAR_LEVELS = 2
# To tell by how much two levels may be explained by distance; positioning does it with each beacon's own power.
_POWER_DBM = -59.0
_PATH_LOSS_EXPONENT = 2.6
_FARTHEST_RANGE_M = 40.0


class Hearing(NamedTuple):
    """One beacon in one ping."""

    beacon: Beacon
    rssi_dbm: float
    battery_mv: int | None = None
    temperature_c: float | None = None


class Seen(NamedTuple):
    """One beacon as the others of its ping see it. `metres`: what levels do not explain of the way between them."""

    metres: float
    is_far: bool
    place: str  # where most of the others are, "site/floor"


def compare(hearings: Sequence[Hearing], levels: Mapping[str, int]) -> Iterator[tuple[Hearing, Seen]]:
    """Yield each of the loudest whose others agree on where the phone was. `levels`: of floors, by "site/floor".

    Two others must agree, and whoever agrees be more than half of all: where one beacon of three is elsewhere, the
    other two tell on it and not it on them, and two against two tell nothing.
    """
    loudest = sorted(hearings, key=lambda one: (-one.rssi_dbm, one.beacon.id))[:MOST_TOGETHER]
    points = _plane(loudest)
    apart_m = [[math.dist(one, other) for other in points] for one in points]
    sums_m = [sum(row) for row in apart_m]
    for number, one in enumerate(loudest):
        agreeing = _agreeing(number, apart_m, sums_m)
        if len(agreeing) < 2:
            continue
        seen = _seen(one, points[number], [(loudest[n], points[n]) for n in agreeing], levels)
        of_one_mind = len(agreeing) + (0 if seen.is_far else 1)
        if 2 * of_one_mind > len(loudest):
            yield one, seen


def _seen(
    one: Hearing,
    point: tuple[float, float],
    witnesses: Sequence[tuple[Hearing, tuple[float, float]]],
    levels: Mapping[str, int],
) -> Seen:
    ranges_m = [_range_m(witness.rssi_dbm) for witness, _ in witnesses]
    fix = _weighted([where for _, where in witnesses], [range_m**-2 for range_m in ranges_m])
    explained_m = _range_m(one.rssi_dbm) + min(ranges_m)
    metres = max(0.0, math.dist(point, fix) - explained_m)
    places = Counter(place_of(witness.beacon) for witness, _ in witnesses)
    place = min(places, key=lambda name: (-places[name], name))
    is_far = metres > FAR_M or _levels_apart(one.beacon, place, levels) >= FAR_LEVELS
    return Seen(metres, is_far, place)


def place_of(beacon: Beacon) -> str:
    return f"{beacon.site}/{beacon.floor or ''}"


def _agreeing(number: int, apart_m: Sequence[Sequence[float]], sums_m: Sequence[float]) -> list[int]:
    """Of the others, those near the one that is nearest to all of them."""
    row = apart_m[number]
    others = [n for n in range(len(row)) if n != number]
    if not others:
        return []
    middle = min(others, key=lambda n: sums_m[n] - row[n])
    return [n for n in others if apart_m[middle][n] <= AGREEING_M]


def _plane(hearings: Sequence[Hearing]) -> list[tuple[float, float]]:
    """Metres east and north of the first; across the antimeridian the short way."""
    if not hearings:
        return []
    origin = hearings[0].beacon
    east_m = METRES_PER_DEGREE * math.cos(math.radians(origin.latitude))
    return [
        (
            ((one.beacon.longitude - origin.longitude + 180.0) % 360.0 - 180.0) * east_m,
            (one.beacon.latitude - origin.latitude) * METRES_PER_DEGREE,
        )
        for one in hearings
    ]


def _weighted(points: Sequence[tuple[float, float]], weights: Sequence[float]) -> tuple[float, float]:
    total = sum(weights)
    x = sum(weight * point[0] for weight, point in zip(weights, points, strict=True))
    y = sum(weight * point[1] for weight, point in zip(weights, points, strict=True))
    return x / total, y / total


def _range_m(rssi_dbm: float) -> float:
    """-59 dBm: 1 m, -72: 3.2 m, -85: 10 m, -98: 32 m, and never more than 40 m."""
    return float(min(_FARTHEST_RANGE_M, 10 ** ((_POWER_DBM - rssi_dbm) / (10 * _PATH_LOSS_EXPONENT))))


def _levels_apart(beacon: Beacon, place: str, levels: Mapping[str, int]) -> int:
    """Between two floors of one site; 0 where one of them is not known."""
    own = place_of(beacon)
    if own.split("/")[0] != place.split("/", maxsplit=1)[0] or own not in levels or place not in levels:
        return 0
    return abs(levels[own] - levels[place])
