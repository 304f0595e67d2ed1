"""One visit: which zones, in which order, for how long, past a till or not, and out again before it closes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.generating.sites.roles import Role
from simulators.generating.walking.terrain import STREET_M, Door, Goal, Terrain
from simulators.generating.walking.way import Walker, Way

Floats = NDArray[np.float64]

WITHIN_PACE = 0.6  # of one's speed, from shelf to shelf
# Medians and spreads (of the logarithm) of stays; assumptions, since they differ from shop to shop.
STAYS_S = {"shop": (240.0, 0.8), "department": (150.0, 0.7), "meal": (1500.0, 0.4), "aisle": (50.0, 0.6)}
LONGEST_STAY_S = 3_600.0
MEALS = frozenset({"cafe", "restaurant", "food-court", "bar"})
STOPS = {True: (2, 7), False: (3, 9)}  # where shops are, and where shelves are
LEAVES_BEFORE_S = 60.0  # closing time


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast people walk (mean, spread, slowest, fastest), how long they look at one spot and wait at a till, and how
    long stays (`scale`) and times without a network (`network_scale`) are beside the usual ones. No visit has more than
    `most_stops` or lasts longer than `visit_s`, unless its only stop is that far.
    """

    speeds_m_s: tuple[float, float, float, float]
    looks_s: tuple[float, float]
    queues_s: tuple[float, float]
    scale: float
    network_scale: float
    visit_s: float
    most_stops: int


# Weidmann (1993): pedestrians walk at 1.34 m/s with a standard deviation of 0.26; among shelves slower.
USUAL = Pace((1.1, 0.2, 0.6, 1.8), (12.0, 60.0), (20.0, 240.0), 1.0, 1.0, 43_200.0, 9)
# For demonstrations in real time: a visit takes a minute and a half, and every rule on time still runs by the clock.
HURRIED = Pace((2.5, 0.3, 2.0, 3.0), (3.0, 12.0), (2.0, 6.0), 0.2, 0.05, 95.0, 3)


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
    buys: bool
    liking: Floats
    pace: Pace = USUAL


def make_visit(terrain: Terrain, errand: Errand, draws: np.random.Generator) -> Visit:
    """In by a door, to what they like and have time for, past a till if anybody buys, and out by a door."""
    pace, doors = errand.pace, terrain.doors
    walker = Walker(terrain, draw_speed_m_s(draws, pace), draws, errand.begins_s)
    walker.enter(doors[int(draws.integers(len(doors)))])
    out = doors[int(draws.integers(len(doors)))]
    leaves_s = min(errand.closes_s - LEAVES_BEFORE_S * pace.scale, errand.begins_s + pace.visit_s)
    stops: list[Stop] = []
    for goal in _in_order(walker, _wished(terrain, errand, draws)):
        stay_s = pace.scale * min(LONGEST_STAY_S, _stay_s(goal, draws))
        left_s = leaves_s - walker.now_s - _back_s(walker, goal, out, pace, pays=errand.buys)
        if not stops:  # nobody comes for nothing
            stay_s = min(stay_s, max(pace.looks_s[0], left_s))
        if not stops or stay_s <= left_s:
            stops.append(_stop_at(walker, goal, stay_s, pace))
    pays_s = _pay(walker, stops, pace) if errand.buys else None
    walker.leave(out)
    return Visit(walker.way(), tuple(stops), pays_s)


def _back_s(walker: Walker, goal: Goal, out: Door, pace: Pace, *, pays: bool) -> float:
    """From here to a goal and around there, past a till and out on the street, without the stay."""
    till = _till(walker, goal.storey, goal.nodes[0]) if pays else None
    tills = [(till.storey, till.nodes[0])] if till else []
    way_s = walker.far_s((goal.storey, goal.nodes[0]), *tills, (out.storey, out.node))
    street_s = 2 * STREET_M / walker.speed_m_s if out.street else 0.0
    within = walker.terrain.nets[goal.storey].distance_m[np.ix_(goal.nodes, goal.nodes)]
    around_s = float(within.max()) / walker.speed_m_s
    return way_s + street_s + around_s + pace.looks_s[0] + pace.queues_s[1] * len(tills)


def draw_speed_m_s(draws: np.random.Generator, pace: Pace = USUAL) -> float:
    mean, spread, slowest, fastest = pace.speeds_m_s
    return float(np.clip(draws.normal(mean, spread), slowest, fastest))


def _wished(terrain: Terrain, errand: Errand, draws: np.random.Generator) -> list[Goal]:
    fewest, most = STOPS[any(goal.zone.role is Role.SHOP for goal in terrain.goals)]
    count = min(len(terrain.goals), errand.pace.most_stops, int(draws.integers(fewest, most + 1)))
    chances = errand.liking / errand.liking.sum()
    chosen = draws.choice(len(terrain.goals), size=count, replace=False, p=chances)
    return [terrain.goals[int(index)] for index in chosen]


def _in_order(walker: Walker, wished: Sequence[Goal]) -> list[Goal]:
    """First to the floor of what they came for, the first wish; there and then always to the nearest next."""
    left, order = list(wished), []
    storey, node = wished[0].storey, walker.node
    if storey != walker.storey:
        node = walker.arrives_at(storey)
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


def _stop_at(walker: Walker, goal: Goal, lasts_s: float, pace: Pace) -> Stop:
    """From spot to spot, with a look at each; those who eat sit."""
    draws = walker.draws
    walker.go_to(goal.storey, int(draws.choice(goal.nodes)))
    from_s = walker.now_s
    until_s = from_s + lasts_s
    while walker.now_s < until_s:
        left_s = until_s - walker.now_s
        walker.stay(left_s if _kind(goal) == "meal" else min(left_s, draws.uniform(*pace.looks_s)))
        if walker.now_s < until_s - pace.looks_s[0]:
            walker.go_to(goal.storey, int(draws.choice(goal.nodes)), WITHIN_PACE)
    return Stop(goal, from_s, walker.now_s)


def _pay(walker: Walker, stops: Sequence[Stop], pace: Pace) -> float:
    """At the nearest till; where there are none, where they stopped last."""
    till = _till(walker, walker.storey, walker.node)
    if till is None:
        return stops[-1].until_s
    walker.go_to(till.storey, int(walker.draws.choice(till.nodes)))
    walker.stay(float(walker.draws.uniform(*pace.queues_s)))
    return walker.now_s


def _till(walker: Walker, storey: int, node: int) -> Goal | None:
    """The nearest of this floor, else one of the nearest floor that has any."""
    tills = [till for there in walker.terrain.tills.values() for till in there]
    distance_m = walker.terrain.nets[storey].distance_m[node]
    return min(
        tills,
        key=lambda till: (
            abs(till.storey - storey),
            distance_m[till.nodes[0]] if till.storey == storey else 0.0,
            till.zone.id,
        ),
        default=None,
    )
