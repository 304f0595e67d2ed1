"""A phone: keeps what is not answered, sends it again as it was, and shows each offer once."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from simulators import client as patience
from simulators import phone as phones
from simulators.client import Client, Keys
from simulators.crowd import make_crowd
from simulators.walks import Sighting, Walk, WalkPing
from simulators.wire import Heard

HEARD = (Sighting("u", 1, 2, -60),)


class Service:
    """The other end of the wire: remembers what it was sent and answers as the contract says."""

    def __init__(self, *, failing=0, offer=False):
        self.failing = failing
        self.offer = offer
        self.requests = []

    def __call__(self, request):
        body = json.loads(request.content) if request.content else None
        self.requests.append((request.method, request.url.path, body, request.headers))
        if request.url.path == "/v1/pings":
            return self.answer_pings(body)
        if request.url.path.endswith("/inbox"):
            return httpx2.Response(200, json={"decisions": self.offers()})
        return httpx2.Response(200, json={"installation_token": "it", "customer_id": "c"})

    def answer_pings(self, body):
        if self.failing:
            self.failing -= 1
            return httpx2.Response(503)
        seen = {"installation_id": body["installation_id"], "status": "accepted", "reasons": []}
        results = [seen | {"ping_id": ping["ping_id"]} for ping in body["pings"]]
        answer = {"results": results, "events": [], "decisions": self.offers(), "next_ping_after_s": 5}
        return httpx2.Response(200, json=answer)

    def offers(self):
        return [{"decision_id": "d1", "campaign": "c", "offer": {"title": "t"}}] if self.offer else []

    def sent(self, path):
        return [body for _, asked, body, _ in self.requests if asked == path]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(phones, "LOOKS_FOR_S", (0.0, 0.0))


class Wire:
    def __init__(self, service):
        self.service = service

    async def request(self, method, path, headers, content):
        answer = self.service(httpx2.Request(method, f"http://s{path}", headers=headers, content=content))
        return Heard(answer.status_code, dict(answer.headers), answer.content, 1.0)


def walked(service, walk):
    async def everything():
        crowd = make_crowd(
            [walk], "run", client=Client(Wire(service)), keys=Keys("pk", "sk"), on_answer=lambda *_: None
        )
        await crowd.phones[0].run(time.time())
        await crowd.finish()
        return crowd.record

    return asyncio.run(everything())


def walk_of(*pings, **how):
    return Walk("someone", 0.0, tuple(pings), **how)


def test_every_ping_is_sent_with_token_and_publishable_key():
    service = Service()
    record = walked(service, walk_of(WalkPing(0.0, HEARD), WalkPing(0.1, HEARD)))
    assert (record.planned, record.count("accepted"), record.problems) == (2, 2, [])
    headers = [headers for _, path, _, headers in service.requests if path == "/v1/pings"]
    assert {each["Beacon-Installation-Token"] for each in headers} == {"it"}
    assert {each["Authorization"] for each in headers} == {"Bearer pk"}


def test_pings_that_found_no_answer_are_sent_again_as_they_were():
    service = Service(failing=2)
    record = walked(service, walk_of(WalkPing(0.0, HEARD)))
    sent = [body["pings"] for body in service.sent("/v1/pings")]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert record.count("accepted") == 1


def test_what_piles_up_while_the_service_is_away_goes_in_one_request(monkeypatch):
    monkeypatch.setattr(patience, "wait_s", lambda *_: 0.2)
    monkeypatch.setattr(phones, "wait_s", lambda *_: 0.2)
    service = Service(failing=1)
    walked(service, walk_of(WalkPing(0.0, HEARD), WalkPing(0.05, HEARD), WalkPing(0.1, HEARD)))
    assert [len(body["pings"]) for body in service.sent("/v1/pings")] == [1, 3]


def test_a_ping_whose_answer_got_lost_is_sent_twice_with_one_id():
    service = Service()
    record = walked(service, walk_of(WalkPing(0.0, HEARD, sent_twice=True)))
    ids = [ping["ping_id"] for body in service.sent("/v1/pings") for ping in body["pings"]]
    assert ids == [ids[0], ids[0]]
    assert record.planned == len(record.pings) == 2


def test_a_wrong_clock_is_wrong_in_all_that_the_phone_says_but_not_in_our_books():
    service = Service()
    record = walked(service, walk_of(WalkPing(0.0, HEARD), clock_ahead_s=300.0))
    (body,) = service.sent("/v1/pings")
    for told in (body["sent_at"], body["pings"][0]["at"]):
        assert (
            timedelta(seconds=295) < datetime.fromisoformat(told) - datetime.now(UTC) < timedelta(seconds=301)
        )
    assert abs(record.pings[0].at - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_offer_is_shown_once_though_it_comes_in_answer_and_inbox():
    service = Service(offer=True)
    record = walked(service, walk_of(WalkPing(0.0, HEARD), WalkPing(0.05, HEARD)))
    types = [body["type"] for body in service.sent("/v1/outcomes")]
    assert types == ["delivered", "viewed", "clicked"][: len(types)]
    assert list(record.offers) == ["d1"]


def test_a_known_person_is_identified_with_the_secret_key_before_the_first_ping():
    service = Service()
    walked(service, walk_of(WalkPing(0.0, HEARD), customer={"loyalty": "gold"}, marketing_consent=False))
    told = [(method, path, headers["Authorization"]) for method, path, _, headers in service.requests[:4]]
    assert told == [
        ("PUT", "/v1/installations/run-1", "Bearer pk"),
        ("PUT", "/v1/customers/run-customer-1", "Bearer sk"),
        ("POST", "/v1/installations/run-1/identify", "Bearer sk"),
        ("POST", "/v1/pings", "Bearer pk"),
    ]
    (person,) = service.sent("/v1/customers/run-customer-1")
    assert person == {"attributes": {"loyalty": "gold"}, "consents": {"marketing": False}}


def test_a_refused_registration_is_a_problem_in_the_record_and_stops_only_that_phone():
    record = walked(
        lambda _request: httpx2.Response(403, json={"code": "forbidden"}), walk_of(WalkPing(0.0, HEARD))
    )
    assert len(record.problems) == 1
    assert "forbidden" in record.problems[0]


def test_a_ping_without_a_verdict_is_a_problem():
    service = Service()
    service.answer_pings = lambda _body: httpx2.Response(
        200, json={"results": [], "events": [], "decisions": []}
    )
    record = walked(service, walk_of(WalkPing(0.0, HEARD)))
    assert record.problems == ["ping 00001 of someone got no verdict"]
