"""The whole site as ground to walk on: nets of all floors, the stairs between them, the doors to the street."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simulators.generating.sites.files import SiteError
from simulators.generating.sites.place import Place, Storey, Zone
from simulators.generating.sites.roles import Role
from simulators.generating.walking.net import Net, net_of, reachable

Point = tuple[float, float]

STREET_M = 12.0  # from the door: where people come from and go to, in the geofence but not in the house
DOORSTEP_M = 0.8
DOOR, STAIRS = "door:", "stairs:"  # how nodes that are no zone's spots are named in a net


@dataclass(frozen=True, slots=True)
class Door:
    """`street` is outside, where a way begins; without one it begins inside. `node` is of the storey's net."""

    storey: int
    street: Point | None
    sill: Point
    node: int


@dataclass(frozen=True, slots=True)
class Flight:
    """Stairs from a storey to the next one up: their node on either."""

    lower: int
    lower_node: int
    upper_node: int


@dataclass(frozen=True, slots=True)
class Goal:
    """A zone to stop in, and the nodes to stand on there."""

    zone: Zone
    storey: int
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Terrain:
    """`flights[i]` lead from storey i to storey i + 1. `guesses` are sentences."""

    place: Place
    nets: tuple[Net, ...]
    doors: tuple[Door, ...]
    flights: tuple[tuple[Flight, ...], ...]
    goals: tuple[Goal, ...]
    tills: Mapping[int, tuple[Goal, ...]]
    guesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Opening:
    storey: int
    street: Point | None
    sill: Point
    inner: Point


def terrain_of(place: Place) -> Terrain:
    """Raises SiteError where nobody gets anywhere."""
    guesses = list(place.guesses)
    openings = [opening for number in range(len(place.storeys)) for opening in _openings(place, number)]
    if not openings:
        openings = [_guessed_door(place, guesses)]
    shafts = [_shafts(place, lower, guesses) for lower in range(len(place.storeys) - 1)]
    nets = tuple(_net(storey, number, openings, shafts) for number, storey in enumerate(place.storeys))
    doors = tuple(
        Door(each.storey, each.street, each.sill, nodes[0])
        for number, each in enumerate(openings)
        if (nodes := nets[each.storey].spots[f"{DOOR}{number}"])
    )
    flights = tuple(_flights(nets, lower, len(shaft)) for lower, shaft in enumerate(shafts))
    if not doors:
        raise SiteError(f"nobody can get into {place.id}: its doors lie within walls")
    goals, tills = _reached(place, nets, doors, flights, guesses)
    return Terrain(place, nets, doors, flights, goals, tills, tuple(guesses))


def _net(
    storey: Storey, number: int, openings: list[_Opening], shafts: list[list[tuple[Point, Point]]]
) -> Net:
    zones = {zone.id: zone.shape for zone in (*storey.goals, *storey.of(Role.TILL))}
    points = {f"{DOOR}{index}": each.inner for index, each in enumerate(openings) if each.storey == number}
    for lower, shaft in enumerate(shafts):
        for index, ends in enumerate(shaft):
            if number in {lower, lower + 1}:
                points[f"{STAIRS}{lower}:{index}"] = ends[number - lower]
    return net_of(storey.ground, storey.walls.lines, zones, points)


def _openings(place: Place, number: int) -> list[_Opening]:
    """A door where an entrance touches the house's outline; an entrance within the house is where people appear."""
    storey = place.storeys[number]
    found = []
    for zone in storey.of(Role.ENTRANCE):
        touching = storey.ground.boundary.intersection(zone.shape.buffer(1e-6))
        straight = [part for part in shapely.get_parts(touching) if part.length > 2 * DOORSTEP_M]
        if straight:
            found.append(_through(storey, number, max(straight, key=lambda part: part.length)))
        elif zone.shape.intersects(storey.ground):
            inside = zone.shape.intersection(storey.ground).representative_point()
            found.append(_Opening(number, None, (inside.x, inside.y), (inside.x, inside.y)))
    return found


def _through(storey: Storey, number: int, sill: shapely.LineString) -> _Opening:
    """Straight out and in through the longest straight piece of a sill."""
    corners = shapely.get_coordinates(sill)
    longest = int(np.argmax(np.hypot(*np.diff(corners, axis=0).T)))
    start, end = corners[longest], corners[longest + 1]
    middle = (start + end) / 2
    east, north = (end - start) / math.hypot(*(end - start))
    out = np.array([north, -east])
    if storey.ground.intersects(shapely.Point(middle + 0.1 * out)):
        out = -out
    street, inner = middle + STREET_M * out, middle - DOORSTEP_M * out
    return _Opening(number, _point(street), _point(middle), _point(inner))


