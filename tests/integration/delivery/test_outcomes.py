from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.factories.ledger import decide, tally

CHARGED = [["cap:coffee", "viewed", 1], ["budget:coffee:total", "delivered", 1]]


@pytest.fixture
def decision(brand):
    brand.register("phone-1")
    tally(brand, "cap:coffee", used=1)
    tally(brand, "budget:coffee:total", used=1)
    return decide(brand, "phone-1", charged=CHARGED)


def test_an_app_reports_what_became_of_its_offer(brand, decision):
    reported = brand.outcome(decision, "viewed", phone="phone-1")
    assert reported.status_code == 201
    assert (reported.json["status"], reported.json["late"]) == ("accepted", False)
    assert brand.rows("SELECT outcomes, open FROM grants") == [(1 | 2, True)]
    assert brand.rows(
        "SELECT kind, body -> 'outcomes' -> 0 ->> 'type' FROM changes WHERE kind = 'outcome'"
    ) == [("outcome", "viewed")]


def test_the_first_report_wins(brand, decision):
    first = brand.outcome(decision, "viewed", phone="phone-1").json
    later = brand.clock.now() + timedelta(seconds=30)
    again = brand.outcome(decision, "viewed", phone="phone-1", at=later)
    assert again.status_code == 200
    assert (again.json["status"], again.json["at"]) == ("duplicate", first["at"])
    assert brand.rows("SELECT count(*) FROM outcomes") == [(1,)]


def test_only_the_brand_reports_what_was_redeemed(brand, decision):
    refused = brand.outcome(decision, "redeemed", phone="phone-1")
    assert (refused.status_code, refused.json["code"]) == (403, "secret_key_required")
    assert brand.outcome(decision, "redeemed").status_code == 201


def test_another_phones_decision_does_not_exist(brand, decision):
    brand.register("phone-2")
    assert brand.outcome(decision, "viewed", phone="phone-2").status_code == 404
    assert brand.outcome(str(uuid4()), "viewed", phone="phone-1").status_code == 404
    assert brand.rows("SELECT count(*) FROM outcomes") == [(0,)]


def test_a_publishable_key_alone_reports_nothing(brand, decision):
    body = {"decision_id": decision, "type": "viewed", "at": brand.clock.now().isoformat()}
    refused = brand.ask("POST", "/v1/outcomes", body, key=brand.publishable)
    assert (refused.status_code, refused.json["code"]) == (401, "token_missing")


def test_nothing_can_become_of_a_decision_without_an_offer(brand):
    brand.register("phone-1")
    decision = decide(brand, "phone-1", campaign=None)
    assert brand.outcome(decision, "viewed", phone="phone-1").status_code == 409


def test_a_list_has_a_verdict_for_each(brand, decision):
    now = brand.clock.now()
    types = ["delivered", "viewed", "viewed"]
    outcomes = [{"decision_id": decision, "type": type_, "at": now.isoformat()} for type_ in types]
    outcomes.append({"decision_id": str(uuid4()), "type": "viewed", "at": now.isoformat()})
    outcomes.append(
        {"decision_id": decision, "type": "clicked", "at": (now + timedelta(minutes=3)).isoformat()}
    )
    answer = brand.ask("POST", "/v1/outcomes", {"outcomes": outcomes}, token=brand.tokens["phone-1"])
    assert answer.status_code == 200
    assert [(result["status"], result["reasons"]) for result in answer.json["results"]] == [
        ("accepted", []),
        ("accepted", []),
        ("duplicate", []),
        ("rejected", ["unknown_decision"]),
        ("rejected", ["in_the_future"]),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outcomes": []},
        {"decision_id": "x", "type": "viewed", "at": "2026-06-03T12:00:00Z"},
        {"decision_id": str(uuid4()), "type": "eaten", "at": "2026-06-03T12:00:00Z"},
        {"decision_id": str(uuid4()), "type": "viewed", "at": "2026-06-03T12:00:00"},
        {"decision_id": str(uuid4()), "type": "viewed", "at": 5},
    ],
)
def test_what_cannot_be_is_refused(brand, body):
    assert brand.ask("POST", "/v1/outcomes", body).status_code == 422


@pytest.mark.parametrize("year", ["1970", "2106", "0001", "9999"])
def test_a_time_far_from_the_decision_is_refused(brand, decision, year):
    body = {"decision_id": decision, "type": "viewed", "at": f"{year}-01-01T00:00:00+14:00"}
    assert brand.ask("POST", "/v1/outcomes", body).status_code == 422


def test_many_reports_of_one_kind_at_once_are_one(brand, decision):
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(brand.outcome, decision, "viewed", phone="phone-1") for _ in range(8)]
    assert sorted(future.result().status_code for future in asked) == [200] * 7 + [201]
    assert brand.rows("SELECT count(*) FROM outcomes") == [(1,)]


def test_the_inbox_holds_what_waits_newest_first(brand):
    brand.register("phone-1")
    brand.register("phone-2")
    earlier = brand.clock.now() - timedelta(minutes=5)
    old = decide(brand, "phone-1", channel="inbox", at=earlier)
    new = decide(brand, "phone-1", channel="inbox")
    decide(brand, "phone-1", channel="response")
    decide(brand, "phone-1", channel="inbox", expires_s=0)
    decide(brand, "phone-2", channel="inbox")
    waiting = brand.ask("GET", "/v1/installations/phone-1/inbox", token=brand.tokens["phone-1"]).json[
        "decisions"
    ]
    assert [one["decision_id"] for one in waiting] == [new, old]
    assert waiting[0].keys() == {"decision_id", "installation_id", "campaign", "offer", "expires_at"}
    assert waiting[0]["offer"]["title"] == "Coffee"


def test_what_was_dismissed_waits_no_longer(brand):
    brand.register("phone-1")
    decision = decide(brand, "phone-1", channel="inbox")
    brand.outcome(decision, "dismissed", phone="phone-1")
    inbox = brand.ask("GET", "/v1/installations/phone-1/inbox", token=brand.tokens["phone-1"])
    assert inbox.json == {"decisions": []}


def test_who_wants_no_offers_any_more_finds_none(brand):
    brand.register("phone-1")
    decide(brand, "phone-1", channel="inbox")
    brand.register("phone-1", marketing=False, token=brand.tokens["phone-1"])
    inbox = brand.ask("GET", "/v1/installations/phone-1/inbox", token=brand.tokens["phone-1"])
    assert inbox.json == {"decisions": []}


def test_nobody_reads_anothers_inbox(brand):
    brand.register("phone-1")
    brand.register("phone-2")
    refused = brand.ask("GET", "/v1/installations/phone-1/inbox", token=brand.tokens["phone-2"])
    assert (refused.status_code, refused.json["code"]) == (403, "token_wrong")
