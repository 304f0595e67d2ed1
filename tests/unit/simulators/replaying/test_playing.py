"""A trace played to a small service: who sends what, with which key, in which order, and what is counted."""

import time
from datetime import UTC, datetime

import pytest

from simulators import client as patience
from simulators.client import Keys
from simulators.replaying.summary import faults_of
from simulators.traces.model import Note, Other
from tests.factories.played import (
    at,
    bought,
    customer,
    identified,
    order,
    ping,
    played,
    registered,
    report,
    response,
    trace,
)
from tests.factories.small_service import HANGS_UP, SmallService


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def service():
    with SmallService() as one:
        yield one


@pytest.fixture
def play(service, tmp_path):
    """Plays these lines to the service; answers the outcome."""

    def played_lines(*lines, **how):
        return played(order(trace(tmp_path / "a.jsonl", *lines), service.url, **how))

    return played_lines


def offer(number, code=None, campaign="wine"):
    told = {"title": "Two for one", "body": "b", "image_url": None, "link": None, "code": code}
    return {"decision_id": f"d{number}", "installation_id": "run-anna", "campaign": campaign, "offer": told}


def test_a_phone_registers_with_the_publishable_key_and_reports_with_its_token(play, service):
    outcome = play(registered(model="Pixel 9"), report(1), report(2))
    first, *others = service.requests
    assert (first.method, first.path) == ("PUT", "/v1/installations/run-anna")
    assert first.body == {
        "platform": "android", "model": "Pixel 9", "consents": {"location": True, "marketing": True},
    }  # fmt: skip
    assert {each.headers["authorization"] for each in service.requests} == {"Bearer pk"}
    assert {each.headers["beacon-installation-token"] for each in others} == {"it_run-anna"}
    assert (outcome.record.planned, outcome.record.verdicts) == (2, {"accepted": 2})
    assert (outcome.ended, faults_of(outcome.record)) == (True, [])


def test_pings_are_told_to_be_of_now(play, service):
    play(registered(), report(1))
    (body,) = service.sent()
    for told in (body["sent_at"], body["pings"][0]["at"]):
        assert abs((datetime.fromisoformat(told) - datetime.now(UTC)).total_seconds()) < 5


def test_a_wrong_clock_is_wrong_in_all_that_the_phone_says(play, service):
    play(registered(), report(1, ahead_s=3600.0))
    (body,) = service.sent()
    for told in (body["sent_at"], body["pings"][0]["at"]):
        ahead_s = (datetime.fromisoformat(told) - datetime.now(UTC)).total_seconds()
        assert ahead_s == pytest.approx(3600, abs=5)


def test_lines_are_played_at_their_times(play, service):
    began = time.monotonic()
    play(registered(), report(1.0), report(3.0), speed=10.0)
    assert time.monotonic() - began >= 0.3
    first, second = (datetime.fromisoformat(body["pings"][0]["at"]) for body in service.sent())
    assert (second - first).total_seconds() == pytest.approx(0.2, abs=0.001)


def test_reports_stay_the_requests_that_they_were_and_in_order(play, service):
    flush = report(3, ping("p1", 1), ping("p2", 2), ping("p3", 3))
    play(registered(), report(0.5), flush, report(4, ping("p3", 3)))
    assert [[each["ping_id"] for each in body["pings"]] for body in service.sent()] == [
        ["p0.5"], ["p1", "p2", "p3"], ["p3"],
    ]  # fmt: skip


def test_a_ping_that_is_repeated_in_the_trace_is_the_same_and_gets_a_verdict_of_its_own(play):
    outcome = play(registered(), report(1, ping("p", 1)), report(2, ping("p", 1), ahead_s=90.0))
    assert outcome.record.verdicts == {"accepted": 1, "duplicate": 1}
    assert outcome.record.planned == 2