def _guessed_door(place: Place, guesses: list[str]) -> _Opening:
    """On the floor nearest the ground, where its outline is straight for longest; people appear inside."""
    number = min(range(len(place.storeys)), key=lambda each: _from_ground(place.storeys[each].level))
    storey = place.storeys[number]
    outline = max(shapely.get_parts(storey.ground), key=lambda part: part.area).exterior
    corners = shapely.get_coordinates(outline)
    longest = int(np.argmax(np.hypot(*np.diff(corners, axis=0).T)))
    middle = (corners[longest] + corners[longest + 1]) / 2
    guesses.append(
        f"no zone is tagged as an entrance: people appear on floor {storey.id}, at the middle of its longest wall"
    )
    return _Opening(number, None, _point(middle), _point(middle))


def _point(xy: NDArray[np.float64]) -> Point:
    return float(xy[0]), float(xy[1])


def _from_ground(level: int) -> tuple[int, bool]:
    """Of the first floor and the first basement, where there is no ground floor, the first floor."""
    return abs(level), level < 0


def _shafts(place: Place, lower: int, guesses: list[str]) -> list[tuple[Point, Point]]:
    """Points one above the other where stairs lead up; each stairway belongs to the nearest one above."""
    below, above = place.storeys[lower], place.storeys[lower + 1]
    found = []
    for zone in below.of(Role.STAIRS):
        others = above.of(Role.STAIRS)
        if others:
            nearest = min(others, key=lambda other: (zone.shape.distance(other.shape), other.id))
            shared = zone.shape.intersection(nearest.shape)
            ends = (shared, shared) if shared.area > 0 else (zone.shape, nearest.shape)
            lower_end, upper_end = (end.representative_point() for end in ends)
            found.append(((lower_end.x, lower_end.y), (upper_end.x, upper_end.y)))
    if not found:
        both = below.ground.intersection(above.ground)
        middle = (both if both.area > 0 else below.ground).centroid
        found = [((middle.x, middle.y), (middle.x, middle.y))]
        guesses.append(f"no stairs lead from floor {below.id} to {above.id}: some are put in the middle")
    return found


def _flights(nets: tuple[Net, ...], lower: int, count: int) -> tuple[Flight, ...]:
    found = []
    for index in range(count):
        ends = [nets[number].spots[f"{STAIRS}{lower}:{index}"] for number in (lower, lower + 1)]
        if all(ends):
            found.append(Flight(lower, ends[0][0], ends[1][0]))
    return tuple(found)


def _reached(
    place: Place,
    nets: tuple[Net, ...],
    doors: tuple[Door, ...],
    flights: tuple[tuple[Flight, ...], ...],
    guesses: list[str],
) -> tuple[tuple[Goal, ...], Mapping[int, tuple[Goal, ...]]]:
    """What can be walked to from a door; the rest is left out, aloud."""
    starts = _ways_in(len(nets), doors, flights)
    goals: list[Goal] = []
    tills: dict[int, tuple[Goal, ...]] = {}
    for number, (storey, net) in enumerate(zip(place.storeys, nets, strict=True)):
        wanted = {zone.id: zone for zone in (*storey.goals, *storey.of(Role.TILL))}
        start = starts.get(number)
        found = {}
        for name, zone in wanted.items():
            nodes = () if start is None else reachable(net, start, net.spots[name])
            if nodes:
                found[name] = Goal(zone, number, nodes)
        missed = sorted(wanted.keys() - found.keys())
        if missed:
            guesses.append(
                f"{storey.id}: no way leads to {', '.join(missed[:5])}{' and more' * (len(missed) > 5)}"
            )
        goals += [found[zone.id] for zone in storey.goals if zone.id in found]
        tills[number] = tuple(found[zone.id] for zone in storey.of(Role.TILL) if zone.id in found)
    if not goals:
        raise SiteError(f"no way leads from a door of {place.id} to any zone that people stop in")
    return tuple(goals), tills


def _ways_in(
    storeys: int, doors: tuple[Door, ...], flights: tuple[tuple[Flight, ...], ...]
) -> dict[int, int]:
    """For each storey that can be reached, a node by which people come to it."""
    starts = {door.storey: door.node for door in reversed(doors)}
    for _ in range(storeys):
        for stairs in flights:
            for flight in stairs:
                if flight.lower in starts:
                    starts.setdefault(flight.lower + 1, flight.upper_node)
                elif flight.lower + 1 in starts:
                    starts.setdefault(flight.lower, flight.lower_node)
    return starts
