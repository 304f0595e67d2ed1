"""`python -m benchmarks.zone_index`: how many points a second one process finds the zones of."""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.model import SiteId, Zone, zone_key

ZONES = 10_000
POINTS = 1_000_000
ROUNDS = 5
AIM_POINTS_PER_S = 1_000_000
# 0.00025 degrees: a shop of about 28 m by 17 m at 52 degrees north.
CELL = 2.5e-4
WEST, SOUTH = 4.9, 52.3
# By how much a shop is turned: real ones do not follow the meridian, and their edges are slanted.
TURNED = math.radians(20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zone_index", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--zones", type=int, default=ZONES, help=f"how many zones ({ZONES})")
    options = parser.parse_args()
    figures = measure(options.zones)
    print(
        f"{figures['zones']:,} zones, built in {figures['build_s']:.2f} s; {figures['points']:,} points: "
        f"{figures['points_per_s']:,.0f} a second "
        f"(median of {ROUNDS}; {figures['slowest']:,.0f} to {figures['fastest']:,.0f}), "
        f"{figures['covered']:,} of them in a zone"
    )
    if options.json:
        print(json.dumps(figures))
    return 0 if figures["points_per_s"] >= AIM_POINTS_PER_S else 1


def measure(zones: int) -> dict[str, Any]:
    began = time.perf_counter()
    index = ZoneIndex(_shops(zones))
    build_s = time.perf_counter() - began
    points = _points(zones)
    point, _ = index.covering(points)
    speeds = sorted(_speed(index, points) for _ in range(ROUNDS))
    return {
        "zones": zones,
        "points": len(points),
        "points_per_s": round(statistics.median(speeds)),
        "slowest": round(speeds[0]),
        "fastest": round(speeds[-1]),
        "build_s": round(build_s, 3),
        "covered": len(np.unique(point)),
    }


def _speed(index: ZoneIndex, points: NDArray[np.float64]) -> float:
    began = time.perf_counter()
    index.covering(points)
    return len(points) / (time.perf_counter() - began)


def _shops(zones: int) -> Iterator[Zone]:
    """A town of shops beside each other: slanted hexagons, every eighth with a courtyard."""
    side = math.isqrt(zones - 1) + 1
    angles = TURNED + np.arange(6) * math.pi / 3
    outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * CELL * 0.58
    for number in range(zones):
        column, row = number % side, number // side
        middle = (WEST + (column + 0.5) * CELL, SOUTH + (row + 0.5) * CELL)
        holes = [middle + outline / 3] if number % 8 == 0 else []
        name = f"z{number:06}"
        yield Zone(
            zone_key("town", name), SiteId("town"), None, name, shapely.Polygon(middle + outline, holes)
        )


def _points(zones: int) -> NDArray[np.float64]:
    side = math.isqrt(zones - 1) + 1
    low, high = (WEST, SOUTH), (WEST + side * CELL, SOUTH + side * CELL)
    return np.random.default_rng(1).uniform(low, high, size=(POINTS, 2))


if __name__ == "__main__":
    sys.exit(main())
