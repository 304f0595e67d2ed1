"""What stops people and weakens radio: lines and blocks as somebody drew them, or guessed around shops."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.geometry import footprint
from simulators.generating.sites.drawing import GLASS_DB, HEAVY_WALL_DB, LIGHT_WALL_DB
from simulators.generating.sites.files import SiteError

Floats = NDArray[np.float64]

DOOR_M = 3.0
DOOR_SHARE = 0.6  # of a front that is too short for such a door
NARROWEST_DOOR_M = 1.0
BESIDE_M = 0.5  # walls nearer to one another than that are one wall
LARGEST_LOSS_DB = 60.0


@dataclass(frozen=True, slots=True)
class Walls:
    """`lines`: rows of x, y, x, y with `losses_db` beside them. `blocks`: ground that nobody stands on."""

    lines: Floats
    losses_db: Floats
    blocks: shapely.Geometry

    def with_outline(self, ground: shapely.Geometry, entrances: Sequence[shapely.Geometry]) -> "Walls":
        """And the house's own walls, but where an entrance touches them."""
        doors = shapely.union_all(list(entrances)).buffer(BESIDE_M) if entrances else shapely.Polygon()
        rows = list(_segments(ground.boundary.difference(doors)))
        return walls_of(
            [*map(tuple, self.lines), *rows],
            [*self.losses_db, *[HEAVY_WALL_DB] * len(rows)],
            self.blocks,
        )


def walls_of(rows: Sequence[Sequence[float]], losses_db: Sequence[float], blocks: shapely.Geometry) -> Walls:
    return Walls(
        np.array(rows, dtype=np.float64).reshape(-1, 4),
        np.array(losses_db, dtype=np.float64),
        blocks,
    )


def drawn_walls(
    features: Iterable[Mapping[str, Any]],
    floor: str,
    in_metres: Callable[[shapely.Geometry], shapely.Geometry],
) -> Walls:
    """Each side of a block takes half of what the block takes: who looks through it meets two."""
    rows: list[tuple[float, ...]] = []
    losses: list[float] = []
    blocks: list[shapely.Geometry] = []
    for number, feature in enumerate(features, start=1):
        if feature["properties"].get("floor") != floor:
            continue
        try:
            shape = in_metres(footprint(feature["geometry"]))
            told_db = float(feature["properties"].get("loss_db", LIGHT_WALL_DB))
        except (AssertionError, KeyError, TypeError, ValueError, shapely.errors.GEOSException) as error:
            raise SiteError(
                f"feature {number} of the walls is no line and no polygon with a number as loss_db: {error}"
            ) from None
        loss_db = min(LARGEST_LOSS_DB, max(0.0, told_db))
        solid = shape.area > 0
        segments = list(_segments(shape.boundary if solid else shape))
        rows += segments
        losses += [loss_db / 2 if solid else loss_db] * len(segments)
        if solid:
            blocks.append(shape)
    return walls_of(rows, losses, shapely.union_all(blocks) if blocks else shapely.Polygon())


def guessed_walls(ground: shapely.Geometry, shops: Sequence[shapely.Geometry]) -> Walls:
    """Around each shop that faces free ground: light walls, and a front of glass with a door in its middle.

    A shop that faces none lies in another one, or the whole floor is shops side by side: it stays open.
    """
    rows: list[tuple[float, ...]] = []
    losses: list[float] = []
    inner = ground.buffer(-BESIDE_M)
    tree = shapely.STRtree(list(shops))
    for number, shop in enumerate(shops):
        near = tree.query(shop.buffer(BESIDE_M))
        others = shapely.union_all([shops[each] for each in near if each != number])
        front = shop.boundary.difference(others.buffer(BESIDE_M)).intersection(inner)
        if others.intersection(shop).area > 0.5 * shop.area or front.length < NARROWEST_DOOR_M:
            continue
        door = _door(max(_segments(front), key=_length_m))
        for row in _segments(shop.boundary.difference(door.buffer(1e-3, cap_style="flat"))):
            middle = shapely.Point((row[0] + row[2]) / 2, (row[1] + row[3]) / 2)
            rows.append(row)
            losses.append(GLASS_DB if front.distance(middle) < 1e-6 else LIGHT_WALL_DB)
    return walls_of(rows, losses, shapely.Polygon())


def _door(front: tuple[float, ...]) -> shapely.LineString:
    """In the middle of the longest straight piece of a front."""
    length_m = _length_m(front)
    half = min(DOOR_M, DOOR_SHARE * length_m) / 2 / length_m
    start, end = np.array(front[:2]), np.array(front[2:])
    return shapely.LineString([start + (end - start) * (0.5 - half), start + (end - start) * (0.5 + half)])


def _length_m(row: Sequence[float]) -> float:
    return math.hypot(row[2] - row[0], row[3] - row[1])


def _segments(lines: shapely.Geometry) -> Iterable[tuple[float, ...]]:
    for part in shapely.get_parts(shapely.line_merge(lines) if lines.geom_type != "LineString" else lines):
        for start, end in pairwise(shapely.get_coordinates(part)):
            yield (float(start[0]), float(start[1]), float(end[0]), float(end[1]))
