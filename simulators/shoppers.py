"""How people walk through a shop: a plan of stops, and from it where they are at every second.

A visit is made short (they hurry between shelves and browse for seconds, not minutes), so that a whole
afternoon fits a demo of two minutes while every rule on time still runs on the real clock.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from shapely.geometry import Point

from beacon_service.geo import degrees, distance_m
from simulators.radio import Spot
from simulators.venue import Venue, Zone

SPEED_M_S = (2.0, 3.0)  # hurried: see above
BROWSE_S = (4, 12)
LINGER_S = (24, 32)  # one stop in five: longer than the dwell that a campaign waits for
LINGER_SHARE = 0.2
CAFE_SHARE = 0.25
BUYS_SHARE = 0.7  # the others leave without passing the tills
ESCALATOR_S = 4
VISIT_S = 95  # no plan lasts longer: a stop that does not fit is left out
MOST_DEPARTMENTS = 5
OUTSIDE_M = 12  # from the door: where they come from and go to, in the geofence but not in the house
WANDER_M = 0.6  # steps aside while browsing


@dataclass(frozen=True, slots=True)
class Stop:
    floor: str | None
    longitude: float
    latitude: float
    stays_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    speed_m_s: float
    stops: tuple[Stop, ...]


def draw_plan(venue: Venue, random: Random) -> Plan:
    """Through the door, along the departments that fit into the time, tills perhaps, and out again."""
    tagged = zones_by_tag(venue)
    speed = random.uniform(*SPEED_M_S)
    entrance, stairs = tagged["entrance"][0], tagged["stairs"]
    stops = [outside(entrance), stop_in(entrance, random, 2)]
    leaving = [stop_in(entrance, random, 1), outside(entrance)]
    if random.random() < BUYS_SHARE:
        leaving.insert(0, stop_in(tagged["tills"][0], random, random.uniform(3, 7)))
    for zone in wishes(tagged, random):
        stay = random.uniform(*(LINGER_S if random.random() < LINGER_SHARE else BROWSE_S))
        longer = [*stops, *way_to(stops[-1].floor, zone, stairs, random), stop_in(zone, random, stay)]
        whole = (*longer, *way_to(zone.floor, entrance, stairs, random), *leaving)
        if lasts_s(whole, speed) <= VISIT_S:
            stops = longer
    return Plan(speed, (*stops, *way_to(stops[-1].floor, entrance, stairs, random), *leaving))


def wishes(tagged: Mapping[str, Sequence[Zone]], random: Random) -> list[Zone]:
    """Where they would like to go; floor by floor, as nobody rides the escalator for every shelf."""
    wished = random.sample(list(tagged["stop"]), k=MOST_DEPARTMENTS)
    if random.random() < CAFE_SHARE:
        wished.insert(0, tagged["cafe"][0])
    begins_on = random.choice(sorted({zone.floor or "" for zone in tagged["stop"]}))
    return sorted(wished, key=lambda zone: zone.floor != begins_on)


def zones_by_tag(venue: Venue) -> Mapping[str, list[Zone]]:
    by_tag: dict[str, list[Zone]] = {}
    for zone in venue.zone_list():
        for tag in sorted(zone.tags):
            by_tag.setdefault(tag, []).append(zone)
    return by_tag


def stop_in(zone: Zone, random: Random, stays_s: float) -> Stop:
    """Anywhere in the zone, a little off its border as people stand before shelves, not on the line."""
    west, south, east, north = zone.geometry.bounds
    for _ in range(100):
        across, along = random.uniform(0.1, 0.9), random.uniform(0.1, 0.9)
        longitude, latitude = west + across * (east - west), south + along * (north - south)
        if zone.geometry.covers(Point(longitude, latitude)):
            return Stop(zone.floor, longitude, latitude, stays_s)
    inner = zone.geometry.representative_point()
    return Stop(zone.floor, inner.x, inner.y, stays_s)


def outside(entrance: Zone) -> Stop:
    """Before the door, which is taken to be on the entrance's south side."""
    west, south, east, _ = entrance.geometry.bounds
    return Stop(entrance.floor, (west + east) / 2, south - degrees(0, OUTSIDE_M, south)[1], 1)


def way_to(floor: str | None, zone: Zone, stairs: Sequence[Zone], random: Random) -> tuple[Stop, ...]:
    """The stops between here and a zone: none on the same floor, else an escalator's lower and upper end."""
    if zone.floor == floor:
        return ()
    leaving = next(each for each in stairs if each.floor == floor)
    arriving = next(each for each in stairs if each.floor == zone.floor)
    stand = stop_in(leaving, random, ESCALATOR_S)
    return stand, Stop(arriving.floor, stand.longitude, stand.latitude, 1)


def lasts_s(stops: Sequence[Stop], speed_m_s: float) -> float:
    walking = sum(
        distance_m(here.longitude, here.latitude, there.longitude, there.latitude)
        for here, there in pairwise(stops)
    )
    return walking / speed_m_s + sum(stop.stays_s for stop in stops)


def spots(plan: Plan, levels: Mapping[str, int], random: Random) -> tuple[Spot, ...]:
    """Where the shopper is at each full second, from the first stop to the last."""
    here: list[Spot] = []
    for index, stop in enumerate(plan.stops):
        level = levels[stop.floor] if stop.floor else 0
        if index:
            before = plan.stops[index - 1]
            seconds = max(1, math.ceil(lasts_s((replace_stay(before), replace_stay(stop)), plan.speed_m_s)))
            here += [between(before, stop, step / seconds, level) for step in range(1, seconds + 1)]
        here += [wander(stop, level, random) for _ in range(round(stop.stays_s))]
    return tuple(here)


def replace_stay(stop: Stop) -> Stop:
    return Stop(stop.floor, stop.longitude, stop.latitude, 0)


def between(start: Stop, end: Stop, share: float, level: int) -> Spot:
    longitude = start.longitude + share * (end.longitude - start.longitude)
    latitude = start.latitude + share * (end.latitude - start.latitude)
    return Spot(level, end.floor, longitude, latitude)


def wander(stop: Stop, level: int, random: Random) -> Spot:
    east, north = degrees(
        random.uniform(-WANDER_M, WANDER_M), random.uniform(-WANDER_M, WANDER_M), stop.latitude
    )
    return Spot(level, stop.floor, stop.longitude + east, stop.latitude + north)