def test_the_brand_speaks_with_the_secret_key_and_before_the_phone_is_identified(play, service):
    play(
        customer("c", loyalty="gold"),
        registered(seconds=1),
        identified("anna", "c", 2),
        report(3),
        bought("c", 4, event_id="order-1", decision_id="of-the-trace"),
    )
    said = [(each.method, each.path, each.headers["authorization"]) for each in service.requests]
    assert said.index(("PUT", "/v1/customers/run-c", "Bearer sk")) < 2
    assert said[2:] == [
        ("POST", "/v1/installations/run-anna/identify", "Bearer sk"),
        ("POST", "/v1/pings", "Bearer pk"),
        ("POST", "/v1/customers/run-c/events", "Bearer sk"),
    ]
    (told,) = service.sent("/v1/customers/run-c/events")
    (event,) = told["events"]
    assert event["event_id"] == "run-order-1"
    assert "decision_id" not in event


def test_what_phones_do_not_say_is_left_out(play, service):
    play(
        registered(),
        Note(at=at(1), text="hello"),
        Other("tick", at(2), b'{"kind":"tick","at":"2026-03-02T10:00:02Z"}'),
    )
    assert len(service.requests) == 1


def test_without_a_secret_key_a_trace_of_customers_is_not_played_on(play):
    outcome = play(registered(), report(1), customer("c", 2), report(3), keys=Keys("pk", ""))
    assert "line 4 is of a customer" in outcome.fault
    assert (outcome.ended, outcome.record.verdicts) == (False, {"accepted": 1})


def test_reports_of_a_phone_that_never_registered_are_a_problem(play, service):
    outcome = play(report(1))
    assert service.requests == []
    assert faults_of(outcome.record) == [
        "anna reports, and no line before it registers it", "1 pings planned, 0 got a verdict",
    ]  # fmt: skip


def test_ids_stay_as_they_are_where_the_run_has_no_name(play, service):
    play(registered(), report(1), run="")
    assert service.sent()[0]["installation_id"] == "anna"


def test_a_name_that_becomes_too_long_is_told_so(play):
    outcome = play(registered("a" * 62))
    assert outcome.fault.startswith("line 2: run-aaaa")
    assert "name the run more shortly" in outcome.fault


# Answers to offers


def test_without_a_response_only_what_the_app_does_by_itself_is_reported(play, service):
    service.offers_to["run-anna"] = [offer(1)]
    outcome = play(registered(), report(1))
    assert [body["type"] for body in service.sent("/v1/outcomes")] == ["delivered"]
    assert outcome.record.offers["wine"].offered == 1


def test_people_answer_offers_as_the_trace_says(play, service):
    service.offers_to["run-anna"] = [offer(1, code="WD-1")]
    who = [registered(), identified("anna", "c"), response(view=1, click=1, redeem=1, buy_if_offered=1)]
    outcome = play(*who, report(1))
    assert [body["type"] for body in service.sent("/v1/outcomes")] == ["delivered", "viewed", "clicked"]
    (till,) = [each for each in service.requests if each.path == "/v1/codes/WD-1:redeem"]
    assert till.headers["authorization"] == "Bearer sk"
    (paid,) = service.sent("/v1/customers/run-c/events")
    assert paid["events"][0]["type"] == "purchase"
    assert paid["events"][0]["decision_id"] == "d1"
    wine = outcome.record.offers["wine"]
    assert (wine.outcomes["redeemed"], wine.bought, outcome.record.purchases) == (1, 1, 1)


def test_who_looks_and_does_not_click_may_dismiss(play, service):
    service.offers_to["run-anna"] = [offer(1)]
    play(registered(), response(view=1, dismiss=1), report(1))
    assert [body["type"] for body in service.sent("/v1/outcomes")] == ["delivered", "viewed", "dismissed"]


def purchases(service):
    """Of the customers c0, c1, ...: those of the trace, and those that offers added."""
    told = [
        event for each in service.requests if each.path.endswith("/events") for event in each.body["events"]
    ]
    added = [event["event_id"] for event in told if "decision_id" in event]
    return [event["event_id"] for event in told if "decision_id" not in event], added


def shoppers(service, many, offered=True, buys=lambda _number: False, **shares):
    """Known customers who come once each; some of them buy without any offer."""
    for number in range(many):
        name, second = f"p{number}", number / 10
        if offered:
            service.offers_to[f"run-{name}"] = [offer(number)]
        yield registered(name, second)
        yield identified(name, f"c{number}", second)
        yield response(name, second, **shares)
        yield report(second + 0.01, name=name)
        if buys(number):
            yield bought(f"c{number}", second + 0.02, event_id=f"order-{number}")


