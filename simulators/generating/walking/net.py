"""The ways of one floor: spots that people stand on, corners that they turn at, and the shortest way between any two.

Between two points that see one another people walk straight; the shortest way round walls turns at their corners. So
the net has a node for each spot and for each corner, and an edge wherever a straight line stays clear of all walls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A body's half width, and how far somebody may be beside a node without touching a wall.
CLEAR_M = 0.35
BESIDE_M = 0.25
# Corners are rounded a little wider than they must be, so that the lines between them are clear.
TURN_M = 0.05
# Nobody looks further ahead than that; a longer way goes by what lies between.
SEES_M = 35.0
SPOT_LATTICE_M = 0.5
M2_A_SPOT = 8.0
SPOTS = (2, 8)  # of a zone
# Floors with more nodes would take minutes; each zone then has fewer spots, and ways turn at fewer corners.
MOST_SPOTS, MOST_CORNERS = 700, 800
COARSEST_M = 3.0


@dataclass(frozen=True, slots=True)
class Net:
    """`nodes` are places; `distance_m` is infinite where no way leads; `following[a, b]` is next from a to b."""

    nodes: Floats
    distance_m: Floats
    following: Ints
    spots: Mapping[str, tuple[int, ...]]

    def way(self, start: int, end: int) -> list[int]:
        """The nodes from one to the other, both included."""
        way = [start]
        while way[-1] != end:
            way.append(int(self.following[way[-1], end]))
        return way


def net_of(
    ground: shapely.Geometry,
    lines: Floats,
    zones: Mapping[str, shapely.Geometry],
    points: Mapping[str, tuple[float, float]],
) -> Net:
    """`zones` get several spots each, `points` are spots themselves; what lies nowhere walkable has none."""
    free = clear_ground(ground, lines, CLEAR_M)
    roomy = clear_ground(ground, lines, CLEAR_M + TURN_M)
    most = max(SPOTS[0], min(SPOTS[1], MOST_SPOTS // max(1, len(zones))))
    nodes: list[tuple[float, float]] = []
    spots: dict[str, tuple[int, ...]] = {}
    for name, shape in zones.items():
        found = _spots_in(shape, roomy, most)
        spots[name] = tuple(range(len(nodes), len(nodes) + len(found)))
        nodes += found
    for name, point in points.items():
        near = _nearest(roomy, point)
        spots[name] = (len(nodes),) if near else ()
        nodes += [near] if near else []
    nodes += _corners(roomy)
    at = np.array(nodes, dtype=np.float64).reshape(-1, 2)
    distance_m, following = _shortest(at, _seen(at, free))
    return Net(at, distance_m, following, spots)


def clear_ground(ground: shapely.Geometry, lines: Floats, clear_m: float) -> shapely.Geometry:
    """Where somebody can stand that far from each wall."""
    walls = shapely.linestrings(lines.reshape(-1, 2, 2)) if lines.size else []
    thick = shapely.union_all(shapely.buffer(walls, clear_m, cap_style="square", join_style="mitre"))
    return ground.buffer(0).difference(thick)


def _spots_in(shape: shapely.Geometry, roomy: shapely.Geometry, most: int) -> list[tuple[float, float]]:
    """As far from one another as they can be, on a lattice; the first is near the middle."""
    inner = shape.buffer(-CLEAR_M).intersection(roomy)
    if inner.is_empty:
        inner = shape.intersection(roomy)
    if inner.is_empty or inner.area == 0:
        return []
    west, south, east, north = inner.bounds
    x, y = np.meshgrid(np.arange(west, east, SPOT_LATTICE_M), np.arange(south, north, SPOT_LATTICE_M))
    shapely.prepare(inner)
    candidates = np.column_stack((x.ravel(), y.ravel()))
    candidates = candidates[shapely.contains_xy(inner, candidates)]
    if not len(candidates):
        point = inner.representative_point()
        return [(point.x, point.y)]
    wanted = max(SPOTS[0], min(most, round(inner.area / M2_A_SPOT)))
    middle = np.array(inner.centroid.coords[0])
    chosen = [int(np.argmin(np.sum((candidates - middle) ** 2, axis=1)))]
    nearest = np.sum((candidates - candidates[chosen[0]]) ** 2, axis=1)
    while len(chosen) < min(wanted, len(candidates)):
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.sum((candidates - candidates[chosen[-1]]) ** 2, axis=1))
    return [(float(x), float(y)) for x, y in candidates[chosen]]


def _nearest(roomy: shapely.Geometry, point: tuple[float, float]) -> tuple[float, float] | None:
    if roomy.is_empty:
        return None
    near = shapely.shortest_line(roomy, shapely.Point(point))
    x, y = shapely.get_coordinates(near)[0]
    return float(x), float(y)


def _corners(roomy: shapely.Geometry) -> list[tuple[float, float]]:
    """Where the free ground bends around something: shortest ways turn nowhere else.

    Of a plan with very many corners the sharpest: ways are a little longer then, and lead through no wall all the same.
    """
    coarse_m = TURN_M
    while len(found := _bends(roomy.simplify(coarse_m))) > MOST_CORNERS and coarse_m < COARSEST_M:
        coarse_m *= 2
    return found[:MOST_CORNERS]


def _bends(roomy: shapely.Geometry) -> list[tuple[float, float]]:
    found = []
    for part in shapely.get_parts(roomy):
        turned = shapely.geometry.polygon.orient(part)
        for ring in (turned.exterior, *turned.interiors):
            corners = shapely.get_coordinates(ring)[:-1]
            before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
            (in_x, in_y), (out_x, out_y) = (corners - before).T, (after - corners).T
            found += [tuple(corner) for corner in corners[in_x * out_y - in_y * out_x < -1e-9]]
    return found


def _seen(nodes: Floats, free: shapely.Geometry) -> NDArray[np.bool_]:
    """Which nodes see one another, clear of all walls."""
    count = len(nodes)
    seen = np.zeros((count, count), dtype=np.bool_)
    if count < 2:
        return seen
    first, second = np.triu_indices(count, 1)
    near = np.hypot(*(nodes[first] - nodes[second]).T) <= SEES_M
    first, second = first[near], second[near]
    shapely.prepare(free)
    lines = shapely.linestrings(np.stack((nodes[first], nodes[second]), axis=1))
    clear = shapely.covers(free, lines)
    seen[first[clear], second[clear]] = True
    return seen | seen.T


def _shortest(nodes: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Ints]:
    """All shortest ways at once (Floyd, Algorithm 97; Warshall): n rounds over a table of n by n."""
    count = len(nodes)
    apart = np.hypot(*(nodes[:, None] - nodes[None]).transpose(2, 0, 1))
    distance_m = np.where(seen, apart, np.inf)
    np.fill_diagonal(distance_m, 0.0)
    following = np.where(seen | np.eye(count, dtype=np.bool_), np.arange(count)[None], -1)
    for middle in range(count):
        through = distance_m[:, middle, None] + distance_m[middle]
        shorter = through < distance_m
        distance_m[shorter] = through[shorter]
        following = np.where(shorter, following[:, middle, None], following)
    return distance_m, following


def reachable(net: Net, start: int, nodes: Sequence[int]) -> tuple[int, ...]:
    """Those of the nodes to which a way leads."""
    return tuple(node for node in nodes if np.isfinite(net.distance_m[start, node]))
