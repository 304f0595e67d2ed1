"""The count at the end: what happened, how often the zone was right, and every fault in a sentence."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from simulators.client import Traffic
from simulators.demo.judging import Agreement, Lists, agreement, faults, open_stays, summary_of
from simulators.demo.reading import Decision, Move
from simulators.demo.witness import SentPing, Witness
from simulators.replaying.record import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def move(kind, zone, seconds, event_id=None):
    return Move(event_id or f"{kind}{zone}{seconds}", "i1", kind, zone, at(seconds))


def decision(number, campaign, **reasons):
    return Decision(f"d{number}", "i1", "entered", "s/a", NOON, campaign, reasons)


def pings_of(*pings):
    return [SentPing("i1", at(seconds), status, truth) for seconds, status, truth in pings]


def record_of(*statuses):
    record = Record(planned=len(statuses))
    for status in statuses:
        record.verdict(status, ["no_location_consent"])
    return record


def witness_of(event_ids=(), offers=()):
    return Witness({}, lambda *_: None, event_ids=set(event_ids), offers=set(offers))


MOVES = [move("entered", "s/a", 2), move("entered", "s/b", 5), move("exited", "s/b", 8)]
GOOD = record_of("accepted", "duplicate", "rejected")


def test_the_summary_counts_moves_reasons_and_offers():
    record = record_of("accepted", "duplicate", "rejected")
    for ms in (3.0, 1.0, 2.0):
        record.answered.add(ms)
    decisions = [decision(1, "x", y="cap", z="daypart"), decision(2, None, y="cap")]
    assert summary_of(record, MOVES, decisions) == {
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
    found = agreement(pings_of(*pings), MOVES, {"s/a": 1.0, "s/b": 9.0})
    assert found == Agreement(judged=4, right=3)
    assert found.share == 0.75


def test_of_zones_entered_together_the_smallest_counts():
    together = [move("entered", "s/shop", 2), move("entered", "s/aisle", 2), move("entered", "s/floor", 2)]
    areas = {"s/shop": 5.0, "s/aisle": 1.0, "s/floor": 9.0}
    assert agreement(pings_of((3, "accepted", "s/aisle")), together, areas).right == 1


def test_stays_that_were_not_left_are_open():
    assert open_stays(MOVES) == 1


def faults_found(**change):
    good = {"planned": 3, "traffic": Traffic(), "moves": MOVES, "decisions": [decision(1, "x")]}
    good |= {"witness": witness_of()} | change
    lists = Lists(good["moves"], good["decisions"])
    return faults(GOOD, good["planned"], good["traffic"], good["witness"], lists)


def test_all_went_well_when_there_is_nothing_to_say():
    assert faults_found() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"planned": 4}, "4 pings planned, 3 got a verdict"),
        ({"traffic": Traffic(statuses=Counter({503: 2, 200: 9}))}, "2 answers were server"),
        ({"moves": []}, "nobody moved"),
        ({"decisions": [decision(1, None, y="cap")]}, "no offer"),
    ],
)
def test_each_fault_is_a_sentence(change, sentence):
    (told,) = faults_found(**change)
    assert sentence in told


def test_what_phones_were_told_must_be_in_the_service_own_lists():
    assert len(faults_found(witness=witness_of(event_ids=["made-up"], offers=["made-up"]))) == 2
    assert faults_found(witness=witness_of(event_ids=[MOVES[0].event_id], offers=["d1"])) == []
