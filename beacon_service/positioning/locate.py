"""Where a ping was: from beacons or a position to zones, each with the probability that it holds the phone.

A place is a point with a doubt around it, never a point alone: what follows may act on likely zones and holds
still in doubtful ones. `docs/positioning.md` tells the method with worked values.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.positioning.belief import believe, kept, place_of
from beacon_service.positioning.fix import Fix, Hearing, is_usable, of_beacons, of_position
from beacon_service.positioning.ranging import Level, distance_m, freshness, remember, tx_power_dbm
from beacon_service.positioning.resting import settled
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import (
    NOWHERE,
    BeaconId,
    Belief,
    Heard,
    Located,
    Position,
    Rest,
    Sighting,
    is_level,
)
from beacon_service.zones.radio_map import PRINT_S
from beacon_service.zones.surveyed import Surveyed

PRINT_SPAN = timedelta(seconds=PRINT_S)
UNUSED = timedelta(minutes=15)

Remains = TypeVar("Remains", Belief | None, Rest | None)

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


class Sensed(Struct, frozen=True):
    """What a ping says before zones are asked, and what its phone remembers from then on.

    At a surveyed site it is `located` at once, for the map knows its zones; else there may be a `fix`.
    """

    heard: tuple[Heard, ...] = ()
    belief: Belief | None = None
    rest: Rest | None = None
    located: Located | None = None
    fix: Fix | None = None


class Remembered(Struct, frozen=True):
    """What is left of the phone's earlier pings; and its model, since phones differ in how loud they hear."""

    heard: tuple[Heard, ...] = ()
    belief: Belief | None = None
    rest: Rest | None = None
    model: str | None = None


def sense(
    places: Places,
    remembered: Remembered,
    sightings: Sequence[Sighting],
    position: Position | None,
    at: datetime,
) -> Sensed:
    """Where a phone is, as far as it alone tells.

    Beacons beat a position, for indoors satellites are guessed at; a position counts where no beacon is
    known. A ping that brings neither is nowhere: memory alone is no new evidence.
    """
    surveyed = places.surveys.site_of(sightings) if sightings and places.surveys.sites else None
    if surveyed is not None and (levels := _map_levels(places, surveyed, remembered.model, sightings, at)):
        return _sense_by_map(surveyed, remembered, levels, at)
    levels = _beacon_levels(places, remembered.model, sightings, at) if sightings else {}
    heard = remember(remembered.heard, levels, at) if remembered.heard or levels else ()
    usable = position if position is not None and is_usable(position) else None
    hearings = _hearings(places, heard, at) if levels or usable is not None else []
    if hearings:
        there, rest = settled(remembered.rest, of_beacons(hearings), at)
        return Sensed(heard, _lately(remembered.belief, at), rest, fix=there)
    if usable is not None:
        return Sensed(heard, _lately(remembered.belief, at), fix=of_position(places, usable))
    return Sensed(heard, _lately(remembered.belief, at), _lately(remembered.rest, at))


def _lately(what: Remains, at: datetime) -> Remains:
    """Neither a belief nor a rest is kept for long by pings that say nothing of it."""
    return what if what is None or at - what.at < UNUSED else None


def locate_all(places: Places, sensed: Sequence[Sensed]) -> list[Located]:
    """The zones of many fixes in one question to the index: it costs a tenth of asking one by one."""
    found = _zones(places, [one.fix for one in sensed if one.fix is not None])
    return [one.located or (NOWHERE if one.fix is None else _located(one.fix, next(found))) for one in sensed]


def _beacon_levels(
    places: Places, model: str | None, sightings: Sequence[Sighting], at: datetime
) -> dict[str, list[Level]]:
    """What was heard of beacons in use, by beacon."""
    louder_db = places.phone_offset_db(model)
    levels: dict[str, list[Level]] = {}
    for sighting in sightings:
        if is_level(sighting.rssi_dbm) and (beacon := places.beacon(sighting)) is not None:
            levels.setdefault(beacon.id, []).append(_level(sighting, louder_db, at))
    return levels


def _map_levels(
    places: Places, surveyed: Surveyed, model: str | None, sightings: Sequence[Sighting], at: datetime
) -> dict[str, list[Level]]:
    """What was heard of transmitters that the map knows, by their names there; none that was put out of use."""
    louder_db = places.phone_offset_db(model)
    levels: dict[str, list[Level]] = {}
    for sighting in sightings:
        if not is_level(sighting.rssi_dbm) or places.is_out_of_use(sighting):
            continue
        row = surveyed.radio_map.row(sighting)
        if row is None and (known := places.transmitter(sighting)) is not None:
            also = (surveyed.radio_map.aliases.get(identity) for identity in known.beacon.identities)
            row = next((one for one in also if one is not None), None)
        if row is not None:
            name = surveyed.radio_map.transmitters[row]
            levels.setdefault(name, []).append(_level(sighting, louder_db, at))
    return levels


def _level(sighting: Sighting, louder_db: float, at: datetime) -> Level:
    """As the median phone would have heard it, no later than its ping."""
    heard_at = at if sighting.at is None else min(at, sighting.at)
    return Level(sighting.rssi_dbm - louder_db, heard_at, sighting.tx_power_dbm)


def _sense_by_map(
    surveyed: Surveyed, remembered: Remembered, levels: Mapping[str, Sequence[Level]], at: datetime
) -> Sensed:
    radio_map = surveyed.radio_map
    # Prints are of two seconds; what is older would only draw levels to where the phone was.
    recent = [one for one in remembered.heard if at - one.at < PRINT_SPAN]
    heard = remember(recent, levels, at)
    rows = radio_map.numbers
    now = {
        rows[name]: sum(one.rssi_dbm for one in several) / len(several) for name, several in levels.items()
    }
    lately = {
        rows[one.beacon]: one.rssi_dbm for one in heard if one.beacon in rows and at - one.at < PRINT_SPAN
    }
    before = remembered.belief
    if before is not None and (before.site, before.number) != (surveyed.site, surveyed.number):
        before = None
    likely = believe(radio_map, before, now, lately, at)
    return Sensed(
        heard,
        kept(likely, surveyed.site, surveyed.number, at),
        _lately(remembered.rest, at),
        located=place_of(surveyed, likely, [radio_map.transmitters[row] for row in sorted(now)]),
    )


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
        rested_s=fix.rested_s,
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