def test_an_offer_makes_buy_as_many_more_as_the_trace_says(play, service):
    lines = shoppers(service, 400, buys=lambda number: number % 2 == 0, buy=0.5, buy_if_offered=0.7)
    outcome = play(*lines)
    told, added = purchases(service)
    assert len(told) == 200
    assert 55 < len(added) < 105  # of the other 200, 0.2 / 0.5
    assert outcome.record.purchases == len(added) == outcome.record.offers["wine"].bought
    assert not {f"run-order-{number}" for number in range(400)} & set(added)


def test_an_offer_that_puts_people_off_keeps_some_from_buying(play, service):
    play(*shoppers(service, 400, buys=lambda number: number % 2 == 0, buy=0.5, buy_if_offered=0.25))
    told, added = purchases(service)
    assert 75 < len(told) < 125  # half of 200
    assert added == []


def test_without_offers_people_buy_what_they_bought(play, service):
    shares = {"buy": 0.5, "buy_if_offered": 1.0}
    play(*shoppers(service, 40, offered=False, buys=lambda number: number % 2 == 0, **shares))
    told, added = purchases(service)
    assert sorted(told) == sorted(f"run-order-{number}" for number in range(0, 40, 2))
    assert added == []


def test_a_till_does_not_know_who_never_logged_in(play, service):
    service.offers_to["run-anna"] = [offer(1)]
    play(registered(), response(view=1, buy_if_offered=1), report(1))
    assert purchases(service) == ([], [])


def test_a_code_that_everybody_is_given_is_redeemed_as_an_outcome_and_asked_for_once(tmp_path):
    def answer(asked):
        if asked.path.endswith(":redeem"):
            return 404, {}, {"code": "not_found"}
        return service.usual(asked)

    with SmallService(answer) as service:
        lines = []
        for number in range(3):
            service.offers_to[f"run-p{number}"] = [offer(number, code="ALL")]
            name = f"p{number}"
            lines += [registered(name, number), response(name, number, view=1, click=1, redeem=1)]
            lines += [report(number + 0.5, name=name)]
        outcome = played(order(trace(tmp_path / "a.jsonl", *lines), service.url, speed=10.0))
        assert sum(each.path.endswith(":redeem") for each in service.requests) == 1
        redeemed = [each for each in service.requests if (each.body or {}).get("type") == "redeemed"]
        assert {each.headers["authorization"] for each in redeemed} == {"Bearer sk"}
        assert (len(redeemed), faults_of(outcome.record)) == (3, [])


def test_an_offer_that_comes_in_answer_and_inbox_counts_once(tmp_path):
    def answer(asked):
        if asked.path.endswith("/inbox"):
            return 200, {}, {"decisions": [offer(1), offer(2)]}
        return service.usual(asked)

    with SmallService(answer) as service:
        service.offers_to["run-anna"] = [offer(1)]
        path = trace(tmp_path / "a.jsonl", registered(), report(1), report(2))
        outcome = played(order(path, service.url, inbox_every_s=0.001))
        assert outcome.record.made == 2
        assert len(service.sent("/v1/outcomes")) == 2


def test_the_inbox_is_looked_into_when_the_app_is_opened_and_once_more_at_the_end(play, service):
    def in_hand(number, foreground):
        return report(number, ping(f"p{number}", number, foreground=foreground))

    hands = (False, True, True, False, True)
    play(registered(), *(in_hand(n, hand) for n, hand in enumerate(hands, start=1)), inbox_every_s=60.0)
    asked = [each.path.split("/")[-1] for each in service.requests[1:]]
    assert asked == ["pings", "pings", "inbox", "pings", "pings", "pings", "inbox", "inbox"]


def test_the_same_seed_draws_the_same_people(tmp_path):
    def drawn(seed):
        with SmallService() as service:
            lines = []
            for number in range(40):
                name = f"p{number}"
                service.offers_to[f"run-{name}"] = [offer(number)]
                lines += [registered(name), response(name, view=0.5, click=0.5), report(1, name=name)]
            played(order(trace(tmp_path / "a.jsonl", *lines), service.url, seed=seed))
            return sorted((body["decision_id"], body["type"]) for body in service.sent("/v1/outcomes"))

    assert drawn(1) == drawn(1) != drawn(2)
    assert 40 < len(drawn(1)) < 80


