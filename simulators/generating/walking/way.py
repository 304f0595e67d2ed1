"""A way through a site: corners with times, straight and steady between them."""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulators.generating.walking.net import Net
from simulators.generating.walking.terrain import Door, Flight, Point, Terrain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLIGHT_S = 14.0  # an escalator, stepping on and off included
IN_HOUSE, ON_STREET = True, False

Spot = tuple[int, int]  # a storey and a node of its net


@dataclass(frozen=True, slots=True)
class Way:
    """Corner by corner. From a corner to the next one is on the storey of the former, in the house or on the street;
    `heading` is where one looks meanwhile, in radians from east.
    """

    at_s: Floats
    x: Floats
    y: Floats
    storey: Ints
    inside: NDArray[np.bool_]
    heading: Floats

    @property
    def begins_s(self) -> float:
        return float(self.at_s[0])

    @property
    def ends_s(self) -> float:
        return float(self.at_s[-1])

    def beside(self, east_m: float, north_m: float, later_s: float) -> "Way":
        """That of somebody who walks along, a little aside and behind."""
        return Way(
            self.at_s + later_s, self.x + east_m, self.y + north_m, self.storey, self.inside, self.heading
        )

    def legs(self, at_s: Floats) -> Ints:
        """On which piece of the way one is at these moments."""
        last = len(self.at_s) - 1
        return np.clip(np.searchsorted(self.at_s, at_s, side="right") - 1, 0, max(0, last - 1))

    def spots(self, at_s: Floats) -> tuple[Floats, Floats]:
        return np.interp(at_s, self.at_s, self.x), np.interp(at_s, self.at_s, self.y)

    def walked_m(self, at_s: Floats) -> Floats:
        lengths = np.hypot(np.diff(self.x), np.diff(self.y))
        return np.interp(at_s, self.at_s, np.concatenate(([0.0], np.cumsum(lengths))))


@dataclass(slots=True)
class Walker:
    """Writes a way while walking it; `node` is where in the storey's net one stands."""

    terrain: Terrain
    speed_m_s: float
    draws: np.random.Generator
    now_s: float
    storey: int = 0
    node: int = 0
    corners: list[tuple[float, float, float, int, bool, float]] = field(default_factory=list)

    def appear(self, storey: int, node: int) -> None:
        self.storey, self.node = storey, node
        self._stand(_point(self.net.nodes[node]), IN_HOUSE)

    def enter(self, door: Door) -> None:
        self.storey, self.node = door.storey, door.node
        if door.street:
            self._stand(door.street, ON_STREET)
            self._go(door.sill, ON_STREET)
            self.corners[-1] = (*self.corners[-1][:4], IN_HOUSE, self.corners[-1][5])
            self._go(_point(self.net.nodes[door.node]), IN_HOUSE)
        else:
            self.appear(door.storey, door.node)

    def leave(self, door: Door) -> None:
        self.go_to(door.storey, door.node)
        if door.street:
            self._go(door.sill, IN_HOUSE)
            self.corners[-1] = (*self.corners[-1][:4], ON_STREET, self.corners[-1][5])
            self._go(door.street, ON_STREET)

    def go_to(self, storey: int, node: int, pace: float = 1.0) -> None:
        """By the shortest way, floor by floor, by the stairs that lie nearest."""
        while self.storey != storey:
            upward = storey > self.storey
            flight, foot, head = self._next_flight(self.storey, self.node, upward=upward)
            self._along(foot, pace)
            self._climb(flight.lower + 1 if upward else flight.lower, head)
        self._along(node, pace)

    def stay(self, lasts_s: float) -> None:
        """Looking somewhere."""
        self.corners[-1] = (*self.corners[-1][:5], self.draws.uniform(-math.pi, math.pi))
        self.now_s += lasts_s
        self._stand(self.corners[-1][1:3], IN_HOUSE)

    def far_s(self, *spots: Spot) -> float:
        """How long it takes from here to one spot after the other."""
        return sum(self._between_s(one, other) for one, other in pairwise([(self.storey, self.node), *spots]))

    def arrives_at(self, storey: int) -> int:
        """The node at which one would step off the stairs there."""
        here = self.storey, self.node
        while here[0] != storey:
            flight, _, head = self._next_flight(*here, upward=storey > here[0])
            here = (flight.lower + 1 if storey > here[0] else flight.lower), head
        return here[1]

    def _between_s(self, one: Spot, other: Spot) -> float:
        took_s = 0.0
        while one[0] != other[0]:
            flight, foot, head = self._next_flight(*one, upward=other[0] > one[0])
            took_s += FLIGHT_S + float(self.terrain.nets[one[0]].distance_m[one[1], foot]) / self.speed_m_s
            one = (flight.lower + 1 if other[0] > one[0] else flight.lower, head)
        return took_s + float(self.terrain.nets[one[0]].distance_m[one[1], other[1]]) / self.speed_m_s

    @property
    def net(self) -> Net:
        return self.terrain.nets[self.storey]

    def way(self) -> Way:
        at_s, x, y, storey, inside, heading = zip(*self.corners, strict=True)
        return Way(
            np.array(at_s), np.array(x), np.array(y), np.array(storey), np.array(inside), np.array(heading)
        )

    def _next_flight(self, storey: int, node: int, *, upward: bool) -> tuple[Flight, int, int]:
        """The nearest, with its node on this storey and that on the next one."""
        ends = [
            (each, each.lower_node, each.upper_node) if upward else (each, each.upper_node, each.lower_node)
            for each in self.terrain.flights[storey if upward else storey - 1]
        ]
        distance_m = self.terrain.nets[storey].distance_m
        return min(ends, key=lambda end: (distance_m[node, end[1]], end[1]))

    def _along(self, node: int, pace: float) -> None:
        for following in self.net.way(self.node, node)[1:]:
            self._go(_point(self.net.nodes[following]), IN_HOUSE, pace)
        self.node = node

    def _climb(self, storey: int, node: int) -> None:
        """Half of the flight belongs to either floor."""
        x, y = self.corners[-1][1:3]
        head_x, head_y = _point(self.terrain.nets[storey].nodes[node])
        self.corners[-1] = (*self.corners[-1][:5], self.draws.uniform(-math.pi, math.pi))
        self.now_s += FLIGHT_S / 2
        self.storey, self.node = storey, node
        self._stand(((x + head_x) / 2, (y + head_y) / 2), IN_HOUSE)
        self.now_s += FLIGHT_S / 2
        self._stand((head_x, head_y), IN_HOUSE)

    def _go(self, to: Point, inside: bool, pace: float = 1.0) -> None:
        before = self.corners[-1]
        east, north = to[0] - before[1], to[1] - before[2]
        self.corners[-1] = (*before[:5], math.atan2(north, east))
        self.now_s += math.hypot(east, north) / (self.speed_m_s * pace)
        self._stand(to, inside)

    def _stand(self, at: Point, inside: bool) -> None:
        self.corners.append((self.now_s, *at, self.storey, inside, 0.0))


def _point(xy: Floats) -> Point:
    return float(xy[0]), float(xy[1])
