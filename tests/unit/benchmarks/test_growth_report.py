"""What was measured and what was left out are both told; the plot is well-formed and shows every value."""

import json
from xml.etree import ElementTree as ET

from benchmarks.growth.measuring import Figures, Grown, Speed
from benchmarks.growth.plot import Panel, apart, powers, svg
from benchmarks.growth.report import Result, as_json, panels, sound, table
from benchmarks.growth.sizes import COURSES

COURSE = COURSES["small"]
SVG = "{http://www.w3.org/2000/svg}"


def figures(pings_per_s=1_000.0, wrong=0):
    speed = Speed(pings_per_s, 10.0, 20.0, 400.0, 100.0, 8_000)
    grown = Grown(ping=700.0, presence=800.0, decision=600.0, grant=400.0, move=200.0, grants_share=0.25)
    each = {"zone": 50.0, "campaign": 30.0}
    return Figures(
        speed,
        speed,
        170.0,
        4.0,
        0.5,
        each,
        each,
        10**9,
        {"pings": 1},
        grown,
        wrong,
        "no offer" if wrong else None,
    )


def results(**last):
    *measured, largest = COURSE.points()
    return [*(Result(point, figures()) for point in measured), Result(largest, **last)]


def test_a_size_that_was_left_out_is_told_with_its_reason():
    found = results(left_out="needs 50.0 GB of disk, and --disk-gb allows 40")
    assert "left out, needs 50.0 GB of disk" in table(found, None, None)
    told = json.loads(as_json(found, None, None, "small"))
    assert told["points"][-1]["left_out"] == "needs 50.0 GB of disk, and --disk-gb allows 40"
    assert told["sound"]
    assert "\n" not in as_json(found, None, None, "small")


def test_one_wrong_answer_spoils_the_run_and_is_told():
    found = results(figures=figures(wrong=2))
    assert sound(results(figures=figures()))
    assert not sound(found)
    assert "2 WRONG ANSWERS, the first: no offer" in table(found, None, None)


def test_a_decision_is_told_with_its_move_and_its_share_of_grants():
    """600 + 200 + 400 / 4."""
    assert figures().grown.decided == 900.0
    assert (
        json.loads(as_json(results(figures=figures()), None, 830.0, "small"))["points"][0]["bytes_decided"]
        == 900.0
    )


def test_there_are_two_panels_for_each_factor_that_was_measured():
    assert [panel.title for panel in panels(results(figures=figures()))][::2] == [
        "zones", "customers", "decisions in the ledger", "web processes",
    ]  # fmt: skip
    assert panels([]) == []


def test_a_plot_is_well_formed_and_has_a_dot_for_each_value():
    drawn = ET.fromstring(
        svg([Panel("a < b", "pings/s", ("1", "2", "3"), {"x": (10.0, None, 30.0), "y": (7.0, 8.0, 9.0)})])
    )
    assert len(list(drawn.iter(f"{SVG}circle"))) == 5
    assert "a < b" in [text.text for text in drawn.iter(f"{SVG}text")]


def test_ten_times_as_much_is_as_far_up_anywhere():
    drawn = ET.fromstring(svg([Panel("t", "u", ("1", "2", "3"), {"x": (1.0, 10.0, 100.0)})]))
    low, middle, high = (float(dot.attrib["cy"]) for dot in drawn.iter(f"{SVG}circle"))
    assert low - middle == middle - high > 0


def test_an_axis_is_a_power_of_ten_long_at_least():
    assert powers([7, 30]) == (0, 2)
    assert powers([10, 10]) == (1, 2)
    assert powers([]) == (0, 1)


def test_names_of_lines_that_end_close_together_are_moved_apart():
    assert apart([50, 48, 100, 49], 10) == [50, 30, 100, 40]
    assert apart([], 10) == []
