"""Requests over HTTP/1.1: one at a time on each connection, and the connection kept for the next.

What a client for every use does for each request took twice the time of all else that a message costs the worker.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import h11

from beacon_service.delivery.exchange import KEEP_S, LONGEST_REASON, MOST_BYTES, Answer, Unsent
from beacon_service.http1_connection import Http1Connection, headers_of, words_of

if TYPE_CHECKING:
    import ssl
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
        self._idle: dict[Origin, list[Http1Connection]] = {}

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Raises Unsent."""
        target = _target(url)
        connection = self._kept(target.origin) or await self._opened(target.origin)
        said = [("Host", target.netloc), *headers.items(), ("Content-Length", str(len(content)))]
        request = h11.Request(method="POST", target=target.path, headers=said)
        try:
            response, body = await connection.exchange(request, content)
            return Answer(response.status_code, headers_of(response), body[:MOST_BYTES])
        except (OSError, h11.ProtocolError) as error:
            raise Unsent(f"the connection broke: {_why(error)}") from error
        finally:
            # What was broken off, or is to be closed, serves nobody else.
            if _is_usable(connection):
                self._idle.setdefault(target.origin, []).append(connection)
            else:
                connection.close()

    async def close(self) -> None:
        for connection in [one for idle in self._idle.values() for one in idle]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the sockets are closed with the loop's next turn

    def _kept(self, origin: Origin) -> Http1Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            if _is_usable(connection := idle.pop()):
                return connection
            connection.close()
        return None

    def _tidy(self) -> None:
        """Close what nobody will use again; whoever opens another does so, which is seldom."""
        for origin, idle in list(self._idle.items()):
            for connection in [one for one in idle if not _is_usable(one)]:
                idle.remove(connection)
                connection.close()
            if not idle:
                del self._idle[origin]

    async def _opened(self, origin: Origin) -> Http1Connection:
        """To the first address that takes it; each of them was checked, and none is looked up again."""
        self._tidy()
        failed: OSError | None = None
        for address in await self._checked.addresses(origin.host, origin.port, tls=origin.tls):
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Http1Connection(MOST_BYTES),
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


def _is_usable(connection: Http1Connection) -> bool:
    """A connection serves for so long; then the address is looked up and checked anew."""
    return connection.usable() and asyncio.get_running_loop().time() < connection.opened_s + KEEP_S


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
    return words_of(error).strip()[:LONGEST_REASON]
