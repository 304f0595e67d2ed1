"""A chain of shops: the benchmark's town in as many places as it takes, and people from all over its customers.

Shops are alike, their zones have the same names and carry the tags by which the same three thousand campaigns find
them: so the number of zones grows and nothing else. Everything follows from a seed, as in `workload`.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks import workload
from benchmarks.service import documents
from benchmarks.workload import Mix, PlannedPing

SHOP_ZONES = workload.ZONES
# Two kilometres from shop to shop: a town of 25 x 40 cells is one kilometre wide.
SHOPS_IN_A_ROW = 10
APART_DEG = 0.02

# Each measuring in one database has people of its own, whom nobody has seen yet.
SLOTS = 5
# By the golden ratio: people who come one after the other are far from one another in every table.
_GOLDEN = (math.sqrt(5) - 1) / 2


def shops_of(zones: int) -> int:
    return zones // SHOP_ZONES


def shop_name(shop: int) -> str:
    return f"shop-{shop:03d}"


def shop_of(person: int, shops: int, *, seed: int) -> int:
    return random.Random(f"{seed}/shop/{person}").randrange(shops)


def walk(person: int, shops: int, *, seed: int, mix: Mix) -> list[PlannedPing]:
    """The benchmark's walk of this person, in the shop that is theirs."""
    east, north = _offset(shop_of(person, shops, seed=seed))
    return [
        replace(ping, latitude=round(ping.latitude + north, 7), longitude=round(ping.longitude + east, 7))
        for ping in workload.walk(person, seed=seed, mix=mix)
    ]


def party(people: Sequence[int], shops: int, *, seed: int, mix: Mix) -> list[PlannedPing]:
    """All their pings, step by step, each person once a step."""
    return workload.side_by_side(walk(person, shops, seed=seed, mix=mix) for person in people)


def walkers(slot: int, customers: int) -> int:
    """How many people a slot has."""
    assert 0 <= slot < SLOTS
    return customers // (4 * SLOTS) * 4


def walker(place: int, slot: int, customers: int) -> int:
    """The number of the customer who is at this place of a slot; every fourth is gold, as among all customers.

    Four neighbours at a time, each four far from the next, so that no page of a table holds more than a few of them.
    """
    blocks = customers // (4 * SLOTS)
    block = place // 4 * stride(blocks) % blocks
    return (block * SLOTS + slot) * 4 + place % 4


def stride(count: int) -> int:
    """A step that comes by all of `count` places before it comes by one twice, and leaps far each time."""
    step = max(1, round(count * _GOLDEN))
    while math.gcd(step, count) != 1:
        step += 1
    return step


def zone_features(shop: int) -> dict[str, Any]:
    """A GeoJSON FeatureCollection of one shop's zones."""
    features = [
        {
            "type": "Feature",
            "id": workload.zone_name(cell),
            "geometry": polygon(shop, cell),
            "properties": properties(cell),
        }
        for cell in range(SHOP_ZONES)
    ]
    return {"type": "FeatureCollection", "features": features}


def properties(cell: int) -> dict[str, Any]:
    return {"name": f"Cell {cell}", "tags": [workload.zone_name(cell)]}


def polygon(shop: int, cell: int) -> dict[str, Any]:
    east, north = _offset(shop)
    ring = [(round(x + east, 9), round(y + north, 9)) for x, y in workload.zone_ring(cell)]
    return {"type": "Polygon", "coordinates": [ring]}


def campaign(plan: workload.CampaignPlan, *, expires_after_s: int = 3600) -> dict[str, Any]:
    """As the benchmark's, for the zone of that tag in whichever shop."""
    document = documents.campaign(plan)
    offers = [offer | {"expires_after_s": expires_after_s} for offer in document["offers"]]
    return document | {
        "trigger": {"move": "entered", "tags": [workload.zone_name(plan.zone)]},
        "offers": offers,
    }


def site(shop: int) -> dict[str, Any]:
    return documents.SITE | {"name": shop_name(shop)}


def _offset(shop: int) -> tuple[float, float]:
    """Degrees to the east and to the north of the first shop."""
    row, column = divmod(shop, SHOPS_IN_A_ROW)
    return column * APART_DEG, row * APART_DEG
