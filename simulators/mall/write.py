"""Builds the mall of a seed and writes it as a site of recorded walks.

survey/ holds the surveyor's walks, dev/ shoppers of the next day with four kinds of phones, motionless/ one
phone that lies on a table for an hour; beacons.geojson says where the beacons really hang.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from simulators.mall import air, plan, ways
from simulators.mall.air import Air, Beacon, Device, Packet
from simulators.mall.drawings import UUID, write_beacons, write_plans
from simulators.mall.ways import Way
from simulators.walkfiles import SIGHTINGS, TRUTH, WAYPOINTS, degrees_text, write_rows

DEVICES_IDENTITY = ("0c9ad2b4-74c1-4f5e-8f11-93d5a0b6e2c8", 7, 7)  # that all devices walking about share
SURVEY_DAY_MS = 1_772_442_000_000  # 2 March 2026, 9:00 UTC
DAY_MS = 86_400_000
BETWEEN_WALKS_S = 20
SHOPPERS = 48
SHOPPERS_WITHIN_S = 7_200
STILL_S = 3_600
STILL_SHOP = 10
DEVICES = 6
DEVICES_STAY_S = 14_400
ADDRESS_LASTS_S = 480
MARKED_EVERY_S = 9
MARKED_WITHIN_M = 0.5  # standard deviation: the surveyor's thumb on the plan
BEACONS_APART_M = 12
HUNG_WITHIN_M = 0.6  # of the spot planned, as ladders and cables allow


@dataclass(frozen=True, slots=True)
class Walk:
    trace: str
    begins_s: int  # on its day
    way: Way
    ear_db: float


@dataclass(frozen=True, slots=True)
class Mall:
    site: Path
    seed: int
    air: Air


def write_mall(site: Path, *, seed: int, shoppers: int = SHOPPERS) -> None:
    """The same seed writes the same bytes; the folder's name is the site's."""
    mall = Mall(site, seed, Air(hang_beacons(seed), np.random.default_rng([seed, 0])))
    write_plans(site)
    write_beacons(site, mall.air.beacons)
    write_walks(mall, "survey", survey_walks(), day=0)
    write_walks(mall, "dev", shopper_walks(seed, shoppers), day=1)
    write_walks(mall, "motionless", [still_walk()], day=2)


def hang_beacons(seed: int) -> tuple[Beacon, ...]:
    """At the ceilings of all corridors, 10 to 15 m from one another."""
    random = Random(f"{seed}/beacons")
    beacons: list[Beacon] = []
    for level in range(len(plan.FLOORS)):
        for number, (x, y) in enumerate(beacon_spots(), start=1):
            mistaken = (len(beacons) + 1) % air.MISTAKEN_EVERY == 0
            told = random.choice(air.MISTAKEN_POWERS_DBM) if mistaken else air.USUAL_POWER_DBM
            beacons.append(
                Beacon(
                    id=f"{plan.FLOORS[level]}-{number:02d}",
                    level=level,
                    x=x + random.uniform(-HUNG_WITHIN_M, HUNG_WITHIN_M),
                    y=y + random.uniform(-HUNG_WITHIN_M, HUNG_WITHIN_M),
                    minor=number,
                    mac=f"ac:23:3f:a0:{level + 1:02x}:{number:02x}",
                    power_dbm=random.gauss(air.USUAL_POWER_DBM, air.POWER_SPREAD_DB),
                    told_dbm=told,
                )
            )
    return tuple(beacons)


def beacon_spots() -> Iterator[tuple[float, float]]:
    for y in plan.CORRIDORS_M:
        yield from ((x, y) for x in range(6, plan.WIDTH_M, BEACONS_APART_M))
    yield from ((x, y) for x in plan.CROSSINGS_M for y in (20, 40))


def survey_walks() -> Iterator[Walk]:
    begins_s = 0
    for number, way in enumerate(ways.survey_ways(), start=1):
        yield Walk(f"survey-{number:04d}", begins_s, way, air.SURVEYOR_DB)
        begins_s += len(way) + BETWEEN_WALKS_S


def shopper_walks(seed: int, shoppers: int) -> Iterator[Walk]:
    for number in range(1, shoppers + 1):
        random = Random(f"{seed}/shopper/{number}")
        ear_db = air.MODELS_DB[number % len(air.MODELS_DB)]
        yield Walk(
            f"shopper-{number:04d}", random.randrange(SHOPPERS_WITHIN_S), ways.shopper_way(random), ear_db
        )


def still_walk() -> Walk:
    return Walk("still-0001", 600, ways.still(plan.shops()[STILL_SHOP], STILL_S), air.MODELS_DB[2])


def devices(seed: int, day: int) -> tuple[Device, ...]:
    return tuple(_device(Random(f"{seed}/device/{day}/{number}")) for number in range(DEVICES))


def _device(random: Random) -> Device:
    way = ways.stroller_way(random, DEVICES_STAY_S)
    macs = tuple(_random_mac(random) for _ in range(DEVICES_STAY_S // ADDRESS_LASTS_S))
    return Device(way, macs, ADDRESS_LASTS_S)


def _random_mac(random: Random) -> str:
    """The two highest bits of a random address that can be resolved are 01."""
    first = 0x40 | random.getrandbits(6)
    return ":".join(f"{part:02x}" for part in (first, *random.randbytes(5)))


def write_walks(mall: Mall, folder: str, walks: Iterable[Walk], *, day: int) -> None:
    walked, walking_about = tuple(walks), devices(mall.seed, day)
    begins_ms = SURVEY_DAY_MS + day * DAY_MS
    sightings: list[tuple[object, ...]] = []
    for number, walk in enumerate(walked):
        draws = np.random.default_rng([mall.seed, 1 + day, number])
        packets = [
            *mall.air.listen(walk.way, walk.ear_db, draws),
            *air.overhear(walk.way, walk.begins_s, walking_about, walk.ear_db, draws),
        ]
        sightings += sorted(_sighting(walk, packet, begins_ms) for packet in packets)
    beside = mall.site / folder
    write_rows(beside / "sightings.csv.gz", SIGHTINGS, sightings)
    marked = Random(f"{mall.seed}/marks/{day}")
    waypoints = (row for walk in walked for row in waypoint_rows(walk, begins_ms, marked))
    write_rows(beside / "waypoints.csv.gz", WAYPOINTS, waypoints)
    truth = (row for walk in walked for row in truth_rows(mall.site.name, walk, begins_ms))
    write_rows(beside / "truth.csv.gz", TRUTH, truth)


def _sighting(walk: Walk, packet: Packet, day_ms: int) -> tuple[object, ...]:
    """Heard within the second that ends when the walker is at the step."""
    t_ms = _t_ms(walk, packet.second, day_ms) - packet.before_ms
    beacon = packet.beacon
    identity = (UUID, beacon.level + 1, beacon.minor) if beacon else DEVICES_IDENTITY
    told = beacon.told_dbm if beacon else air.USUAL_POWER_DBM
    return (walk.trace, t_ms, *identity, packet.mac, told, packet.rssi_dbm)


def _t_ms(walk: Walk, second: int, day_ms: int) -> int:
    return day_ms + (walk.begins_s + second) * 1000


def waypoint_rows(walk: Walk, day_ms: int, random: Random) -> Iterator[tuple[object, ...]]:
    """What the walker marks on the plan: the start, the end, and something in between every few seconds."""
    last = len(walk.way) - 1
    for second in sorted({*range(0, last, MARKED_EVERY_S), last}):
        step = walk.way[second]
        x, y = (random.gauss(each, MARKED_WITHIN_M) for each in (step.x, step.y))
        longitude, latitude = plan.place(x, y)
        yield (
            walk.trace,
            _t_ms(walk, second, day_ms),
            step.floor,
            degrees_text(latitude),
            degrees_text(longitude),
        )


def truth_rows(site: str, walk: Walk, day_ms: int) -> Iterator[tuple[object, ...]]:
    for second, step in enumerate(walk.way):
        longitude, latitude = plan.place(step.x, step.y)
        zone = plan.zone_id(site, step.floor, plan.room_at(step.x, step.y))
        where = (degrees_text(latitude), degrees_text(longitude))
        yield (walk.trace, _t_ms(walk, second, day_ms), step.floor, zone, *where)
