"""An app's patience: again after 5xx, 429 and broken connections, as late as the server asks; no further."""

import asyncio
import time
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest

from simulators import client as patience
from simulators.client import Answer, Client, Later, ServiceError, bearer, wait_s
from simulators.wire import Connections
from tests.factories.small_service import HANGS_UP, SmallService


@pytest.fixture
def talking():
    """A service that gives these (status, headers, body) in turn, the last one again and again."""
    opened = []

    def open_one(*answers):
        left = list(answers)

        def answer(_asked):
            return left.pop(0) if len(left) > 1 else left[0]

        opened.append(SmallService(answer))
        return opened[-1]

    yield open_one
    for service in opened:
        service.__exit__()


def spoken(service, what):
    async def everything():
        client = Client(Connections(service.url))
        try:
            return await what(client), client.traffic
        finally:
            await client.close()

    return asyncio.run(everything())


def call(service, path="/v1/x", tries=1):
    async def what(client):
        for _ in range(tries):
            answer = await client.call("GET", path, headers=bearer("k"), random=Random(1))
        return answer

    return spoken(service, what)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.001)


def test_what_passes_by_itself_is_tried_again(talking):
    service = talking((503, {}, {}), (HANGS_UP, {}, {}), (429, {}, {}), (200, {}, 1))
    answer, traffic = call(service)
    assert answer.body == 1
    assert len(service.requests) == 4
    assert traffic.server_errors == 1
    assert sum(traffic.failed.values()) == 1


def test_retry_after_is_honoured(talking):
    service = talking((503, {"Retry-After": "1"}, {}), (200, {}, 1))
    began = time.monotonic()
    call(service)
    assert time.monotonic() - began >= 1


def test_a_refusal_is_told_with_its_reason_and_not_tried_again(talking):
    service = talking((422, {}, {"code": "invalid", "detail": "no such zone"}))
    with pytest.raises(ServiceError, match="422: invalid, no such zone"):
        call(service)
    assert len(service.requests) == 1


def test_a_service_that_never_comes_back_is_given_up(talking):
    service = talking((503, {}, {}))
    with pytest.raises(ServiceError, match="given up"):
        call(service)
    assert len(service.requests) == patience.TRIES


def test_one_attempt_is_an_answer_or_a_later(talking):
    service = talking((404, {}, {"code": "not_found"}), (500, {}, b"oops"), (503, {"Retry-After": "7"}, {}))

    async def thrice(client):
        return [await client.attempt("GET", "/", headers={}) for _ in range(3)]

    (refused, *later), _ = spoken(service, thrice)
    assert isinstance(refused, Answer)
    assert (refused.status, refused.code) == (404, "not_found")
    assert later == [Later("answered 500"), Later("answered 503", 7.0)]


def test_where_nobody_listens_the_system_says_so(talking):
    service = talking((200, {}, 1))
    service.__exit__()

    async def once(client):
        return await client.attempt("GET", "/", headers={})

    later, traffic = spoken(service, once)
    assert later == Later("Connection refused")
    assert traffic.failed == {"Connection refused": 1}


def test_waits_double_up_to_half_a_minute_beyond_what_was_asked(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.5)
    for failures, most in ((0, 0.5), (1, 1), (3, 4), (20, 30)):
        waits = [wait_s(failures, 2.0, Random(seed)) for seed in range(200)]
        assert min(waits) >= 2.0
        assert 2 + 0.9 * most < max(waits) <= 2 + most


def test_a_list_is_read_page_after_page(talking):
    pages = [{"items": [{"n": 1}, {"n": 2}], "next_cursor": "c"}, {"items": [{"n": 3}], "next_cursor": None}]
    service = talking(*((200, {}, page) for page in pages))

    async def everything(client):
        read = client.pages("/v1/moves", headers={}, random=Random(1), query={"since": "now"})
        return [item["n"] async for item in read]

    assert spoken(service, everything)[0] == [1, 2, 3]
    asked = [parse_qs(urlsplit(request.path).query) for request in service.requests]
    assert [each.get("cursor") for each in asked] == [None, ["c"]]
    assert all(each["since"] == ["now"] for each in asked)


def test_a_refusal_is_told_in_words_with_each_place():
    fault = {"where": "/to", "what": "is in the future", "do": "Send an earlier time."}
    body = {"code": "invalid", "title": "No", "detail": "This cannot be asked.", "errors": [fault]}
    assert patience.words_of(Answer(422, body, 1.0)) == (
        "invalid, This cannot be asked.; /to is in the future Send an earlier time."
    )
    assert patience.words_of(Answer(502, "<html>", 1.0)) == "no reason given"
