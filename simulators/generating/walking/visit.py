"""One visit: which zones, in which order, for how long, past a till or not, and out again before it closes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.generating.sites.roles import Role
from simulators.generating.walking.terrain import Goal, Terrain
from simulators.generating.walking.way import Walker, Way

Floats = NDArray[np.float64]

# Weidmann (1993): pedestrians walk at 1.34 m/s with a standard deviation of 0.26; among shelves slower.
SPEED_M_S, SPEED_SPREAD_M_S = 1.1, 0.2
SLOWEST_M_S, FASTEST_M_S = 0.6, 1.8
WITHIN_PACE = 0.6  # of one's speed, from shelf to shelf
# Medians and spreads (of the logarithm) of stays; assumptions, since they differ from shop to shop.
STAYS_S = {"shop": (240.0, 0.8), "department": (150.0, 0.7), "meal": (1500.0, 0.4), "aisle": (50.0, 0.6)}
LONGEST_STAY_S = 3_600.0
LOOKS_S = (12.0, 60.0)  # at one spot
MEALS = frozenset({"cafe", "restaurant", "food-court", "bar"})
STOPS = {True: (2, 7), False: (3, 9)}  # where shops are, and where shelves are
QUEUES_S = (20.0, 240.0)
LEAVES_BEFORE_S = 60.0  # closing time


@dataclass(frozen=True, slots=True)
class Stop:
    """`from_s` to `until_s` in a zone."""

    goal: Goal
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Visit:
    """`pays_s`: when they are at a till; None where nobody pays."""

    way: Way
    stops: tuple[Stop, ...]
    pays_s: float | None

    def beside(self, aside_m: tuple[float, float], behind_s: float) -> "Visit":
        """As somebody of the party walks it."""
        return Visit(self.way.beside(*aside_m, behind_s), self.stops, self.pays_s)


@dataclass(frozen=True, slots=True)
class Errand:
    """What a visit is to be: `liking` weighs the terrain's goals."""

    begins_s: float
    closes_s: float
    speed_m_s: float
    buys: bool
    liking: Floats


def make_visit(terrain: Terrain, errand: Errand, draws: np.random.Generator) -> Visit:
    """In by a door, to what they like, past a till if anybody buys, and out by a door."""
    walker = Walker(terrain, errand.speed_m_s, draws, errand.begins_s)
    door = terrain.doors[int(draws.integers(len(terrain.doors)))]
    walker.enter(door)
    stops: list[Stop] = []
    for goal in _in_order(walker, _wished(terrain, errand, draws)):
        stay_s = min(LONGEST_STAY_S, _stay_s(goal, draws))
        if walker.now_s + stay_s > errand.closes_s - 5 * LEAVES_BEFORE_S and stops:
            break
        stops.append(_stop_at(walker, goal, min(stay_s, errand.closes_s - walker.now_s)))
    pays_s = _pay(walker, stops, draws) if errand.buys else None
    walker.leave(terrain.doors[int(draws.integers(len(terrain.doors)))])
    return Visit(walker.way(), tuple(stops), pays_s)


def draw_speed_m_s(draws: np.random.Generator) -> float:
    return float(np.clip(draws.normal(SPEED_M_S, SPEED_SPREAD_M_S), SLOWEST_M_S, FASTEST_M_S))


def _wished(terrain: Terrain, errand: Errand, draws: np.random.Generator) -> list[Goal]:
    fewest, most = STOPS[any(goal.zone.role is Role.SHOP for goal in terrain.goals)]
    count = min(len(terrain.goals), int(draws.integers(fewest, most + 1)))
    chances = errand.liking / errand.liking.sum()
    chosen = draws.choice(len(terrain.goals), size=count, replace=False, p=chances)
    return [terrain.goals[int(index)] for index in chosen]


def _in_order(walker: Walker, wished: Sequence[Goal]) -> list[Goal]:
    """Always the nearest next: floor by floor, since stairs count as a long way."""
    left, order = list(wished), []
    storey, node = walker.storey, walker.node
    while left:
        nets = walker.terrain.nets
        following = min(
            left,
            key=lambda goal: (
                abs(goal.storey - storey),
                min(float(nets[goal.storey].distance_m[node, each]) for each in goal.nodes)
                if goal.storey == storey
                else 0.0,
                goal.zone.id,
            ),
        )
        left.remove(following)
        order.append(following)
        storey, node = following.storey, following.nodes[0]
    return order


def _stay_s(goal: Goal, draws: np.random.Generator) -> float:
    median_s, spread = STAYS_S[_kind(goal)]
    return float(median_s * np.exp(draws.normal(0, spread)))


def _kind(goal: Goal) -> str:
    tags = set(goal.zone.tags)
    if tags & MEALS:
        return "meal"
    if goal.zone.role is Role.SHOP:
        return "shop"
    return "aisle" if tags & {"aisle", "shelf"} else "department"


def _stop_at(walker: Walker, goal: Goal, lasts_s: float) -> Stop:
    """From spot to spot, with a look at each; those who eat sit."""
    draws = walker.draws
    walker.go_to(goal.storey, int(draws.choice(goal.nodes)))
    from_s = walker.now_s
    until_s = from_s + lasts_s
    while walker.now_s < until_s:
        left_s = until_s - walker.now_s
        walker.stay(left_s if _kind(goal) == "meal" else min(left_s, draws.uniform(*LOOKS_S)))
        if walker.now_s < until_s - LOOKS_S[0]:
            walker.go_to(goal.storey, int(draws.choice(goal.nodes)), WITHIN_PACE)
    return Stop(goal, from_s, walker.now_s)


def _pay(walker: Walker, stops: Sequence[Stop], draws: np.random.Generator) -> float:
    """At the nearest till of the floor, else of another one; where there are none, where they stopped last."""
    tills = [
        (walker.way_m(storey, till.nodes[0]), till)
        for storey, there in walker.terrain.tills.items()
        for till in there
    ]
    if not tills:
        return stops[-1].until_s
    _, till = min(tills, key=lambda each: (each[0], each[1].zone.id))
    walker.go_to(till.storey, int(draws.choice(till.nodes)))
    walker.stay(float(draws.uniform(*QUEUES_S)))
    return walker.now_s
