"""For servers that speak ASGI: a report waits for its turn in an event loop, and all else is Flask's, in threads.

A thread that waits costs little, and one that is woken costs a good deal: it has to win the interpreter from the thread
that decides, and with sixty of them that took longer than deciding. The loop is woken once for a whole group.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from a2wsgi import WSGIMiddleware
from werkzeug.exceptions import ClientDisconnected

from beacon_service.pings.doorway import SMALL_BODY_BYTES, is_small
from beacon_service.pings.heard import PINGS, announced, heard_by_asgi, text_of
from beacon_service.pings.together import LARGE_AT_ONCE, LARGE_WAITING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from beacon_service.pings.answer import PingAnswer
    from beacon_service.pings.deciding import Call
    from beacon_service.pings.doorway import Doorway, Wsgi
    from beacon_service.pings.edge import Edge
    from beacon_service.pings.together import Ticket
    from beacon_service.web.reply import Reply

    Scope: TypeAlias = dict[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

Asked = TypeVar("Asked")

# Large requests have threads of their own; `together` sends away all for which it has no turn.
LARGE_THREADS = LARGE_AT_ONCE + LARGE_WAITING


class EventLoop:
    """An ASGI application of one process; its loop is the one that first calls it."""

    def __init__(self, doorway: Doorway, edge: Edge) -> None:
        edge.together.on_answered = wake
        self._edge = edge
        self._refusals = doorway.refusals
        self._flask = WSGIMiddleware(_ending_by_itself(doorway), workers=doorway.shares.all)  # type: ignore[arg-type]
        self._large = ThreadPoolExecutor(LARGE_THREADS, thread_name_prefix="large")
        self._large_inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PINGS and scope["method"] == "POST":
            reply = await self._answer(scope, receive)
            if reply is not None:
                await _write(reply, send)
            return
        await self._flask(scope, _whole(receive) if scope["type"] == "http" else receive, send)  # type: ignore[arg-type]

    async def _answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """None where the phone has gone before it had said everything."""
        began_s = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = announced(text_of(headers, b"content-length"))
        reason = self._refusals.of_ping(text_of(headers, b"x-request-start"), length)
        if reason is not None:
            if is_small(length):
                await _body(receive, SMALL_BODY_BYTES)
            return self._refusals.reply(reason, "POST", began_s, is_ping=True)
        most_bytes = self._edge.settings.max_body_bytes
        is_too_long = (length or 0) > most_bytes
        body = b"" if is_too_long else await _body(receive, most_bytes)
        if body is None:
            return None
        peer = scope["client"][0] if scope.get("client") else None
        proxies = self._edge.settings.trusted_proxies
        heard = heard_by_asgi(headers, peer, None if is_too_long else body, proxies=proxies)
        if len(body) > SMALL_BODY_BYTES:
            return await self._by_itself(self._edge.answer, heard, began_s)
        try:
            call = self._edge.call(heard)
            if not self._edge.together.is_large(call):
                return self._edge.reply(await self._decided(call), began_s)
        except Exception as error:  # noqa: BLE001 - told as a problem, and logged where nobody expected it
            return self._edge.reply(error, began_s)
        return await self._by_itself(self._edge.answer_call, call, began_s)

    async def _by_itself(
        self, answer: Callable[[Asked, float], Reply], asked: Asked, began_s: float
    ) -> Reply:
        """In a thread: it would hold up all others."""
        if self._large_inside >= LARGE_THREADS:
            return self._refusals.reply("full", "POST", began_s, is_ping=True)
        self._large_inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._large, answer, asked, began_s)
        finally:
            self._large_inside -= 1

    async def _decided(self, call: Call) -> PingAnswer:
        """Its answer; who is still queued when the longest wait is over gives up the place."""
        together, loop = self._edge.together, asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        ticket = together.enter(call, answered)
        patience = loop.call_later(together.longest_s, self._give_up, ticket)
        try:
            await answered
        finally:
            patience.cancel()
            together.leave()
        return ticket.answer.result()

    def _give_up(self, ticket: Ticket[Call, PingAnswer]) -> None:
        """Unless its turn has begun: then it is answered."""
        if ticket.answer.cancel():
            ticket.waiter.set_exception(self._edge.together.refuse("waited"))


def wake(tickets: Sequence[Ticket[Any, Any]]) -> None:
    """Called by the thread that decides, with each group: whose answers wait in a loop are told there, all at once."""
    waiters = [ticket.waiter for ticket in tickets if ticket.waiter is not None]
    if waiters:
        with suppress(RuntimeError):  # the loop is closed: the process ends, and nobody waits any more
            waiters[0].get_loop().call_soon_threadsafe(_tell, waiters)


def _tell(waiters: Sequence[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():  # who has gone waits no more
            waiter.set_result(None)


async def _body(receive: Receive, most_bytes: int) -> bytes | None:
    """As much as shows that it is longer than allowed; None where the client has gone before it was whole."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body") or size > most_bytes:
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _ending_by_itself(inner: Wsgi) -> Wsgi:
    """A body that announces no length is read to its end, which the event loop tells."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return inner(environ | {"wsgi.input_terminated": True}, start_response)

    return answer


def _whole(receive: Receive) -> Receive:
    """Half a body is none: without this it would be taken for all that was sent."""
    is_whole = False

    async def receive_whole() -> dict[str, Any]:
        nonlocal is_whole
        message = await receive()
        if message["type"] == "http.disconnect" and not is_whole:
            raise ClientDisconnected
        is_whole = not message.get("more_body")
        return message

    return receive_whole


async def _write(reply: Reply, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.all_headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
