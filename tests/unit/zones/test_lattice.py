"""The lattice of a radio map's cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.geo import distance_m
from beacon_service.zones.lattice import Lattice
from tests.factories.catalogue import SOUTH, WEST

LATTICE = Lattice(("ground", "first", "second"), WEST, SOUTH, 5.0, rows=7, columns=11)


def test_the_middle_of_a_cell_is_in_it():
    cells = np.arange(LATTICE.size)
    floor, x, y = LATTICE.centres(cells)
    assert (LATTICE.cell(floor, x, y) == cells).all()
    assert sorted(set(floor.tolist())) == [0, 1, 2]


def test_places_beyond_the_edge_count_to_the_cell_at_the_edge():
    assert LATTICE.cell(0, -40.0, -40.0) == 0
    assert LATTICE.cell(2, 1e6, 1e6) == LATTICE.size - 1


@given(st.floats(0, 500), st.floats(0, 500))
def test_metres_and_degrees_are_each_others_inverse_and_true_to_the_earth(x_m, y_m):
    longitude, latitude = LATTICE.degrees(x_m, y_m)
    assert LATTICE.metres(longitude, latitude) == pytest.approx((x_m, y_m), abs=1e-5)
    # The plane touches the earth at the corner; half a kilometre on it is off by a fraction of a metre.
    assert distance_m(WEST, SOUTH, longitude, latitude) == pytest.approx(np.hypot(x_m, y_m), abs=0.5)
