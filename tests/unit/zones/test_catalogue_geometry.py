import time

import pytest

from beacon_service.zones import geometry
from tests.factories.catalogue import square


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def said(value):
    return [f"{'/'.join(map(str, flaw.path))} {flaw.what}".strip() for flaw in geometry.flaws(value)]


TRIANGLE = [[4.9, 52.37], [4.91, 52.37], [4.9, 52.38], [4.9, 52.37]]


@pytest.mark.parametrize(
    "sound",
    [
        square(),
        polygon(square(columns=3, rows=3)["coordinates"][0], square(1, 1)["coordinates"][0]),
        {"type": "MultiPolygon", "coordinates": [square()["coordinates"], square(5)["coordinates"]]},
        polygon([[*position, 3.5] for position in TRIANGLE]),
        polygon([[0, 0], [0, 1], [1, 1], [0, 0]]),
    ],
    ids=["square", "hole", "parts", "altitude", "whole numbers"],
)
def test_sound_shapes_have_no_flaws(sound):
    assert geometry.flaws(sound) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "is not a Polygon or MultiPolygon"),
        ({"type": "Point", "coordinates": [4.9, 52.37]}, "is not a Polygon or MultiPolygon"),
        ({"type": ["Polygon"], "coordinates": []}, "is not a Polygon or MultiPolygon"),
        ({"type": "Polygon"}, "has other members than type and coordinates"),
        ({"type": "Polygon", "coordinates": []}, "coordinates does not nest as a Polygon does"),
        ({"type": "Polygon", "coordinates": [[]]}, "coordinates does not nest as a Polygon does"),
        ({"type": "Polygon", "coordinates": {"a": 1}}, "coordinates does not nest as a Polygon does"),
        (
            {"type": "MultiPolygon", "coordinates": [TRIANGLE]},
            "coordinates/0/0/0 is not a position of two numbers",
        ),
        (polygon(TRIANGLE[:2]), "coordinates/0 has 2 positions"),
        (polygon([*TRIANGLE[:3], [4.9, 52.3700001]]), "coordinates/0 is not closed"),
        (polygon([TRIANGLE[0], [4.9], *TRIANGLE[2:]]), "coordinates/0/1 is not a position of two numbers"),
        (
            polygon([TRIANGLE[0], [True, 52], *TRIANGLE[2:]]),
            "coordinates/0/1 is not a position of two numbers",
        ),
        (
            polygon([TRIANGLE[0], [float("nan"), 1], *TRIANGLE[2:]]),
            "coordinates/0/1 is not a position of two numbers",
        ),
        (
            polygon([TRIANGLE[0], [10**400, 1], *TRIANGLE[2:]]),
            "coordinates/0/1 is not a position of two numbers",
        ),
        (
            polygon([TRIANGLE[0], [52.4, 104.9], *TRIANGLE[2:]]),
            "coordinates/0/1 [52.4, 104.9] is not on earth",
        ),
        (
            polygon([TRIANGLE[0], [4.9, 89], *TRIANGLE[2:]]),
            "coordinates/0/1 latitude 89 is too near to a pole for distances to be measured on a plane",
        ),
        (
            polygon([[179.9, 1], [-179.9, 1], [-179.9, 2], [179.9, 2], [179.9, 1]]),
            "coordinates is wider than 180 degrees: it seems to cross the antimeridian",
        ),
        (
            polygon([[4, 52], [5, 53], [5, 52], [4, 53], [4, 52]]),
            "coordinates Self-intersection at [4.5, 52.5]",
        ),
        (
            polygon([[4, 52], [5, 52], [4, 52], [4, 52]]),
            "coordinates Too few points in geometry component at [4, 52]",
        ),
        (
            polygon(square()["coordinates"][0], square(5)["coordinates"][0]),
            "coordinates Hole lies outside shell",
        ),
    ],
)
def test_each_flaw_is_told_with_its_place(value, expected):
    found, *_ = said(value)

    assert found.startswith(expected)


def test_a_shape_of_a_million_vertices_is_refused_by_counting():
    ring = [[4.9, 52.37]] * 1_000_000
    began = time.perf_counter()

    (found,) = said(polygon(ring))

    assert time.perf_counter() - began < 0.2
    assert found == "coordinates has 1000000 vertices, and 10000 are the most"


def test_one_mistake_made_often_is_told_a_few_times():
    assert len(said(polygon([[52.37, 104.9]] * 100))) == geometry.MOST_FLAWS


def test_altitudes_are_left_out_and_numbers_stay_as_they_were_sent():
    sent = polygon([[4.9, 52.37, 1], [4.91, 52.37, 1], [4.9, 52.38, 1], [4.9, 52.37, 1]])

    assert geometry.normalised(sent) == polygon(TRIANGLE)


def test_what_lies_within_walking_distance_is_not_far():
    assert geometry.far_flaw((4.9, 52.37), (4.95, 52.4), ("geometry",)) == []
    assert geometry.far_flaw((52.37, 4.9), None, ("geometry",)) == []
    (flaw,) = geometry.far_flaw((52.37, 4.9), (4.9, 52.37), ("geometry",))
    assert "swapped" in flaw.do
