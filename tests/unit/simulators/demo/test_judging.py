"""The count at the end: what happened, how often the zone was right, and every fault in a sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from simulators.client import Traffic
from simulators.demo.judging import Agreement, agreement, faults, open_stays, summary_of
from simulators.demo.reading import Decision, Move
from simulators.record import Record, SentPing, percentile

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def move(kind, zone, seconds, event_id=None):
    return Move(event_id or f"{kind}{zone}{seconds}", "i1", kind, zone, at(seconds))


def decision(number, campaign, **reasons):
    return Decision(f"d{number}", "i1", "entered", "s/a", NOON, campaign, reasons)


def record_of(*pings, planned=None):
    record = Record(planned=len(pings) if planned is None else planned)
    for seconds, status, truth in pings:
        record.answered(SentPing("i1", at(seconds), status, truth), ["no_location_consent"])
    return record


MOVES = [move("entered", "s/a", 2), move("entered", "s/b", 5), move("exited", "s/b", 8)]
GOOD = record_of((3, "accepted", "s/a"), (4, "duplicate", None), (5, "rejected", None))


def test_the_summary_counts_moves_reasons_and_offers():
    GOOD.latencies_ms[:] = [3.0, 1.0, 2.0]
    decisions = [decision(1, "x", y="cap", z="daypart"), decision(2, None, y="cap")]
    assert summary_of(GOOD, MOVES, decisions) == {
        "pings": 3, "accepted": 1, "late": 0, "duplicate": 1, "rejected": {"no_location_consent": 1},
        "moves": {"entered": 2, "dwelled": 0, "exited": 1},
        "decisions": {"cap": 2, "daypart": 1}, "offers": 1, "p50_ms": 2.0, "p99_ms": 3.0,
    }  # fmt: skip


def test_a_phone_agrees_where_the_zone_that_it_entered_last_is_the_true_one():
    pings = [
        (1, "accepted", "s/a"),  # not yet inside
        (3, "accepted", "s/a"),
        (6, "accepted", "s/b"),  # in both: the later one counts
        (9, "accepted", "s/a"),  # back in the first
        (9, "accepted", None),  # nobody knows
        (9, "duplicate", "s/b"),  # not judged
    ]
    found = agreement(record_of(*pings).pings, MOVES, {"s/a": 1.0, "s/b": 9.0})
    assert found == Agreement(judged=4, right=3)
    assert found.share == 0.75


def test_of_zones_entered_together_the_smallest_counts():
    together = [move("entered", "s/shop", 2), move("entered", "s/aisle", 2), move("entered", "s/floor", 2)]
    areas = {"s/shop": 5.0, "s/aisle": 1.0, "s/floor": 9.0}
    assert agreement(record_of((3, "accepted", "s/aisle")).pings, together, areas).right == 1


def test_stays_that_were_not_left_are_open():
    assert open_stays(MOVES) == 1


def test_all_went_well_when_there_is_nothing_to_say():
    assert faults(GOOD, Traffic(), MOVES, [decision(1, "x")]) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"record": record_of((1, "accepted", None), planned=2)}, "2 pings sent, 1 got a verdict"),
        (
            {"traffic": Traffic(statuses=Traffic().statuses.__class__({503: 2, 200: 9}))},
            "2 answers were server",
        ),
        ({"moves": []}, "nobody moved"),
        ({"decisions": [decision(1, None, y="cap")]}, "no offer"),
    ],
)
def test_each_fault_is_a_sentence(change, sentence):
    good = {"record": GOOD, "traffic": Traffic(), "moves": MOVES, "decisions": [decision(1, "x")]}
    (told,) = faults(**(good | change))
    assert sentence in told


def test_what_phones_were_told_must_be_in_the_service_own_lists():
    record = record_of((1, "accepted", None))
    record.event_ids.add("made-up")
    record.offers["made-up"] = {}
    told = faults(record, Traffic(), MOVES, [decision(1, "x")])
    assert len(told) == 2


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_are_values_that_occurred(share, value):
    assert percentile(range(1, 101), share) == value
    assert percentile([], share) == 0.0
