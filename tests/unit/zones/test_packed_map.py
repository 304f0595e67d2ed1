"""A radio map as it is packed."""

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest

from beacon_service.zones import packed_map as module
from beacon_service.zones.packed_map import RadioMapError, packed, unpacked
from tests.factories.surveyed import Phone, radio_map, surveyed_places


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
