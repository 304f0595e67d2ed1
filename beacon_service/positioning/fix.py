"""A fix: one place with its doubt, made from the beacons heard or taken from the phone's own position."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from beacon_service.geo import METRES_PER_DEGREE, degrees
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Beacon, Position, Zone

# Weights fall with the square of the distance: a level is off by a factor, so far beacons err by more metres.
WEIGHT_EXPONENT = 2.0
# A beacon's catalogued place, the hand, the body: no place is known better than this.
LEAST_ACCURACY_M = 1.75
# A phone's own claim of less than a metre is not believed.
LEAST_POSITION_ACCURACY_M = 1.0
# Floor votes are squared: slabs dampen, so twice the weight is much more than twice as likely.
FLOOR_SHARPNESS = 2.0
# Below `inside` and above `outside` (visits/evidence.py): a position without a floor can tell that one is not
# in a floor's zone, but among several floors never that one is.
UNKNOWN_FLOOR_SHARE = 0.4


class Fix(Struct, frozen=True):
    """A place, the radius that holds the phone with 68 %, and how likely a zone's floor is."""

    source: str
    longitude: float
    latitude: float
    accuracy_m: float
    floor: str | None
    floor_share: Callable[[Zone], float]
    site: str | None = None  # of its beacons; a position may be at any
    beacons: tuple[tuple[str, float], ...] = ()
    rested_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """A beacon as it counts now; `freshness` is 1 for one heard just now and falls with age."""

    beacon: Beacon
    distance_m: float
    freshness: float

    @property
    def weight(self) -> float:
        return float(self.freshness * self.distance_m**-WEIGHT_EXPONENT)


def of_beacons(hearings: Sequence[Hearing]) -> Fix:
    """Site and floor by vote, then the weighted centroid of the beacons there.

    A beacon without a floor votes for the site only. A ping is at one site, so the zones on floors of all
    others are out; a geofence may be any site's.
    """
    site = _first(_votes((one.beacon.site, one.weight) for one in hearings))
    at_site = [one for one in hearings if one.beacon.site == site]
    shares = _floor_shares(at_site)
    floor = _first(shares) if shares else None
    there = [one for one in at_site if one.beacon.floor in (floor, None)]
    longitude, latitude, accuracy_m = _centroid(there)
    total = sum(one.weight for one in there)
    used = sorted((-round(one.weight / total, 4), one.beacon.id) for one in there)

    def floor_share(zone: Zone) -> float:
        if zone.floor is None:
            return 1.0
        return shares.get(zone.floor, 0.0) if zone.site == site else 0.0

    beacons = tuple((str(beacon), -weight) for weight, beacon in used)
    return Fix("beacons", longitude, latitude, accuracy_m, floor, floor_share, site, beacons)


def of_position(places: Places, position: Position) -> Fix:
    """The phone's own fix. Its floor addresses that floor at every site; without, see UNKNOWN_FLOOR_SHARE."""

    def floor_share(zone: Zone) -> float:
        if zone.floor is None or zone.floor == position.floor:
            return 1.0
        if position.floor is not None:
            return 0.0
        return 1.0 if places.floor_counts[zone.site] == 1 else UNKNOWN_FLOOR_SHARE

    accuracy_m = max(position.accuracy_m, LEAST_POSITION_ACCURACY_M)
    return Fix("position", position.longitude, position.latitude, accuracy_m, position.floor, floor_share)


def is_usable(position: Position) -> bool:
    """A negative accuracy is how iOS says "no fix", 1 000 km is no place; NaN fails the bounds too."""
    return (
        abs(position.latitude) <= 90.0
        and abs(position.longitude) <= 180.0
        and 0.0 <= position.accuracy_m <= 1e6
    )


def _votes(ballots: Iterable[tuple[str, float]]) -> dict[str, float]:
    votes: dict[str, float] = {}
    for name, weight in ballots:
        votes[name] = votes.get(name, 0.0) + weight
    return votes


def _first(votes: dict[str, float]) -> str:
    return min(votes, key=lambda name: (-votes[name], name))


def _floor_shares(hearings: Sequence[Hearing]) -> dict[str, float]:
    """How likely each floor is. Weights of 3 : 1 give 0.9 and 0.1, 3 : 2 give 0.69 and 0.31, 1 : 1 halves."""
    ballots = ((one.beacon.floor, one.weight) for one in hearings)
    votes = _votes((floor, weight) for floor, weight in ballots if floor is not None)
    sharp = {floor: weight**FLOOR_SHARPNESS for floor, weight in votes.items()}
    total = sum(sharp.values())
    return {floor: weight / total for floor, weight in sharp.items()}


def _centroid(hearings: Sequence[Hearing]) -> tuple[float, float, float]:
    """Longitude, latitude and accuracy of the weighted centroid.

    As for any mean, the doubt is the spread of what it is the mean of, by how many those are. With shares w, n of
    like weight, n = 1 / sum(w^2), and `offset` how far a beacon is from the centroid:
    accuracy^2 = least^2 + sum(w * offset^2) / (2 * n) + sum(w * distance^2) / n^2.
    One beacon has no spread and is as far as it sounds: at 1 m 2.0 m, at 5 m 5.3 m, at 15.6 m (-90 dBm) 15.7 m.
    Among several the distances hardly count, for a phone that hears too loud or too faint gets all of them
    wrong alike: four at 8 m, 6 m from their centroid: 3.4 m, and 4.8 m if they sound 15.6 m far.

    Fitting distances (multilateration by least squares, with the phone's loudness as one more unknown) was tried and
    does not win. Beacons each 12 m, median error: levels off by 5 dB 3.8 m either way, by 8 dB 6.0 m here and
    6.7 m fitted. Drawn hard to the centroid it gains 2 to 4 % at 5 dB and nothing at 8 dB; and in the generated
    mall, with walls and bodies, its places jump: 0.42 zones right either way, entries that never were 0.21 here
    and 0.25 fitted.
    """
    origin = max(hearings, key=lambda one: (one.weight, one.beacon.id)).beacon
    east_m, north_m = METRES_PER_DEGREE * math.cos(math.radians(origin.latitude)), METRES_PER_DEGREE
    total = sum(one.weight for one in hearings)
    shares = [one.weight / total for one in hearings]
    # Longitudes as steps from the strongest, the short way round: the antimeridian must not tear them.
    points = [
        (
            ((one.beacon.longitude - origin.longitude + 180.0) % 360.0 - 180.0) * east_m,
            (one.beacon.latitude - origin.latitude) * north_m,
        )
        for one in hearings
    ]
    x = sum(share * point[0] for share, point in zip(shares, points, strict=True))
    y = sum(share * point[1] for share, point in zip(shares, points, strict=True))
    apart = sum(
        share * ((px - x) ** 2 + (py - y) ** 2) for share, (px, py) in zip(shares, points, strict=True)
    )
    away = sum(share * one.distance_m**2 for share, one in zip(shares, hearings, strict=True))
    rarity = sum(share * share for share in shares)  # 1 / n
    accuracy_m = math.sqrt(LEAST_ACCURACY_M**2 + apart * rarity / 2 + away * rarity**2)
    step_east, step_north = degrees(x, y, origin.latitude)
    longitude = (origin.longitude + step_east + 180.0) % 360.0 - 180.0
    return longitude, origin.latitude + step_north, accuracy_m
