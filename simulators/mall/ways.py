"""Where people are at each second: surveyors straight along the corridors, shoppers from shop to shop."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from simulators.mall.plan import (
    CORRIDORS_M,
    CROSSINGS_M,
    FLOORS,
    SHOP_M,
    SHOPS_WEST_M,
    STAIRS,
    Room,
    corridor_m,
    front_m,
    shops,
)

SURVEYOR_M_S = 1.1
SHOPPER_M_S = (0.8, 1.5)
SHOPS_VISITED = (2, 4)
STAYS_S = (25, 90)
MOVES_WITHIN_SHOP_S = (5, 20)
WITHIN_SHOP_M = 1.0  # from the walls
OTHER_FLOOR_SHARE = 0.35  # of the shops wished for
STAIRS_S = 15
SURVEYED_TWICE = 2
ENTRANCE = (40.0, 1.0)  # at the south end of the hall, on the lowest floor

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One second; `level` counts floors from 0 and is between two of them on the stairs.

    `heading` is where the walker looks, in radians from east: the body is behind the phone.
    """

    level: float
    x: float
    y: float
    heading: float

    @property
    def floor(self) -> str:
        return FLOORS[math.floor(self.level + 0.5)]


Way = list[Step]


def survey_lines() -> Iterator[tuple[Point, Point]]:
    """The straight pieces of corridors between crossings, and through every second pair of facing shops."""
    for y in CORRIDORS_M:
        yield from (((2, y), (40, y)), ((40, y), (78, y)))
    for x in CROSSINGS_M:
        yield from (((x, 2), (x, 30)), ((x, 30), (x, 58)))
    for y in CORRIDORS_M:
        for west in SHOPS_WEST_M[::2]:
            middle = west + SHOP_M / 2
            yield (middle, y - 8), (middle, y + 8)


def survey_ways() -> Iterator[Way]:
    """Each line there and back, twice, floor by floor."""
    for level in range(len(FLOORS)):
        for start, end in survey_lines():
            for _ in range(SURVEYED_TWICE):
                yield straight(level, start, end, SURVEYOR_M_S)
                yield straight(level, end, start, SURVEYOR_M_S)


def straight(level: int, start: Point, end: Point, speed_m_s: float) -> Way:
    """From the start to the end, both included, in whole seconds."""
    seconds = max(1, math.ceil(math.dist(start, end) / speed_m_s))
    heading = math.atan2(end[1] - start[1], end[0] - start[0])
    return [
        Step(
            level,
            start[0] + (end[0] - start[0]) * second / seconds,
            start[1] + (end[1] - start[1]) * second / seconds,
            heading,
        )
        for second in range(seconds + 1)
    ]


def still(shop: Room, lasts_s: int) -> Way:
    """A phone on a table beside the front."""
    x, front = shop.centre[0] + 2, front_m(shop)
    y = front - 1 if front == shop.north else front + 1
    return [Step(0, x, y, math.pi / 2)] * lasts_s


class Shopper:
    """Walks on from where they are; `way` is what they have walked."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.speed_m_s = random.uniform(*SHOPPER_M_S)
        self.level = 0
        self.way: Way = [Step(0, *ENTRANCE, math.pi / 2)]

    @property
    def here(self) -> Point:
        return self.way[-1].x, self.way[-1].y

    def walk_to(self, x: float, y: float, speed_m_s: float | None = None) -> None:
        self.way += straight(self.level, self.here, (x, y), speed_m_s or self.speed_m_s)[1:]

    def walk_along(self, corridor_y: float, x: float) -> None:
        """To a point of a corridor from a point of a corridor or of the hall, round the corners."""
        here_x, here_y = self.here
        if here_y != corridor_y:
            crossing = min(CROSSINGS_M, key=lambda each: abs(each - here_x) + abs(each - x))
            if here_y in CORRIDORS_M:
                self.walk_to(crossing, here_y)
            self.walk_to(self.here[0], corridor_y)
        self.walk_to(x, corridor_y)

    def climb(self, level: int) -> None:
        self.walk_along(STAIRS[1], STAIRS[0])
        steps = STAIRS_S * abs(level - self.level)
        before = self.level
        self.way += [
            Step(
                before + (level - before) * step / steps,
                *STAIRS,
                math.pi / 2 if step % 16 < 8 else -math.pi / 2,
            )
            for step in range(1, steps + 1)
        ]
        self.level = level

    def visit(self, shop: Room, stays_s: float) -> None:
        x = shop.centre[0]
        self.walk_along(corridor_m(shop), x)
        self.walk_to(x, shop.centre[1])
        until = len(self.way) + stays_s
        while len(self.way) < until:
            self.browse(shop)
        self.walk_to(x, shop.centre[1])
        self.walk_to(x, corridor_m(shop))

    def browse(self, shop: Room) -> None:
        """A few steps to a shelf, and a look at it."""
        margin = WITHIN_SHOP_M
        x = self.random.uniform(shop.west + margin, shop.east - margin)
        y = self.random.uniform(shop.south + margin, shop.north - margin)
        self.walk_to(x, y, self.speed_m_s / 2)
        heading = self.random.uniform(-math.pi, math.pi)
        self.way += [Step(self.level, x, y, heading)] * self.random.randint(*MOVES_WITHIN_SHOP_S)


def shopper_way(random: Random) -> Way:
    """In by the hall, to some shops, and out again on the ground floor."""
    shopper = Shopper(random)
    for _ in range(random.randint(*SHOPS_VISITED)):
        if random.random() < OTHER_FLOOR_SHARE:
            shopper.climb(random.choice([level for level in range(len(FLOORS)) if level != shopper.level]))
        shopper.visit(random.choice(shops()), random.uniform(*STAYS_S))
    if shopper.level:
        shopper.climb(0)
    shopper.walk_along(CORRIDORS_M[0], ENTRANCE[0])
    shopper.walk_to(*ENTRANCE)
    return shopper.way


def stroller_way(random: Random, lasts_s: int) -> Way:
    """Somebody who stays for hours, say a guard or a salesperson at lunch: for devices that walk about."""
    shopper = Shopper(random)
    while len(shopper.way) < lasts_s:
        if random.random() < OTHER_FLOOR_SHARE:
            shopper.climb(random.choice([level for level in range(len(FLOORS)) if level != shopper.level]))
        shopper.visit(random.choice(shops()), random.uniform(*STAYS_S))
    return shopper.way[:lasts_s]
