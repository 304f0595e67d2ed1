"""An app's patience: again after 429, 503 and broken connections, as late as the server asks; no further."""

import asyncio
import time
from random import Random

import httpx2
import pytest

from simulators import client as patience
from simulators.client import Answer, Client, Later, ServiceError, bearer, wait_s


def talking(answers):
    """A client to a service that gives these answers in turn; an exception is raised."""
    asked = []

    def answer(request):
        asked.append(request)
        given = answers[len(asked) - 1]
        if isinstance(given, Exception):
            raise given
        return given

    return Client(
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://service")
    ), asked


def call(client, path="/v1/x"):
    return asyncio.run(client.call("GET", path, headers=bearer("k"), random=Random(1)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.001)


def test_what_passes_by_itself_is_tried_again():
    answers = [
        httpx2.Response(503),
        httpx2.ConnectError("down"),
        httpx2.Response(429),
        httpx2.Response(200, json=1),
    ]
    client, asked = talking(answers)
    assert call(client).body == 1
    assert len(asked) == 4
    assert client.traffic.server_errors == 1
    assert client.traffic.failed == {"ConnectError": 1}


def test_retry_after_is_honoured():
    client, _ = talking([httpx2.Response(503, headers={"Retry-After": "1"}), httpx2.Response(200, json=1)])
    began = time.monotonic()
    call(client)
    assert time.monotonic() - began >= 1


def test_a_refusal_is_told_with_its_reason_and_not_tried_again():
    client, asked = talking([httpx2.Response(422, json={"code": "invalid", "detail": "no such zone"})])
    with pytest.raises(ServiceError, match="422: invalid, no such zone"):
        call(client)
    assert len(asked) == 1


def test_a_service_that_never_comes_back_is_given_up():
    client, asked = talking([httpx2.Response(503)] * 20)
    with pytest.raises(ServiceError, match="given up"):
        call(client)
    assert len(asked) == patience.TRIES


def test_one_attempt_is_an_answer_or_a_later():
    client, _ = talking([httpx2.Response(500), httpx2.Response(503, headers={"Retry-After": "7"})])

    async def twice():
        return [await client.attempt("GET", "/", headers={}) for _ in range(2)]

    broken, later = asyncio.run(twice())
    assert isinstance(broken, Answer)
    assert broken.status == 500
    assert later == Later("answered 503", 7.0)


def test_waits_double_up_to_half_a_minute_beyond_what_was_asked(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.5)
    for failures, most in ((0, 0.5), (1, 1), (3, 4), (20, 30)):
        waits = [wait_s(failures, 2.0, Random(seed)) for seed in range(200)]
        assert min(waits) >= 2.0
        assert 2 + 0.9 * most < max(waits) <= 2 + most


def test_a_list_is_read_page_after_page():
    pages = [{"items": [{"n": 1}, {"n": 2}], "next_cursor": "c"}, {"items": [{"n": 3}], "next_cursor": None}]
    client, asked = talking([httpx2.Response(200, json=page) for page in pages])

    async def everything():
        read = client.pages("/v1/moves", headers={}, random=Random(1), query={"since": "now"})
        return [item["n"] async for item in read]

    assert asyncio.run(everything()) == [1, 2, 3]
    assert [request.url.params.get("cursor") for request in asked] == [None, "c"]
    assert {request.url.params["since"] for request in asked} == {"now"}
