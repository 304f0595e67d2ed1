"""A site with all that is worked out of it once, and who comes to it when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.generating import spelling
from simulators.generating.hearing import Ear, can_be_ranged
from simulators.generating.hours import OpenDay, open_day
from simulators.generating.people import DAY, USUAL_HOUR_SPREAD, Sketch, party_of, popularity_of, sketched
from simulators.generating.radio.ether import ether_of, storey_heights_m
from simulators.generating.sites.files import SiteError
from simulators.generating.sites.place import place_of
from simulators.generating.telling import Outing, Teller
from simulators.generating.truth import ZoneIndex
from simulators.generating.walking.terrain import Terrain, terrain_of
from simulators.generating.walking.visit import HURRIED, USUAL, Errand, Pace, make_visit
from simulators.venue import Venue

Floats = NDArray[np.float64]

# Of a day's people, so many at most have been here before: a shop where nobody is new learns nothing.
MOST_AGAIN_SHARE = 0.7
# With a visit that lasts no longer than a minute and a half, all are gone after two.
HURRIED_WITHIN_S = 25.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What is to be made up: `shoppers` a day on `days` days from `first` on, a ping every `every_s` seconds.

    `in_hand`: everybody uses the app all the time. `hurried`: all come within half a minute of opening, and hurry.
    """

    seed: int
    shoppers: int
    first: date
    days: int = 1
    every_s: int = 10
    in_hand: bool = False
    hurried: bool = False

    @property
    def pace(self) -> Pace:
        return HURRIED if self.hurried else USUAL


class Coming(NamedTuple):
    """A party on its way: so many of its people, on that day."""

    at_s: float
    sketch: Sketch
    members: int
    day: OpenDay


@dataclass(slots=True)
class World:
    """A site with all that is worked out of it once."""

    terrain: Terrain
    teller: Teller
    crowd: Crowd
    popularity: Floats
    regulars: list[Sketch] = field(default_factory=list)


def make_world(venue: Venue, crowd: Crowd) -> World:
    """Raises SiteError where nobody can walk there."""
    place = place_of(venue)
    terrain = terrain_of(place)
    ether = ether_of(place, crowd.seed)
    ranged = np.array([can_be_ranged(beacon.identities) for beacon in place.beacons], dtype=np.bool_)
    stems = {
        platform: spelling.sighting_stems(place.beacons, ether.told_dbm, android=platform == "android")
        for platform in ("android", "ios")
    }
    ear = Ear(ether, storey_heights_m(place), ranged)
    teller = Teller(terrain, ear, ZoneIndex(place), stems, crowd.every_s, crowd.in_hand, crowd.pace)
    return World(terrain, teller, crowd, popularity_of(len(terrain.goals), crowd.seed))


def open_days(world: World) -> list[OpenDay]:
    place, crowd = world.terrain.place, world.crowd
    found = [open_day(place.hours, place.time_zone, crowd.first, number) for number in range(crowd.days)]
    days = [day for day in found if day]
    if not days:
        raise SiteError(f"{place.id} is closed on all of these days: choose another --date or more --days")
    return days


def coming_on(world: World, day: OpenDay) -> list[Coming]:
    """Who comes that day, in order of arrival: those who come again, then new ones until there are enough."""
    crowd = world.crowd
    seed, shoppers = crowd.seed, crowd.shoppers
    coming: list[Coming] = []
    people = 0
    for sketch in world.regulars:
        if people + sketch.size <= MOST_AGAIN_SHARE * shoppers and sketch.comes_on(seed, day.number):
            coming.append(Coming(_arrival_s(crowd, sketch, day), sketch, sketch.size, day))
            people += sketch.size
    for sketch in sketched(seed, day.number, shoppers - people):
        members = min(sketch.size, shoppers - people)
        coming.append(Coming(_arrival_s(crowd, sketch, day), sketch, members, day))
        people += members
        # Of a party that was cut short some never registered; it does not come again.
        if sketch.comes_again and members == sketch.size:
            world.regulars.append(sketch)
    return sorted(coming, key=lambda each: (each.at_s, each.sketch))


def _arrival_s(crowd: Crowd, sketch: Sketch, day: OpenDay) -> float:
    """Those who come again come at about their hour; before the first or after the last nobody comes."""
    if crowd.hurried:
        return day.opens_s + sketch.usual * HURRIED_WITHIN_S
    if not sketch.comes_again:
        return day.arrival_s(sketch.usual)
    beside = sketch.draws(crowd.seed, DAY, day.number, 1).normal(0, USUAL_HOUR_SPREAD)
    quantile = abs(sketch.usual + beside)
    return day.arrival_s(min(quantile, max(0.0, 2 - quantile)))


def outings(world: World, coming: Coming) -> Iterator[Outing]:
    """The party's visit, as each of its people walks it."""
    seed, day = world.crowd.seed, coming.day.number
    party = party_of(coming.sketch, seed, world.popularity)
    draws = coming.sketch.draws(seed, DAY, day)
    own = [person.on_day(day) for person in party.people]
    buys = [bool(each.random() < person.answers.buy) for person, each in zip(party.people, own, strict=True)]
    errand = Errand(
        begins_s=coming.at_s,
        closes_s=coming.day.closes_s,
        buys=any(buys),
        liking=party.favours,
        pace=world.crowd.pace,
    )
    visit = make_visit(world.terrain, errand, draws)
    for person, its_draws, buying in list(zip(party.people, own, buys, strict=True))[: coming.members]:
        walked = visit.beside(person.aside_m, person.behind_s)
        first = coming.sketch.first_day == day
        yield Outing(person, walked, day, first, buying, its_draws)
