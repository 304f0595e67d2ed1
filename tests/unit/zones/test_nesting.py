"""What a declared parent adds to the shapes."""

from hypothesis import given
from hypothesis import strategies as st

from tests.factories.catalogue import places, square, zone_document


def depths(*zones):
    return {zone.name: zone.depth for zone in places(zones=zones).zones.values()}


HALL = zone_document("hall", geometry=square(columns=4, rows=4))


def test_a_child_that_sticks_out_a_little_is_deeper_than_its_parent():
    shelf = square(2, 1, columns=2.1)

    assert depths(HALL, zone_document("shelf", geometry=shelf)) == {"hall": 0, "shelf": 0}
    assert depths(HALL, zone_document("shelf", geometry=shelf, parent="hall")) == {"hall": 0, "shelf": 1}


def test_what_is_drawn_within_a_child_lies_in_its_parent_too():
    found = depths(
        zone_document("mall", geometry=square(-2, -2, columns=8, rows=6)),
        HALL,
        zone_document("shelf", geometry=square(3, 1, columns=2), parent="hall"),
        zone_document(
            "tray", geometry=square(4.5, 1.2, columns=0.3, rows=0.3)
        ),  # in the shelf, out of the hall
    )

    assert found == {"mall": 0, "hall": 1, "shelf": 2, "tray": 3}


def test_a_parent_and_a_shape_that_say_the_same_count_once():
    assert depths(HALL, zone_document("shelf", geometry=square(1, 1), parent="hall"))["shelf"] == 1


def test_a_parent_that_is_drawn_smaller_is_the_outer_one_none_the_less():
    assert depths(HALL, zone_document("desk", geometry=square(1, 1))) == {"hall": 0, "desk": 1}
    assert depths(HALL | {"parent": "desk"}, zone_document("desk", geometry=square(1, 1))) == {
        "hall": 1,
        "desk": 0,
    }


def test_of_two_equal_shapes_the_declared_parent_is_the_outer_one():
    assert depths(zone_document("a", parent="b"), zone_document("b")) == {"a": 1, "b": 0}


def test_a_parent_that_is_not_there_and_parents_in_a_circle_say_nothing():
    assert depths(zone_document("a", parent="gone")) == {"a": 0}
    assert depths(zone_document("a", parent="b"), zone_document("b", geometry=square(5), parent="a")) == {
        "a": 0,
        "b": 0,
    }


sides = st.sampled_from([0.5, 1.0, 2.0, 3.0])
rectangles = st.builds(
    lambda c, r, w, h: square(c, r, columns=w, rows=h), *[st.integers(0, 2)] * 2, sides, sides
)


@given(
    shapes=st.lists(rectangles, min_size=1, max_size=7),
    named=st.lists(st.integers(0, 9), min_size=7, max_size=7),
)
def test_every_child_is_deeper_than_its_parent_and_all_that_its_parent_lies_in(shapes, named):
    """Parents are named among those before, so that no circle comes about; shapes say what they like."""
    zones = [
        zone_document(
            f"z{number}", geometry=shape, parent=f"z{parent}" if (parent := named[number]) < number else None
        )
        for number, shape in enumerate(shapes)
    ]

    found = depths(*zones)

    assert all(found[zone["id"]] > found[zone["parent"]] for zone in zones if zone["parent"])
    assert max(found.values()) < len(zones)
