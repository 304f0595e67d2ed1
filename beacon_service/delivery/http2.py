"""Requests over HTTP/2 alone, which Apple asks for: one connection carries many at a time."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpcore2

from beacon_service.delivery.exchange import KEEP_S, MOST_BYTES, Answer, Unsent, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beacon_service.delivery.exchange import Checked

MOST_CONNECTIONS = 4


class Multiplexed:
    """Connections by origin, to addresses that were checked."""

    def __init__(self, checked: Checked, trusted: ssl.SSLContext) -> None:
        self._pools = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=trusted,
                max_connections=MOST_CONNECTIONS,
                keepalive_expiry=KEEP_S,
                http1=False,
                http2=True,
                network_backend=_CheckedBackend(checked, tls=scheme == "https"),
            )
            for scheme in ("http", "https")
        }

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Raises Unsent."""
        try:
            return await self._post(url, headers, content)
        except httpcore2.TimeoutException:
            raise Unsent("the connection timed out") from None
        except httpcore2.ConnectError as error:
            raise Unsent(f"cannot connect: {reason(error)}") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError) as error:
            raise Unsent(f"the connection broke: {reason(error)}") from error

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def _post(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        pool = self._pools["https" if url.startswith("https:") else "http"]
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with pool.stream("POST", url, headers=sent, content=content) as response:
            body = b""
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    break
            told = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            return Answer(response.status, told, body[:MOST_BYTES])


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the address that was checked, whatever name it was given."""

    def __init__(self, checked: Checked, *, tls: bool) -> None:
        self._checked = checked
        self._tls = tls
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
        for address in await self._checked.addresses(host, port, tls=self._tls):
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        assert failed is not None, "there is at least one address"
        raise failed

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)
