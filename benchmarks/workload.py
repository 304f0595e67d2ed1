"""The same work for every contestant: one town of zones, its campaigns, its people, and how they walk.

Everything here is pure and follows from a seed, so what must come out of a ping is known before it is sent,
and a contestant that answers quickly but wrongly is found out.
"""

import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SITE = "bench"
ROWS, COLUMNS = 25, 40
ZONES = ROWS * COLUMNS
CUSTOMERS = 50_000
CELL_M = 25.0
SOUTH, WEST = 30.29, 120.07
M_PER_DEGREE_LATITUDE = 111_195.0  # 6371008.8 m * pi / 180
M_PER_DEGREE_LONGITUDE = M_PER_DEGREE_LATITUDE * math.cos(math.radians(SOUTH))

# At most 3 m beside the centre of a cell: with 5 m of accuracy the ping is unmistakably in that cell.
JITTER_M = 3.0
ACCURACY_M = 5.0

# 20 steps of 5 s keep a walk within the two minutes in which a move may still make an offer.
STEPS = 20
STEP_S = 5.0

GOLD_SHARE = 0.25
OFFERS_PER_CUSTOMER_AND_DAY = 4


@dataclass(frozen=True, slots=True)
class Mix:
    """Of all pings, the share that enters a zone; of these, gold customers (a quarter, or all) are due an offer.

    0.2: 80 % of the pings change nothing, 15 % move without an offer, 5 % make one.
    """

    moving: float = 0.2
    all_gold: bool = False
    offers_per_day: int = OFFERS_PER_CUSTOMER_AND_DAY


REALISTIC = Mix()
# Every ping enters a zone whose campaigns are for its customer. Of the 21 entries of a walk all but the last make an
# offer, as dear as a decision can be; the last is refused by the contact policy. More refusals would be a lighter load
# for those that are fast enough to come to them.
WORST = Mix(moving=1.0, all_gold=True, offers_per_day=STEPS)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign on entering one zone, for gold customers; `per_day` None is a cap over the whole life."""

    name: str
    zone: int
    priority: int
    cap_per_customer: int | None
    rolling_days: int | None
    all_day: bool


@dataclass(frozen=True, slots=True)
class PlannedPing:
    """One ping and what must come of it. `step` 0 is the warm-up that places a person."""

    person: int
    step: int
    zone: int
    latitude: float
    longitude: float
    enters: bool
    offers: bool


def zone_name(zone: int) -> str:
    return f"cell-{zone:04d}"


def person_name(person: int) -> str:
    return f"phone-{person:05d}"


def customer_name(person: int) -> str:
    return f"person-{person:05d}"


def token_of(person: int) -> str:
    """The installation token of a person: in a real one's form, known to both sides."""
    return f"it_bench{person:038d}"


def tier_of(person: int) -> str:
    return "gold" if person % round(1 / GOLD_SHARE) == 0 else "basic"


def corner(row: int, column: int) -> tuple[float, float]:
    """Longitude and latitude of a cell's south-western corner; rounded, so that neighbours share it."""
    return (
        round(WEST + column * CELL_M / M_PER_DEGREE_LONGITUDE, 9),
        round(SOUTH + row * CELL_M / M_PER_DEGREE_LATITUDE, 9),
    )


def step_at(step: int, began_at: datetime) -> datetime:
    """When a step is: a minute and a half before the round's begin for the warm-up, 10 s after it for the last step.

    A ping may be two minutes old when it is decided and two minutes ahead; a round takes half of one.
    """
    return began_at + timedelta(seconds=STEP_S * step - 90.0)


def zone_ring(zone: int) -> list[tuple[float, float]]:
    row, column = divmod(zone, COLUMNS)
    south_west, south_east = corner(row, column), corner(row, column + 1)
    north_east, north_west = corner(row + 1, column + 1), corner(row + 1, column)
    return [south_west, south_east, north_east, north_west, south_west]


def zone_polygon(zone: int) -> str:
    return json.dumps({"type": "Polygon", "coordinates": [zone_ring(zone)]})


def campaigns() -> Iterator[CampaignPlan]:
    """Three a zone; which of the three comes first turns with the zone, so that each kind wins somewhere."""
    for zone in range(ZONES):
        priorities = [(30, 20, 10)[(zone + turn) % 3] for turn in range(3)]
        name = zone_name(zone)
        yield CampaignPlan(f"{name}-twice-a-day", zone, priorities[0], 2, 1, all_day=False)
        yield CampaignPlan(f"{name}-once-ever", zone, priorities[1], 1, None, all_day=False)
        yield CampaignPlan(f"{name}-all-day", zone, priorities[2], None, None, all_day=True)


def winner(zone: int) -> str:
    """The campaign that must win in this zone as long as no cap speaks against it."""
    return f"{zone_name(zone)}-{('twice-a-day', 'all-day', 'once-ever')[zone % 3]}"


def walk(person: int, *, seed: int, mix: Mix) -> list[PlannedPing]:
    """All pings of one person: one that places them, then the steps.

    People walk along their row and never come back to a cell, so every entry is the first of its visit.
    """
    draw = random.Random(f"{seed}/{person}")
    zone = draw.randrange(ROWS) * COLUMNS + draw.randrange(COLUMNS - STEPS)
    gold = mix.all_gold or tier_of(person) == "gold"
    offers = 0
    pings = []
    for step in range(STEPS + 1):
        enters = step == 0 or draw.random() < mix.moving
        zone += enters and step > 0
        due = enters and gold and offers < mix.offers_per_day
        offers += due
        latitude, longitude = _near_centre(zone, draw)
        pings.append(PlannedPing(person, step, zone, latitude, longitude, enters=enters, offers=due))
    return pings


def party(people: range, *, seed: int, mix: Mix) -> list[PlannedPing]:
    """People who walk side by side: all their pings, step by step, each person once a step."""
    return side_by_side(walk(person, seed=seed, mix=mix) for person in people)


def side_by_side(walks: Iterable[Sequence[PlannedPing]]) -> list[PlannedPing]:
    return [ping for step in zip(*walks, strict=True) for ping in step]


def _near_centre(zone: int, draw: random.Random) -> tuple[float, float]:
    """Latitude and longitude of a fix within the jitter of the zone's centre."""
    row, column = divmod(zone, COLUMNS)
    east_m = (column + 0.5) * CELL_M + draw.uniform(-JITTER_M, JITTER_M)
    north_m = (row + 0.5) * CELL_M + draw.uniform(-JITTER_M, JITTER_M)
    return round(SOUTH + north_m / M_PER_DEGREE_LATITUDE, 7), round(WEST + east_m / M_PER_DEGREE_LONGITUDE, 7)
