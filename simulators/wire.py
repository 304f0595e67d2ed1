"""Requests over HTTP/1.1 on kept connections, cheap enough for thousands of phones in one process.

A client for every use takes several times the processor time for each request, and that would be taken from the service
that is looked at.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from beacon_service.http1_connection import Http1Connection, headers_of, words_of

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
    _free: list[Http1Connection] = field(default_factory=list)
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
                raise WireError(words_of(error)) from None

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
            if _is_usable(connection):
                self._free.append(connection)
            else:
                connection.close()
        if len(body) > MOST_BYTES:
            raise WireError("the answer is too long")
        return Heard(response.status_code, headers_of(response), body, (time.perf_counter() - began) * 1000)

    def _kept(self) -> Http1Connection | None:
        while self._free:
            if _is_usable(connection := self._free.pop()):
                return connection
            connection.close()
        return None

    async def _opened(self) -> Http1Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Http1Connection(MOST_BYTES), self.origin.host, self.origin.port, ssl=self._trusted
        )
        return connection


def _is_usable(connection: Http1Connection) -> bool:
    return connection.usable() and asyncio.get_running_loop().time() - connection.used_s < KEEP_S
