"""Requests over HTTP/1.1: one at a time on each connection, and the connection kept for the next.

h11 says what the bytes mean, and asyncio carries them. A client for every use does more for each request than that,
and what it does took twice the time of all else that a message costs the worker.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import h11

from beacon_service.delivery.exchange import KEEP_S, MOST_BYTES, Answer, Unsent, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beacon_service.delivery.exchange import Checked


class Origin(NamedTuple):
    """Whom a connection is to; another name at the same address is somebody else."""

    tls: bool
    host: str
    port: int


class _Target(NamedTuple):
    origin: Origin
    netloc: str  # as the Host header has it
    path: str


class Connections:
    """By origin, each kept for the next request to it."""

    def __init__(self, checked: Checked, trusted: ssl.SSLContext) -> None:
        trusted.set_alpn_protocols(["http/1.1"])
        self._checked = checked
        self._trusted = trusted
        self._idle: dict[Origin, list[_Connection]] = {}

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Raises Unsent."""
        target = _target(url)
        connection = self._kept(target.origin) or await self._opened(target.origin)
        try:
            return await connection.post(target, headers, content)
        except (OSError, h11.ProtocolError) as error:
            raise Unsent(f"the connection broke: {_why(error)}") from error
        finally:
            # What was broken off, or is to be closed, serves nobody else.
            if connection.usable():
                self._idle.setdefault(target.origin, []).append(connection)
            else:
                connection.close()

    async def close(self) -> None:
        for connection in [one for idle in self._idle.values() for one in idle]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the sockets are closed with the loop's next turn

    def _kept(self, origin: Origin) -> _Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            if (connection := idle.pop()).usable():
                return connection
            connection.close()
        return None

    def _tidy(self) -> None:
        """Close what nobody will use again; whoever opens another does so, which is seldom."""
        for origin, idle in list(self._idle.items()):
            for connection in [one for one in idle if not one.usable()]:
                idle.remove(connection)
                connection.close()
            if not idle:
                del self._idle[origin]

    async def _opened(self, origin: Origin) -> _Connection:
        """To the first address that takes it; each of them was checked, and none is looked up again."""
        self._tidy()
        failed: OSError | None = None
        for address in await self._checked.addresses(origin.host, origin.port, tls=origin.tls):
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    address,
                    origin.port,
                    ssl=self._trusted if origin.tls else None,
                    server_hostname=origin.host if origin.tls else None,
                )
            except OSError as error:  # of TLS as well
                failed = error
            else:
                return connection
        assert failed is not None, "there is at least one address"
        raise Unsent(f"cannot connect: {_why(failed)}") from failed


class _Connection(asyncio.Protocol):
    """What it is told between two requests, it was not asked for: then it is closed."""

    def __init__(self) -> None:
        self._until = asyncio.get_running_loop().time() + KEEP_S
        self._closed = False
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_BYTES)
        self._response: h11.Response | None = None
        self._body = b""
        self._answered: asyncio.Future[Answer] | None = None

    async def post(self, target: _Target, headers: Mapping[str, str], content: bytes) -> Answer:
        if self._closed:
            raise ConnectionResetError("the receiver hung up")
        if self._wire.our_state is h11.DONE:
            self._wire.start_next_cycle()
        self._response, self._body = None, b""
        self._answered = asyncio.get_running_loop().create_future()
        said = [("Host", target.netloc), *headers.items(), ("Content-Length", str(len(content)))]
        request = h11.Request(method="POST", target=target.path, headers=said)
        parts = (self._wire.send(one) for one in (request, h11.Data(data=content), h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))
        return await self._answered

    def usable(self) -> bool:
        """Whether another request may follow: both sides have said all that they had to, and stay."""
        said_all = self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE
        fresh = asyncio.get_running_loop().time() < self._until
        return said_all and fresh and not self._closed and not self._wire.trailing_data[0]

    def close(self) -> None:
        self._closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it goes both ways"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.close()
        else:
            self._read(data, self._answered)

    def eof_received(self) -> None:
        """An answer without a length ends with the connection; without an answer, `connection_lost` follows."""
        if self._response is not None:
            self.data_received(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("the receiver hung up"))

    def _read(self, data: bytes, answered: asyncio.Future[Answer]) -> None:
        try:
            self._wire.receive_data(data)
            while not answered.done() and (event := self._wire.next_event()) is not h11.NEED_DATA:
                self._take(event, answered)
        except h11.RemoteProtocolError as error:
            answered.set_exception(error)

    def _take(self, event: object, answered: asyncio.Future[Answer]) -> None:
        if isinstance(event, h11.Response):
            self._response = event
        elif isinstance(event, h11.Data):
            self._body += event.data
        whole = isinstance(event, h11.EndOfMessage) or len(self._body) > MOST_BYTES
        if whole and self._response is not None:
            told = {name.decode(): value.decode("latin-1") for name, value in self._response.headers}
            answered.set_result(Answer(self._response.status_code, told, self._body[:MOST_BYTES]))


@lru_cache(maxsize=1024)
def _target(url: str) -> _Target:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    usual = 443 if tls else 80
    port = parts.port or usual
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(Origin(tls, host, port), name if port == usual else f"{name}:{port}", path)


def _why(error: Exception) -> str:
    """The system's own words, such as "Connection refused", without the address that asyncio names beside them."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno)
    return reason(error)
