"""A radio map as it is packed, and the lattice of its cells."""

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.geo import distance_m
from beacon_service.zones import radio_map as module
from beacon_service.zones.model import Sighting
from beacon_service.zones.radio_map import Lattice, RadioMapError, packed, unpacked
from tests.factories.catalogue import SOUTH, WEST
from tests.factories.surveyed import Phone, ibeacon, mac, radio_map, surveyed_places

LATTICE = Lattice(("ground", "first", "second"), WEST, SOUTH, 5.0, rows=7, columns=11)


@pytest.fixture(scope="module")
def known():
    return radio_map()


@pytest.fixture(scope="module")
def stored(known):
    return packed(known)


def test_what_is_unpacked_is_what_was_packed(known, stored):
    read = unpacked(stored)

    for one in fields(known):
        if not one.name.startswith("_"):
            mine, its = getattr(known, one.name), getattr(read, one.name)
            if isinstance(mine, np.ndarray):
                assert (mine.dtype, mine.shape) == (its.dtype, its.shape), one.name
                assert (mine == its).all(), one.name
            else:
                assert mine == its, one.name
    assert packed(read) == stored


def test_a_map_that_was_stored_locates_as_the_one_that_was_learned(known, stored):
    learned, read = Phone(surveyed_places(known)), Phone(surveyed_places(unpacked(stored)))
    assert learned.stroll(1, 50, 20) == read.stroll(1, 50, 20)
    assert learned.belief == read.belief


def test_bytes_that_are_no_map_say_so(stored):
    for broken in (b"", b"broken", stored[:-10], stored[:100], stored[100:], b"\x93NUMPY" + stored, b"{}"):
        with pytest.raises(RadioMapError, match="cannot be read"):
            unpacked(broken)


def test_a_bit_that_fell_over_never_ends_in_another_error(stored):
    random = Random(1)
    refused = 0
    for _ in range(400):
        broken = bytearray(stored)
        broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
        try:
            unpacked(bytes(broken))
        except RadioMapError:
            refused += 1
    # The rest are bits of the archive that say nothing, dates of files and the like.
    assert refused > 350


def test_a_format_of_another_version_says_what_to_do(known, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 99)
    newer = packed(known)
    monkeypatch.undo()

    with pytest.raises(RadioMapError, match="format 99 where 1 is read; learn it anew"):
        unpacked(newer)


def test_a_map_that_lacks_a_part_is_refused(known, monkeypatch):
    monkeypatch.setattr(module, "_ARRAYS", ("cells", "walkable", "surprise", "prints"))
    partial = packed(known)
    monkeypatch.undo()

    with pytest.raises(RadioMapError, match="print_cells"):
        unpacked(partial)


def test_a_transmitter_is_known_by_its_address_before_what_it_advertised(known):
    assert known.row(Sighting(ibeacon(2), mac(3), -60)) == known.numbers[mac(3)]
    assert known.row(Sighting(ibeacon(2), mac(99), -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(ibeacon(2), None, -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(None, mac(2), -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(ibeacon(99), mac(99), -60)) is None
    assert known.row(Sighting(None, None, -60)) is None


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


def test_somebody_of_whom_nothing_is_known_is_where_people_walk(known):
    assert float(known.prior.sum()) == pytest.approx(1.0, abs=1e-5)
    assert (known.prior > 0).all()


@pytest.mark.parametrize(
    "broken",
    [
        {"cells": lambda m: m.cells[::-1]},
        {"cells": lambda m: m.cells + m.lattice.size},
        {"walkable": lambda m: m.walkable[1:]},
        {"walkable": lambda m: m.walkable * 0},
        {"walkable": lambda m: m.walkable * np.nan},
        {"surprise": lambda m: m.surprise[:, :, 1:]},
        {"surprise": lambda m: m.surprise[:, 1:]},
        {"prints": lambda m: m.prints[1:]},
        {"print_cells": lambda m: m.print_cells[1:]},
        {"print_cells": lambda m: m.print_cells - m.lattice.size},
        {"aliases": lambda m: {"mac:ac:23:3f:00:00:00": len(m.transmitters)}},
    ],
)
def test_a_map_that_names_what_it_does_not_have_is_refused(known, broken):
    """Machine code would read it all the same."""
    damaged = replace(known, **{name: change(known) for name, change in broken.items()})
    with pytest.raises(RadioMapError, match="do not fit each other"):
        unpacked(packed(damaged))