# What goes wrong


def test_pings_that_found_no_answer_are_sent_again_as_they_were_and_together(play, service):
    service.failing = [503, HANGS_UP, 500, 429]
    outcome = play(registered(), report(1.0), report(1.01), report(1.02), speed=10.0)
    told = {}
    for body in service.sent():
        for each in body["pings"]:
            assert told.setdefault(each["ping_id"], each) == each
    sizes = [len(body["pings"]) for body in service.sent()]
    assert sizes[0] == 1
    assert max(sizes) > 1
    assert sum(outcome.record.verdicts.values()) == outcome.record.planned == 3
    assert outcome.record.verdicts["duplicate"] >= 1  # those whose answer was lost
    assert outcome.record.statuses[503] == 1
    assert faults_of(outcome.record) == ["2 answers were server errors"]


def test_too_many_requests_and_lost_connections_are_no_fault_when_all_is_answered_in_the_end(play, service):
    service.failing = [429, HANGS_UP, 429]
    assert faults_of(play(registered(), report(1)).record) == []


def test_retry_after_is_honoured(play, service):
    service.failing, service.retry_after_s = [503], 1
    began = time.monotonic()
    play(registered(), report(1))
    assert time.monotonic() - began >= 1.0


def test_a_registration_whose_answer_was_lost_is_saved_by_the_brand(tmp_path):
    asked_before = []

    def answer(asked):
        if asked.method == "PUT" and not asked.path.endswith("rotate_token=true"):
            asked_before.append(asked)
            return (HANGS_UP, {}, {}) if len(asked_before) == 1 else (403, {}, {"code": "token_wrong"})
        return service.usual(asked)

    with SmallService(answer) as service:
        outcome = played(order(trace(tmp_path / "a.jsonl", registered(), report(1)), service.url))
        assert outcome.record.verdicts == {"accepted": 1}
        assert faults_of(outcome.record) == []


def test_a_phone_that_is_refused_is_a_problem_and_the_others_go_on(tmp_path):
    def answer(asked):
        if asked.path == "/v1/installations/run-anna":
            return 403, {}, {"code": "token_wrong"}
        return service.usual(asked)

    with SmallService(answer) as service:
        lines = [registered(), registered("bob"), report(1), report(1, name="bob")]
        outcome = played(order(trace(tmp_path / "a.jsonl", *lines), service.url))
        assert outcome.record.verdicts == {"accepted": 1}
        first, second = faults_of(outcome.record)
        assert "name another run with --as" in first
        assert second == "2 pings planned, 1 got a verdict"


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        ((413, {}, {"code": "too_large"}), "answered 413: too_large"),
        ((200, {}, {"results": []}), "got no verdict"),
        ((200, {}, b"<html>"), "got no verdict"),
    ],
)
def test_a_ping_without_a_verdict_is_a_fault(tmp_path, answered, told):
    def answer(asked):
        return answered if asked.path == "/v1/pings" else service.usual(asked)

    with SmallService(answer) as service:
        outcome = played(order(trace(tmp_path / "a.jsonl", registered(), report(1)), service.url))
    first, second = faults_of(outcome.record)
    assert told in first
    assert second == "1 pings planned, 0 got a verdict"


def test_a_service_that_never_answers_stops_the_replay(tmp_path):
    with SmallService(lambda _asked: (503, {}, {})) as service:
        path = trace(tmp_path / "a.jsonl", registered(), report(1), report(60))
        outcome = played(order(path, service.url, speed=1.0, patience_s=1.0))
    assert "nothing was answered for 1 s" in outcome.fault
    assert (outcome.ended, outcome.kept.exists()) == (False, True)


