import pytest
import shapely

from beacon_service.zones.parents import Placed, loops, parent_flaws

HALL = shapely.box(0, 0, 4, 4)
DESK = shapely.box(1, 1, 2, 2)
YARD = shapely.box(9, 9, 10, 10)


def said(edited, stored=None, parents=None):
    stored = stored or {}
    declared = parents or {zone: one.parent for zone, one in {**stored, **edited}.items() if one.parent}
    return [
        f"{zone} {flaw.path[0]} {flaw.what}" for zone, flaw in parent_flaws("shop", edited, stored, declared)
    ]


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({}, set()),
        ({"a": "b", "b": "c"}, set()),
        ({"a": "a"}, {"a"}),
        ({"a": "b", "b": "a", "c": "a", "d": "c"}, {"a", "b"}),
        ({"x": "a", "a": "b", "b": "c", "c": "a", "y": "z"}, {"a", "b", "c"}),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, {"a", "b", "c", "d"}),
    ],
)
def test_loops_are_those_who_are_their_own_ancestors(parents, expected):
    assert loops(parents) == expected


def test_a_long_line_of_parents_is_walked_once():
    assert loops({number: number + 1 for number in range(100_000)}) == set()


def test_a_parent_around_the_zone_is_fine_on_its_floor_and_outdoors():
    assert said({"desk": Placed("f1", "hall", DESK)}, {"hall": Placed("f1", None, HALL)}) == []
    assert said({"desk": Placed("f1", "hall", DESK)}, {"hall": Placed(None, None, HALL)}) == []
    assert said({"desk": Placed("f1", "hall", DESK), "hall": Placed("f1", None, HALL)}) == []


@pytest.mark.parametrize(
    ("edited", "stored", "expected"),
    [
        (
            {"desk": Placed(None, "hall", DESK)},
            {},
            "desk parent names the zone hall, which the site shop does not have",
        ),
        ({"desk": Placed(None, "desk", DESK)}, {}, "desk parent is the zone itself"),
        (
            {"desk": Placed(None, "hall", DESK)},
            {"hall": Placed(None, "desk", HALL)},
            "desk parent goes round in a circle: desk in hall in desk",
        ),
        (
            {"desk": Placed("f1", "hall", DESK)},
            {"hall": Placed("f2", None, HALL)},
            "desk parent is hall, which is on the floor f2, and this is on the floor f1",
        ),
        (
            {"desk": Placed(None, "hall", DESK)},
            {"hall": Placed("f2", None, HALL)},
            "desk parent is hall, which is on the floor f2, and this is outdoors",
        ),
        (
            {"desk": Placed(None, "hall", YARD)},
            {"hall": Placed(None, None, HALL)},
            "desk parent is hall, which does not cover the middle of this zone",
        ),
        (
            {"hall": Placed(None, None, YARD)},
            {"desk": Placed(None, "hall", DESK)},
            (
                "hall geometry would leave the zone desk with a wrong parent, which is hall, "
                "which does not cover the middle of this zone"
            ),
        ),
    ],
    ids=["unknown", "itself", "circle", "other floor", "outdoors in a floor", "elsewhere", "moved away"],
)
def test_a_wrong_parent_is_told(edited, stored, expected):
    assert said(edited, stored) == [expected]


def test_a_circle_of_many_is_told_shortly_and_to_those_that_are_edited():
    around = {f"z{n}": f"z{(n + 1) % 20}" for n in range(20)}
    edited = {"z0": Placed(None, "z1", DESK)}

    assert said(edited, {"z1": Placed(None, "z2", DESK)}, around) == [
        "z0 parent goes round in a circle: z0 in z1 in z2 in z3 in z4 in z5 in ..."
    ]
