"""Campaigns tested as code: what came is compared with what was expected, and each difference can be read."""

import json

import pytest

from simulators.replaying.clock import TraceClock
from simulators.replaying.differences import differences
from simulators.replaying.expectations import (
    Came,
    Decision,
    Event,
    ExpectationError,
    as_expected,
    encoded,
    read_expectations,
)

FORMAT = {"format": "beacon-expectations", "version": 1}
CAME = {
    "anna": Came(
        [Event("entered", "s/wine", None, 12.0), Event("dwelled", "s/wine", 60, 72.0)],
        [Decision("wine", "Two for one", 12.0)],
    ),
    "bob": Came([Event("entered", "s/hall", None, 5.0)], []),
}


@pytest.fixture
def expecting(tmp_path):
    def read(installations, **more):
        path = tmp_path / "expected.json"
        path.write_text(json.dumps({**FORMAT, "installations": installations, **more}))
        return read_expectations(path)

    return read


def test_what_came_as_expected_is_no_difference(expecting):
    anna = {
        "events": [
            {"type": "entered", "zone": "s/wine", "at_s": 10},
            {"type": "dwelled", "zone": "s/wine", "dwell_s": 60},
        ],
        "decisions": [{"campaign": "wine"}],
    }
    assert differences(expecting({"anna": anna, "bob": "none"}, tolerance_s=3, others="none"), CAME) == []


def test_an_offer_that_did_not_come_and_one_that_was_not_expected_are_told(expecting):
    wish = {"anna": {"decisions": [{"campaign": "cheese", "offer": "Brie", "at_s": 20}]}}
    assert differences(expecting(wish), CAME) == [
        "anna, decisions: 1 expected, 1 came",
        '    - 20.0 s offer of cheese "Brie": expected, and did not come',
        '    + 12.0 s offer of wine "Two for one": came, and was not expected',
    ]


def test_another_order_is_a_difference(expecting):
    events = [{"type": "dwelled", "zone": "s/wine"}, {"type": "entered", "zone": "s/wine"}]
    told = differences(expecting({"anna": {"events": events}}), CAME)
    assert told[0] == "anna, events: 2 expected, 2 came"
    assert sum("did not come" in line for line in told) == 1
    assert sum("not expected" in line for line in told) == 1


def test_what_came_at_the_wrong_time_is_told_with_both_times(expecting):
    events = [{"type": "entered", "zone": "s/wine", "at_s": 30}, {"type": "dwelled", "zone": "s/wine"}]
    told = differences(expecting({"anna": {"events": events}}, tolerance_s=5), CAME)
    assert told[1] == "    ~ 12.0 s entered s/wine: was expected at 30.0 s"
    assert differences(expecting({"anna": {"events": events}}, tolerance_s=18), CAME) == []
    events[0]["tolerance_s"] = 18
    assert differences(expecting({"anna": {"events": events}}, tolerance_s=1), CAME) == []


def test_nobody_gets_anything_is_said_of_one_or_of_all_others(expecting):
    assert differences(expecting({"anna": "none"}), CAME)[0] == "anna, decisions: 0 expected, 1 came"
    assert differences(expecting({}, others="none"), CAME)[0] == "anna, decisions: 0 expected, 1 came"
    assert differences(expecting({"bob": "none"}), CAME) == []
    assert differences(expecting({"bob": {"events": "none"}}), CAME)[0] == "bob, events: 0 expected, 1 came"


def test_of_whom_nothing_came_is_compared_all_the_same(expecting):
    told = differences(expecting({"carl": {"decisions": [{"campaign": "wine"}]}}), CAME)
    assert told[0] == "carl, decisions: 1 expected, 0 came"


def test_what_happened_at_one_instant_has_no_order(expecting):
    came = {"anna": Came([Event("entered", zone, None, 5.0) for zone in ("s/aisle", "s/shop")])}
    for zones in (("s/aisle", "s/shop"), ("s/shop", "s/aisle")):
        events = [{"type": "entered", "zone": zone} for zone in zones]
        assert differences(expecting({"anna": {"events": events}}), came) == []


def test_many_differences_are_cut_short(expecting):
    came = {f"p{number}": CAME["anna"] for number in range(50)}
    told = differences(expecting({}, others="none"), came)
    assert told[-1] == "and 30 more installations differ"


@pytest.mark.parametrize("speed", [1.0, None])
def test_what_came_can_be_written_down_and_is_then_as_expected(tmp_path, speed):
    clock = TraceClock.begun(0.0, None, speed, "compressed", 100.0)
    path = tmp_path / "expected.json"
    path.write_bytes(encoded(as_expected(CAME, ["anna", "bob", "carl"], clock, 7.0)))
    expected = read_expectations(path)
    assert (expected.settle_s, expected.others) == (7.0, "none")
    assert expected.installations["carl"].decisions == []
    assert differences(expected, CAME) == []
    assert (expected.installations["anna"].events[0].at_s is None) == (speed is None)
    changed = {**CAME, "carl": CAME["anna"]}
    assert differences(expected, changed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "truncated"),
        ('{"format": "x", "version": 1}', "not of the format"),
        ('{"format": "beacon-expectations", "version": 2}', "not of the format"),
        (
            '{"format": "beacon-expectations", "version": 1, "installation": {}}',
            "unknown field `installation`",
        ),
        (
            '{"format": "beacon-expectations", "version": 1, "installations": {"a": {"events": [{"type": "left"}]}}}',
            "events",
        ),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path, text, told):
    path = tmp_path / "e.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExpectationError, match=told):
        read_expectations(path)
