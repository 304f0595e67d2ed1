"""Asking for many groups of points at once answers as asking for each point does."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.catalogue import SOUTH, STEP, WEST, places, square, zone_document

GRID = places(
    zones=[
        zone_document("store", geometry=square(columns=4, rows=3)),
        *(zone_document(f"cell-{c}-{r}", geometry=square(c, r)) for c in range(4) for r in range(3)),
        zone_document(
            "slanted",
            geometry={
                "type": "Polygon",
                "coordinates": [
                    [[WEST, SOUTH], [WEST + 3 * STEP, SOUTH], [WEST, SOUTH + 3 * STEP], [WEST, SOUTH]]
                ],
            },
        ),
    ]
)
steps = st.integers(-4, 20).map(lambda quarter: quarter / 4)  # edges and corners as often as insides


@given(
    groups=st.lists(st.tuples(steps, steps, st.sampled_from([0.0, 0.1, 0.5, 3.0])), min_size=1, max_size=8)
)
def test_shares_count_what_covering_finds(groups):
    spread = np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (0.7, 0.7)])
    points = np.array(
        [[(WEST + (c + r * x) * STEP, SOUTH + (w + r * y) * STEP) for x, y in spread] for c, w, r in groups]
    )
    expected = Counter()
    for number, group in enumerate(points):
        _, zones = GRID.index.covering(group)
        expected.update((number, zone) for zone in zones.tolist())
    shares = {
        (group, zone): count
        for group, zone, count in zip(*(a.tolist() for a in GRID.index.shares(points)), strict=True)
    }
    assert shares == expected
