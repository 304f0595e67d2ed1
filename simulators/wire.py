"""Requests over HTTP/1.1 on kept connections, cheap enough for thousands of phones in one process.

h11 says what the bytes mean and asyncio carries them. A client for every use takes several times the processor time
for each request, and that would be taken from the service that is looked at.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

# Servers close what is silent for longer (the service's own after 30 s); a request that crosses that would be lost.
KEEP_S = 4.0
# Far more than the largest page of a list.
MOST_BYTES = 64_000_000


class WireError(Exception):
    """There was no answer; the message says why, in the system's own words."""


class Heard(NamedTuple):
    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes
    took_ms: float


class Origin(NamedTuple):
    tls: bool
    host: str
    port: int
    netloc: str  # as the Host header has it
    base: str  # the path that all others stand under


def origin_of(url: str) -> Origin:
    """Of `https://shop.example/beacon` or its like. ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url} is no address of a service, such as https://beacon.example")
    tls = parts.scheme == "https"
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = name if parts.port is None else f"{name}:{parts.port}"
    return Origin(tls, parts.hostname, parts.port or (443 if tls else 80), netloc, parts.path.rstrip("/"))


@dataclass(slots=True)
class Connections:
    """To one service, at most `most` at once; whoever comes when all are taken waits for one."""

    url: str
    most: int = 32
    timeout_s: float = 10.0
    origin: Origin = field(init=False)
    _free: list["_Connection"] = field(default_factory=list)
    _places: asyncio.Semaphore = field(init=False)
    _trusted: ssl.SSLContext | None = field(init=False)

    def __post_init__(self) -> None:
        self.origin = origin_of(self.url)
        self._places = asyncio.Semaphore(self.most)
        self._trusted = ssl.create_default_context() if self.origin.tls else None

    async def request(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> Heard:
        """Raises WireError where no answer came, or not within the time. The clock starts with a connection."""
        async with self._places:
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await self._exchange(method, path, headers, content)
            except TimeoutError:
                raise WireError(f"no answer within {self.timeout_s:.0f} s") from None
            except (OSError, h11.ProtocolError) as error:
                raise WireError(_why(error)) from None

    async def close(self) -> None:
        while self._free:
            self._free.pop().close()
        await asyncio.sleep(0)  # the sockets are closed with the loop's next turn

    async def _exchange(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> Heard:
        began = time.perf_counter()
        connection = self._kept() or await self._opened()
        try:
            said = [("Host", self.origin.netloc), *headers.items(), ("Content-Length", str(len(content)))]
            request = h11.Request(method=method, target=self.origin.base + path, headers=said)
            response, body = await connection.exchange(request, content)
        finally:
            # What was broken off, or is to be closed, serves nobody else.
            if connection.usable():
                self._free.append(connection)
            else:
                connection.close()
        told = {name.decode(): value.decode("latin-1") for name, value in response.headers}
        return Heard(response.status_code, told, body, (time.perf_counter() - began) * 1000)

    def _kept(self) -> "_Connection | None":
        while self._free:
            if (connection := self._free.pop()).usable():
                return connection
            connection.close()
        return None

    async def _opened(self) -> "_Connection":
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self.origin.host, self.origin.port, ssl=self._trusted
        )
        return connection


class _Connection(asyncio.Protocol):
    """What it is told between two requests, it was not asked for: then it is closed."""

    def __init__(self) -> None:
        self._closed = False
        self._used_at = time.monotonic()
        self._wire = h11.Connection(h11.CLIENT)
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._answered: asyncio.Future[tuple[h11.Response, bytes]] | None = None

    async def exchange(self, request: h11.Request, content: bytes) -> tuple[h11.Response, bytes]:
        if self._closed:
            raise ConnectionResetError("the server hung up")
        if self._wire.our_state is h11.DONE:
            self._wire.start_next_cycle()
        self._response, self._body = None, bytearray()
        self._answered = asyncio.get_running_loop().create_future()
        parts = (self._wire.send(one) for one in (request, h11.Data(data=content), h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))
        return await self._answered

    def usable(self) -> bool:
        """Whether another request may follow: both sides have said all that they had to, and stay."""
        unsaid = self._wire.our_state is h11.IDLE
        said_all = self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE
        fresh = time.monotonic() - self._used_at < KEEP_S
        return (unsaid or said_all) and fresh and not self._closed and not self._wire.trailing_data[0]

    def close(self) -> None:
        self._closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it goes both ways"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._used_at = time.monotonic()
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
            self._answered.set_exception(error or ConnectionResetError("the server hung up"))

    def _read(self, data: bytes, answered: asyncio.Future[tuple[h11.Response, bytes]]) -> None:
        try:
            self._wire.receive_data(data)
            while not answered.done() and (event := self._wire.next_event()) is not h11.NEED_DATA:
                self._take(event, answered)
        except h11.RemoteProtocolError as error:
            answered.set_exception(error)

    def _take(self, event: object, answered: asyncio.Future[tuple[h11.Response, bytes]]) -> None:
        if isinstance(event, h11.Response):
            self._response = event
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > MOST_BYTES:
                answered.set_exception(ConnectionAbortedError("the answer is too long"))
        elif isinstance(event, h11.EndOfMessage) and self._response is not None:
            answered.set_result((self._response, bytes(self._body)))


def _why(error: Exception) -> str:
    """The system's own words, such as "Connection refused", without the address that asyncio names beside them."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
