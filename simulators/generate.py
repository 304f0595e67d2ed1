"""Made-up shoppers: the same seed gives the same walks, to the byte.

Each shopper draws from a generator of their own, named by seed and number, so that more shoppers leave the
first ones as they were. Real crowds are never clean: some pings are sent twice, some get lost, some phones
are wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from simulators.radio import Heard, Spot, Transmitters, listen
from simulators.shoppers import draw_plan, spots
from simulators.venue import Venue, Zone, deepest_zone
from simulators.walks import Position, Sighting, Walk, WalkPing

SHOPPING_S = 120  # the whole crowd, first door to last
PING_EVERY_S = 2
ANDROID_SHARE = 0.6
PHONE_OFFSET_DB = 3.0  # standard deviation between models
SENT_TWICE_SHARE = 0.02
LOST_SHARE = 0.02
NO_LOCATION_CONSENT_EVERY = 40  # the 40th shopper, the 80th, ...: few, but there in any crowd
NO_MARKETING_CONSENT_EVERY = 25
WRONG_CLOCK_EVERY = 30
WRONG_CLOCK_S = 300.0
# A neighbour's beacon that nobody registered: it is heard now and then at the door.
STRANGER = Sighting("0f5c6a7e-33f0-4d7f-8f0b-d7a1b0f7c9aa", 4242, 7, -88)


@dataclass(frozen=True, slots=True)
class Shop:
    """A venue with what every shopper asks of it computed once."""

    venue: Venue
    zones: tuple[Zone, ...]
    levels: Mapping[str, int]
    transmitters: Transmitters


def generate(venue: Venue, *, seed: int, shoppers: int) -> tuple[Walk, ...]:
    levels = {floor: int(body["level"]) for floor, body in venue.floors.items()}
    transmitters = Transmitters.of([(levels[beacon.floor], beacon) for beacon in venue.beacon_list()])
    shop = Shop(venue, venue.zone_list(), levels, transmitters)
    return tuple(shopper(shop, number, seed) for number in range(1, shoppers + 1))


def shopper(shop: Shop, number: int, seed: int) -> Walk:
    random, radio = Random(f"{seed}/{number}"), np.random.default_rng([seed, number])
    way = spots(draw_plan(shop.venue, random), shop.levels, random)
    android = random.random() < ANDROID_SHARE
    arrives = random.uniform(0, max(0.0, SHOPPING_S - len(way)))
    offset_db = random.gauss(0, PHONE_OFFSET_DB)
    heard = [listen(spot, shop.transmitters, offset_db, radio) for spot in way]
    pings = [
        ping_of(way, heard, second, android=android, random=random)
        for second in range(PING_EVERY_S - 1, len(way), PING_EVERY_S)
    ]
    return Walk(
        label=f"shopper {number}",
        starts_after_s=round(arrives, 3),
        pings=with_faults([with_truth(ping, way, shop) for ping in pings], random),
        platform="android" if android else "ios",
        location_consent=number % NO_LOCATION_CONSENT_EVERY != 0,
        marketing_consent=number % NO_MARKETING_CONSENT_EVERY != 0,
        clock_ahead_s=WRONG_CLOCK_S if number % WRONG_CLOCK_EVERY == 0 else 0.0,
        customer=draw_customer(random),
    )


def draw_customer(random: Random) -> dict[str, Any] | None:
    """Two in five have logged in to the app; the others stay anonymous."""
    if random.random() >= 0.4:
        return None
    loyalty = random.choices(("none", "silver", "gold"), weights=(4, 3, 3))[0]
    return {"loyalty": loyalty, "newsletter": random.random() < 0.5}


def ping_of(
    way: Sequence[Spot], heard: Sequence[tuple[Heard, ...]], second: int, *, android: bool, random: Random
) -> WalkPing:
    """What was heard in the seconds since the last ping; near the door, now and then, a fix of the phone's
    own.
    """
    since = heard[second - PING_EVERY_S + 1 : second + 1]
    sightings = [sighting_of(each, android=android) for one_second in since for each in one_second]
    at_the_door = second < 4 * PING_EVERY_S or second >= len(way) - 4 * PING_EVERY_S
    if at_the_door and random.random() < 0.1:
        sightings.append(STRANGER)
    fix = fix_at(way[second], random) if at_the_door and random.random() < 0.3 else None
    return WalkPing(after_s=float(second + 1), sightings=tuple(sightings), position=fix)


def sighting_of(heard: Heard, *, android: bool) -> Sighting:
    beacon = heard.beacon
    return Sighting(
        uuid=beacon.uuid,
        major=beacon.major,
        minor=beacon.minor,
        rssi_dbm=heard.rssi_dbm,
        mac=beacon.mac if android else None,
        tx_power_dbm=beacon.tx_power_dbm if android else None,
    )


def fix_at(spot: Spot, random: Random) -> Position:
    """Some metres off, as between houses, and honest about it."""
    return Position(
        longitude=round(random.gauss(spot.longitude, 4e-5), 7),
        latitude=round(random.gauss(spot.latitude, 3e-5), 7),
        accuracy_m=round(random.uniform(5, 14), 1),
    )


def with_truth(ping: WalkPing, way: Sequence[Spot], shop: Shop) -> WalkPing:
    spot = way[int(ping.after_s) - 1]
    zone = deepest_zone(shop.zones, spot.floor, spot.longitude, spot.latitude)
    return replace(ping, truth=f"{shop.venue.id}/{zone}" if zone else None)


def with_faults(pings: Sequence[WalkPing], random: Random) -> tuple[WalkPing, ...]:
    """Some pings never leave the phone, some are sent twice because their answer got lost."""
    kept = []
    for ping in pings:
        chance = random.random()
        if chance < LOST_SHARE:
            continue
        twice = chance < LOST_SHARE + SENT_TWICE_SHARE
        kept.append(replace(ping, sent_twice=twice))
    return tuple(kept)
