"""Where a ping was: from beacons or a position to zones, each with the probability that it holds the phone.

A place is a point with a doubt around it, never a point alone: what follows may act on likely zones and holds
still in doubtful ones. `docs/positioning.md` tells the method with worked values.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.positioning.fix import Fix, Hearing, is_usable, of_beacons, of_position
from beacon_service.positioning.ranging import distance_m, freshness, remember, tx_power_dbm
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import NOWHERE, BeaconId, Heard, Located, Position, Sighting

# The plane normal distribution as 25 points of equal weight: the centre and rings of 6, 9 and 9, at the
# quantiles 0.16, 0.46 and 0.82, the middles of their shares. Radii are in units of the 68 % radius:
# sqrt(ln(1 - q) / ln(1 - 0.68)) = 0.39, 0.74 and 1.23. One ring is turned, so that no border meets all.
_RINGS = ((1, 0.0, 0.0), (6, 0.391, 0.0), (9, 0.735, 0.35), (9, 1.227, 0.0))
SPREAD = np.array(
    [
        (radius * math.cos(turn + 2 * math.pi * k / count), radius * math.sin(turn + 2 * math.pi * k / count))
        for count, radius, turn in _RINGS
        for k in range(count)
    ]
)


def locate(
    places: Places,
    heard: Sequence[Heard],
    sightings: Sequence[Sighting],
    position: Position | None,
    at: datetime,
) -> tuple[Located, tuple[Heard, ...]]:
    """Where the phone is at `at`, and what it remembers of beacons from then on."""
    fix, memory = sense(places, heard, sightings, position, at)
    return locate_all(places, [fix])[0], memory


def sense(
    places: Places,
    heard: Sequence[Heard],
    sightings: Sequence[Sighting],
    position: Position | None,
    at: datetime,
) -> tuple[Fix | None, tuple[Heard, ...]]:
    """The place and its doubt, if anything says where, and what the phone remembers of beacons from then on.

    Beacons beat a position, for indoors satellites are guessed at; a position counts where no beacon is
    known. A ping that brings neither is nowhere: memory alone is no new evidence.
    """
    memory, any_known = remember(places, heard, sightings, at)
    usable = position if position is not None and is_usable(position) else None
    hearings = _hearings(places, memory, at) if any_known or usable is not None else []
    if hearings:
        return of_beacons(hearings), memory
    return (of_position(places, usable) if usable is not None else None), memory


def locate_all(places: Places, fixes: Sequence[Fix | None]) -> list[Located]:
    """The zones of many fixes in one question to the index: it costs a tenth of asking one by one."""
    found = _zones(places, [fix for fix in fixes if fix is not None])
    return [NOWHERE if fix is None else _located(fix, next(found)) for fix in fixes]


def _hearings(places: Places, memory: Sequence[Heard], at: datetime) -> list[Hearing]:
    """What is remembered of beacons that are still in use."""
    known = ((one, places.beacons.get(BeaconId(one.beacon))) for one in memory)
    return [
        Hearing(
            beacon=transmitter.beacon,
            distance_m=distance_m(one.rssi_dbm, tx_power_dbm(transmitter.beacon, one.tx_power_dbm)),
            freshness=freshness(one, at),
        )
        for one, transmitter in known
        if transmitter is not None and transmitter.active
    ]


def _located(fix: Fix, zones: tuple[tuple[str, float], ...]) -> Located:
    return Located(
        source=fix.source,
        zones=zones,
        longitude=round(fix.longitude, 7),
        latitude=round(fix.latitude, 7),
        accuracy_m=round(fix.accuracy_m, 2),
        floor=fix.floor,
        beacons=fix.beacons,
    )


def _zones(places: Places, fixes: Sequence[Fix]) -> Iterator[tuple[tuple[str, float], ...]]:
    """For each fix, each zone's share of its spread points, times how likely the floor is; most probable first."""
    shares: list[list[tuple[str, float]]] = [[] for _ in fixes]
    if fixes and places.index.zones:
        centres = np.array([(fix.longitude, fix.latitude) for fix in fixes])
        radii = _radii(centres[:, 1], np.array([fix.accuracy_m for fix in fixes]))
        points = centres[:, None, :] + SPREAD[None, :, :] * radii[:, None, :]
        for group, number, count in zip(
            *(found.tolist() for found in places.index.shares(points)), strict=True
        ):
            zone = places.index.zones[number]
            probability = round(count / len(SPREAD) * fixes[group].floor_share(zone), 4)
            if probability > 0.0:
                shares[group].append((zone.key, probability))
    return (tuple(found) if len(found) < 2 else tuple(sorted(found, key=_likelier)) for found in shares)


def _likelier(zone: tuple[str, float]) -> tuple[float, str]:
    return -zone[1], zone[0]


def _radii(latitudes: NDArray[np.float64], accuracies_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 68 % radii in degrees of longitude and latitude, (n, 2); see `geo.degrees`."""
    north = accuracies_m / METRES_PER_DEGREE
    return np.stack([north / np.maximum(0.01, np.cos(np.radians(latitudes))), north], axis=1)
