"""One HTTP request to somebody else's server: to an address that was looked at, bounded in time and in size.

The name is resolved once, every address it has is checked, and the connection goes to the very address that was checked
while Host, SNI and certificate stay those of the name. So a name that answers differently the second time (DNS
rebinding) gains nothing. Redirects are answers like others and are not followed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, Protocol

import httpcore2

from beacon_service.delivery.addresses import first_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from pathlib import Path

    from beacon_service.delivery.addresses import Network

# Standard Webhooks asks receivers to answer within 15 to 30 s; who takes longer has the message and was too slow.
PATIENCE_S = 15.0
# Of what is answered only a sentence is ever read.
MOST_BYTES = 65_536
# A connection is resolved and checked anew at least this often, and an idle one is given up.
KEEP_ALIVE_S = 60.0


class Unsent(Exception):  # noqa: N818 - what did not happen, not a mistake
    """The request came to nothing, and why in one sentence without the request's secrets."""


class RefusedAddress(Unsent):
    """The name leads to where the service must not go."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes


class Resolver(Protocol):
    """Answers with the addresses of a name, as text."""

    async def __call__(self, host: str, port: int) -> list[str]: ...


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the address that it has checked, whatever name it was given."""

    def __init__(self, networks: Sequence[Network], *, only: bool, resolver: Resolver) -> None:
        self._networks = networks
        self._only = only  # the networks, and nothing else
        self._resolve = resolver
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's own parameter
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failed: Exception | None = None
        for address in await self._checked(host, port):
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore2.ConnectError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise Unsent(f"the name {host} cannot be resolved") from error
        addresses = [ip_address(one.partition("%")[0]) for one in found]
        if why := first_refusal(addresses, self._networks):
            raise RefusedAddress(f"{host} is refused: {why}")
        if self._only and not all(
            any(address in network for network in self._networks) for address in addresses
        ):
            raise RefusedAddress(f"{host} is refused: without https only allowed networks are connected to")
        return [str(one) for one in addresses]


class Connections:
    """HTTP/1.1 connections by origin, the one used last first. A pool of httpcore2 does more, and looks at each idle
    connection with each request: with sixty to one receiver that took most of the time.
    """

    def __init__(self, trusted: ssl.SSLContext, backend: CheckedBackend) -> None:
        self._trusted = trusted
        self._backend = backend
        self._idle: dict[str, list[httpcore2.AsyncHTTPConnection]] = {}

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: list[tuple[bytes, bytes]], content: bytes
    ) -> AsyncIterator[httpcore2.Response]:
        """As a pool of httpcore2 has it."""
        origin = httpcore2.URL(url).origin
        connection = await self._ready(origin)
        try:
            async with connection.stream(method, url, headers=headers, content=content) as response:
                yield response
        finally:
            # What was broken off, or is to be closed, serves nobody else.
            if connection.is_idle():
                self._idle.setdefault(str(origin), []).append(connection)
            else:
                await connection.aclose()

    async def aclose(self) -> None:
        for connection in [one for idle in self._idle.values() for one in idle]:
            await connection.aclose()
        self._idle.clear()

    async def _ready(self, origin: httpcore2.Origin) -> httpcore2.AsyncHTTPConnection:
        idle = self._idle.get(str(origin), [])
        while idle and idle[0].has_expired():
            await idle.pop(0).aclose()
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore2.AsyncHTTPConnection(
            origin,
            ssl_context=self._trusted,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=self._backend,
        )


class Client:
    """Connections that are kept for the next request. To be used and closed within one event loop.

    Plain http goes to `networks` alone. `ca_file` holds certificates to trust beside the system's.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        ca_file: Path | None = None,
        http2: bool = False,
        resolver: Resolver = resolve,
    ) -> None:
        trusted = ssl.create_default_context()
        if ca_file is not None:
            trusted.load_verify_locations(ca_file)
        backends = {
            scheme: CheckedBackend(networks, only=scheme == "http", resolver=resolver)
            for scheme in ("http", "https")
        }
        self._pools: dict[str, Connections | httpcore2.AsyncConnectionPool] = {
            scheme: _multiplexed(trusted, backend) if http2 else Connections(trusted, backend)
            for scheme, backend in backends.items()
        }

    async def post(
        self, url: str, headers: Mapping[str, str], content: bytes, *, patience_s: float = PATIENCE_S
    ) -> Answer:
        """Raises Unsent where no answer came in time. What is more than MOST_BYTES of an answer is not read."""
        pool = self._pools["https" if url.startswith("https:") else "http"]
        try:
            async with asyncio.timeout(patience_s):
                return await _exchange(pool, url, headers, content)
        except TimeoutError:
            raise Unsent(f"no answer within {patience_s:g} s") from None
        except httpcore2.TimeoutException:
            raise Unsent("the connection timed out") from None
        except httpcore2.ConnectError as error:
            raise Unsent(f"cannot connect: {_reason(error)}") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError) as error:
            raise Unsent(f"the connection broke: {_reason(error)}") from error

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def _multiplexed(trusted: ssl.SSLContext, backend: CheckedBackend) -> httpcore2.AsyncConnectionPool:
    """HTTP/2 alone: one connection carries many requests at a time."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=trusted,
        max_connections=4,
        keepalive_expiry=KEEP_ALIVE_S,
        http1=False,
        http2=True,
        network_backend=backend,
    )


async def _exchange(
    pool: Connections | httpcore2.AsyncConnectionPool, url: str, headers: Mapping[str, str], content: bytes
) -> Answer:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with pool.stream("POST", url, headers=sent, content=content) as response:
        body = b""
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > MOST_BYTES:
                break
        told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status, told, body[:MOST_BYTES])


def _reason(error: Exception) -> str:
    """The system's own words, such as "Connection refused"; what it says of certificates is needed to mend them."""
    return str(error).strip()[:200] or type(error).__name__
