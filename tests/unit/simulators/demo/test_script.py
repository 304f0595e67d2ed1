"""What people of a scene do, as a trace: in order, with clocks that are wrong and pings that are sent twice."""

from datetime import datetime, timedelta

from simulators.demo.script import BEGINS_AT, lasts_s, lines_of, planned_pings, truth_of
from simulators.demo.witness import Witness
from simulators.replaying.record import Record
from simulators.traces.files import checked
from simulators.traces.model import CustomerTold, Identified, Registered, Report, Response
from simulators.walks import Position, Sighting, Walk, WalkPing
from tests.factories.played import order, played, trace
from tests.factories.small_service import SmallService

HEARD = (Sighting("u", 1, 2, -60),)
WALKS = [
    Walk("one", 5.0, (WalkPing(2.0, HEARD, truth="s/a"), WalkPing(4.0, HEARD, sent_twice=True))),
    Walk(
        "two", 0.0, (WalkPing(2.0, position=Position(4.9, 52.3, 8.0)),), clock_ahead_s=300.0, platform="ios"
    ),
    Walk("three", 0.0, (), customer={"loyalty": "gold"}, marketing_consent=False),
]


def lines(kind):
    return [line for line in lines_of(WALKS) if isinstance(line, kind)]


def after_s(at):
    return (at - BEGINS_AT).total_seconds()


def test_the_lines_are_a_trace_in_order():
    assert len(list(checked(lines_of(WALKS)))) == 3 + 3 + 2 + 4


def test_everybody_registers_a_second_before_setting_out():
    assert [(one.installation_id, after_s(one.at)) for one in lines(Registered)] == [
        ("2", 1.0), ("3", 1.0), ("1", 6.0),
    ]  # fmt: skip
    assert lines(Registered)[1].consents.marketing is False


def test_the_brand_tells_of_whom_it_knows_before_the_phone_is_theirs():
    told = [one for one in lines_of(WALKS) if isinstance(one, CustomerTold | Identified)]
    assert [type(one) for one in told] == [CustomerTold, Identified]
    assert (told[0].customer_id, told[0].attributes) == ("customer-3", {"loyalty": "gold"})
    assert told[0].consents.marketing is False


def test_a_ping_whose_answer_got_lost_is_sent_again_the_same():
    reports = [one for one in lines(Report) if one.installation_id == "1"]
    assert [one.pings[0]["ping_id"] for one in reports] == ["00001", "00002", "00002"]
    assert reports[1].pings == reports[2].pings
    assert planned_pings(WALKS) == 4


def test_a_wrong_clock_is_wrong_in_all_that_the_phone_says():
    (one,) = [one for one in lines(Report) if one.installation_id == "2"]
    assert one.sent_at - one.at == timedelta(seconds=300)
    assert datetime.fromisoformat(one.pings[0]["at"]) == one.sent_at


def test_some_look_at_offers():
    assert all(0 < one.click < one.view < 1 and one.buy == 0 for one in lines(Response))


def test_the_run_lasts_as_long_as_the_longest_walk():
    assert lasts_s(WALKS) == 11.0


def test_each_ping_that_is_judged_is_kept_with_its_time_and_the_truth(tmp_path):
    truth = {(f"run-{name}", ping): zone for (name, ping), zone in truth_of(WALKS).items()}
    witness = Witness(truth, lambda *_: None)
    with SmallService() as service:
        path = trace(tmp_path / "a.jsonl", *lines_of(WALKS))
        outcome = played(order(path, service.url), onlooker=witness)
    assert isinstance(outcome.record, Record)
    kept = {(one.installation_id, one.status): one.truth for one in witness.pings}
    assert ("run-1", "duplicate") in kept
    assert "s/a" in {one.truth for one in witness.pings if one.installation_id == "run-1"}
    (ahead,) = [one for one in witness.pings if one.installation_id == "run-2"]
    right = [one.at for one in witness.pings if one.installation_id == "run-1"]
    assert abs(ahead.at - right[0]) < timedelta(seconds=30)