def test_a_request_that_is_never_answered_is_given_up_while_others_are(tmp_path):
    def answer(asked):
        poisoned = asked.path == "/v1/pings" and asked.body["installation_id"] == "run-anna"
        return (500, {}, {}) if poisoned else service.usual(asked)

    with SmallService(answer) as service:
        lines = [registered(), registered("bob"), report(0)]
        lines += [report(number / 4, name="bob") for number in range(12)]
        path = trace(tmp_path / "a.jsonl", *lines)
        outcome = played(order(path, service.url, speed=1.0, patience_s=1.5))
    assert outcome.ended
    assert "1 pings of anna: given up after 2 s (answered 500)" in faults_of(outcome.record)


def test_a_trace_that_is_broken_is_played_to_the_broken_line(play, service, tmp_path):
    path = trace(tmp_path / "a.jsonl", registered(), report(1))
    with path.open("a") as file:
        file.write('{"kind":"report","at":"soon"}\n')
    outcome = played(order(path, service.url))
    assert "line 4" in outcome.fault
    assert outcome.record.verdicts == {"accepted": 1}


# A gateway


def test_a_gateway_sends_for_many_phones_at_once_with_the_secret_key(play, service):
    names = [f"p{number}" for number in range(30)]
    lines = [registered(name) for name in names]
    lines += [report(second, ping(f"{second}", second), name=name) for name in names for second in (1, 2)]
    outcome = play(*lines, batch=20)
    assert outcome.record.verdicts == {"accepted": 60}
    sizes = [sum(len(batch["pings"]) for batch in body["batches"]) for body in service.sent()]
    assert max(sizes) <= 20
    assert len(sizes) < 20
    assert {each.headers["authorization"] for each in service.requests} == {"Bearer sk"}
    for name in names:
        ids = [
            each["ping_id"]
            for body in service.sent()
            for batch in body["batches"]
            if batch["installation_id"] == f"run-{name}"
            for each in batch["pings"]
        ]
        assert ids == ["1", "2"]


def test_a_gateway_sends_no_more_at_once_than_it_may(play, service):
    names = [f"p{number}" for number in range(12)]
    sevens = {name: [ping(f"{number}", number / 10) for number in range(7)] for name in names}
    play(*map(registered, names), *(report(1, *each, name=name) for name, each in sevens.items()), batch=20)
    sizes = [sum(len(batch["pings"]) for batch in body["batches"]) for body in service.sent()]
    assert (max(sizes), sum(sizes)) == (14, 84)


def test_each_phone_is_told_its_own_part_of_what_a_gateway_is_answered(play, service):
    service.offers_to["run-anna"] = [offer(1)]
    lines = [registered(), registered("bob"), response("anna", view=1), response("bob", view=1)]
    outcome = play(*lines, report(1), report(1, name="bob"), batch=20)
    assert [body["type"] for body in service.sent("/v1/outcomes")] == ["delivered", "viewed"]
    assert outcome.record.made == 1


def test_a_gateway_tells_right_times_for_phones_with_wrong_clocks(play, service):
    play(registered(), report(1, ahead_s=3600), batch=20)
    (body,) = service.sent()
    told = datetime.fromisoformat(body["batches"][0]["pings"][0]["at"])
    assert abs((told - datetime.now(UTC)).total_seconds()) < 5


# Who is there


def test_a_phone_that_was_silent_for_long_goes_and_keeps_its_token_until_it_comes_again(tmp_path):
    def answer(asked):
        if asked.path == "/v1/pings" and asked.body["installation_id"] == "run-anna":
            service.offers_to["run-anna"] = [offer(len(service.requests))]
        return service.usual(asked)

    lines = [registered(), identified("anna", "c"), response(buy_if_offered=1), report(1), report(2)]
    lines += [registered("bob", 5000), report(8000), registered("carl", 12_000), report(15_000)]
    with SmallService(answer) as service:
        outcome = played(order(trace(tmp_path / "a.jsonl", *lines), service.url, speed=10_000.0))
        registrations = [each.path for each in service.requests if each.method == "PUT"]
        assert [path.rpartition("-")[2] for path in registrations] == ["anna", "bob", "carl"]
        assert outcome.record.verdicts == {"accepted": 4}
        visits = [event.removeprefix("run-anna-visit-") for event in purchases(service)[1]]
        assert visits == ["1", "2", "3"]
