"""Reports wait in an event loop: each gets its own answer, and who goes, waits too long or says too much holds nobody up."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from beacon_service.errors import Overloaded
from beacon_service.pings.doorway import SMALL_BODY_BYTES, Shares
from beacon_service.pings.event_loop import LARGE_THREADS, EventLoop
from beacon_service.pings.shedding import Bounds
from beacon_service.pings.together import Together
from beacon_service.web.reply import Reply

MOST_BYTES = 200_000
GONE = {"type": "http.disconnect"}


def said(status, text):
    return Reply(status, "text/plain", (), str(text).encode())


class Refusals:
    """A door that refuses where it is told to."""

    reason = None

    def of_ping(self, came_upstream, length):
        return self.reason

    def reply(self, reason, method, began_s, *, is_ping):
        return said(503, reason)


class Edge:
    """Reads a body as words, and answers with them; a hundred words are a large request."""

    settings = SimpleNamespace(max_body_bytes=MOST_BYTES, trusted_proxies=0)

    def __init__(self, run, bounds):
        self.together = Together(run, size=len, most=100, bounds=bounds)
        self.threads = []

    def call(self, heard):
        if heard.body is None or len(heard.body) > MOST_BYTES:
            raise ValueError("too long")
        return heard.body.decode().split()

    def answer(self, heard, began_s):
        try:
            return self.answer_call(self.call(heard), began_s)
        except ValueError as error:
            return self.reply(error, began_s)

    def answer_call(self, call, began_s):
        self.threads.append(threading.current_thread().name)
        return self.reply(self.together(call), began_s)

    def reply(self, outcome, began_s):
        if isinstance(outcome, Exception):
            return said(503 if isinstance(outcome, Overloaded) else 400, outcome)
        return said(200, " ".join(outcome))


class Held:
    """Runs groups, the first of them when it is let go."""

    def __init__(self):
        self.groups = []
        self.let_go = threading.Event()

    def __call__(self, jobs):
        self.groups.append(list(jobs))
        if len(self.groups) == 1:
            assert self.let_go.wait(10)
        return [ValueError("bad") if job == ["bad"] else job for job in jobs]


def flask(environ, start_response):
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


@pytest.fixture
def place():
    run, refusals = Held(), Refusals()
    bounds = Bounds(most=1_000, few=1_000, target_s=5.0, interval_s=10.0, longest_s=20.0)
    edge = Edge(run, bounds)

    class Doorway:
        shares = Shares(2, 2, 4)

        def __call__(self, environ, start_response):
            return flask(environ, start_response)

    doorway = Doorway()
    doorway.refusals = refusals
    return SimpleNamespace(loop=EventLoop(doorway, edge), edge=edge, run=run, refusals=refusals)


async def asked(place, *messages, path="/v1/pings", method="POST", headers=()):
    """(status, body) of the answer; None where there was none. A text stands for a body that is whole."""
    if len(messages) == 1 and not isinstance(messages[0], str | dict):
        (coming,) = messages
    else:
        coming = iter([part(one, more=False) if isinstance(one, str) else one for one in messages])
    sent = []

    async def receive():
        await asyncio.sleep(0)
        return next(coming, GONE)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "headers": list(headers),
        "query_string": b"",
        "http_version": "1.1",
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
    }
    await place.loop(scope, receive, send)
    if not sent:
        return None
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is in other threads
            await asyncio.sleep(0.001)


def part(text, *, more=True):
    return {"type": "http.request", "body": text.encode(), "more_body": more}


def test_those_that_wait_together_get_each_their_own_answer(place):
    async def come():
        first = asyncio.create_task(asked(place, "first"))
        await until(lambda: place.run.groups)
        others = [asyncio.create_task(asked(place, word)) for word in ("a", "bad", "b")]
        await until(lambda: place.edge.together.waiting == 3)
        place.run.let_go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(come()) == [(200, "first"), (200, "a"), (400, "bad"), (200, "b")]
    assert place.run.groups == [[["first"]], [["a"], ["bad"], ["b"]]]
    assert place.edge.threads == []


def test_the_loop_is_woken_once_for_a_whole_group(place):
    woken = []

    async def come():
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def counted(call, *args, **kwargs):
            woken.append(call.__name__)
            return wake(call, *args, **kwargs)

        first = asyncio.create_task(asked(place, "first"))
        await until(lambda: place.run.groups)
        others = [asyncio.create_task(asked(place, str(word))) for word in range(20)]
        await until(lambda: place.edge.together.waiting == 20)
        loop.call_soon_threadsafe = counted
        place.run.let_go.set()
        await asyncio.gather(first, *others)

    asyncio.run(come())
    assert woken == ["_tell", "_tell"]


def test_who_waits_too_long_gives_up_the_place_and_is_told_when_to_come_back(place):
    place.edge.together._shedding.bounds = place.edge.together._shedding.bounds._replace(longest_s=0.1)

    async def come():
        first = asyncio.create_task(asked(place, "first"))
        await until(lambda: place.run.groups)
        late = await asked(place, "late")
        place.run.let_go.set()
        return late, await first

    late, first = asyncio.run(come())
    assert late[0] == 503
    assert first == (200, "first")  # its turn had begun: it is answered, however late
    assert ["late"] not in [job for group in place.run.groups for job in group]
    assert place.edge.together._inside == 0


def test_who_goes_while_it_waits_leaves_no_place_taken(place):
    async def come():
        first = asyncio.create_task(asked(place, "first"))
        await until(lambda: place.run.groups)
        gone = asyncio.create_task(asked(place, "gone"))
        await until(lambda: place.edge.together.waiting == 1)
        gone.cancel()
        place.run.let_go.set()
        return await asyncio.gather(first, gone, return_exceptions=True)

    first, gone = asyncio.run(come())
    assert first == (200, "first")
    assert isinstance(gone, asyncio.CancelledError)
    assert place.edge.together._inside == 0


def test_half_a_report_is_none(place):
    assert asyncio.run(asked(place, part("hal"), GONE)) is None
    assert place.run.groups == []


def test_half_a_request_of_anything_else_is_none_either(place):
    async def come():
        with pytest.raises(Exception, match="400 Bad Request"):
            await asked(place, part("hal"), GONE, path="/v1/sites")
        return await asked(place, part("wh"), part("ole", more=False), path="/v1/sites")

    assert asyncio.run(come()) == (200, "whole")


def test_parts_of_a_body_are_one(place):
    place.run.let_go.set()
    assert asyncio.run(asked(place, part("in "), part("two", more=False))) == (200, "in two")


def test_of_a_body_that_is_too_long_no_more_is_read_than_shows_it(place):
    read = []

    def parts():
        for number in range(10):
            read.append(number)
            yield part("x" * 65_536)

    assert asyncio.run(asked(place, parts())) == (400, "too long")
    assert read == [0, 1, 2, 3]
    announced = [(b"content-length", str(MOST_BYTES + 1).encode())]
    assert asyncio.run(asked(place, headers=announced)) == (400, "too long")


def test_a_large_request_is_read_and_decided_in_a_thread_of_its_own(place):
    place.run.let_go.set()
    many, long = " ".join("w" * 100), "w" * (SMALL_BODY_BYTES + 1)

    async def come():
        return [await asked(place, text) for text in (many, long)]

    assert asyncio.run(come()) == [(200, many), (200, long)]
    assert [name.partition("_")[0] for name in place.edge.threads] == ["large", "large"]


def test_more_large_requests_than_there_are_threads_for_are_sent_away(place):
    many = " ".join("w" * 100)

    async def come():
        asking = [asyncio.create_task(asked(place, many)) for _ in range(LARGE_THREADS + 1)]
        await until(lambda: any(task.done() for task in asking))
        place.run.let_go.set()
        return await asyncio.gather(*asking)

    answers = asyncio.run(come())
    assert answers.count((503, "full")) == 1
    assert answers.count((200, many)) == LARGE_THREADS


def test_what_the_door_refuses_goes_no_further_and_a_small_body_is_read_first(place):
    place.refusals.reason = "standing"
    messages = [part("sm"), part("all", more=False)]
    headers = [(b"content-length", b"5")]
    assert asyncio.run(asked(place, *messages, headers=headers)) == (503, "standing")
    assert place.run.groups == []


def test_other_methods_and_paths_are_flasks(place):
    async def come():
        return [
            await asked(place, "x", method="PUT"),
            await asked(place, "y", path="/v1/pings/"),
        ]

    assert asyncio.run(come()) == [(200, "x"), (200, "y")]
    assert place.run.groups == []
