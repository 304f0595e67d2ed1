"""One kept connection over HTTP/1.1, for who sends so many requests that a client for every use costs too much.

h11 says what the bytes mean, and asyncio carries them. Whom to connect to, how long to keep it and what to make of an
answer is its owner's.
"""

from __future__ import annotations

import asyncio
import os
import ssl

import h11


class Http1Connection(asyncio.Protocol):
    """One request at a time. What it is told between two of them, it was not asked for: then it is closed."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of an answer no more than that and a part of what came with it is read."""
        self.opened_s = self.used_s = asyncio.get_running_loop().time()
        self._most_bytes = most_bytes
        self._closed = False
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=most_bytes)
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._answered: asyncio.Future[tuple[h11.Response, bytes]] | None = None

    async def exchange(self, request: h11.Request, content: bytes) -> tuple[h11.Response, bytes]:
        """The answer with its body. Raises OSError and h11.ProtocolError."""
        if self._closed:
            raise ConnectionResetError("the other side hung up")
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
        return (unsaid or said_all) and not self._closed and not self._wire.trailing_data[0]

    def close(self) -> None:
        self._closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it goes both ways"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.used_s = asyncio.get_running_loop().time()
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
            self._answered.set_exception(error or ConnectionResetError("the other side hung up"))

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
        ends = isinstance(event, h11.EndOfMessage) or len(self._body) > self._most_bytes
        if ends and self._response is not None:
            answered.set_result((self._response, bytes(self._body)))


def headers_of(response: h11.Response) -> dict[str, str]:
    """By lower-case name."""
    return {name.decode(): value.decode("latin-1") for name, value in response.headers}


def words_of(error: Exception) -> str:
    """The system's own, such as "Connection refused", without the address that asyncio names beside them."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
