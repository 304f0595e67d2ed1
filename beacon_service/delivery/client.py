"""One HTTP request to somebody else's server: to an address that was looked at, bounded in time and in size.

Redirects are answers like others and are not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from beacon_service.delivery.exchange import MOST_BYTES, Answer, Checked, RefusedAddress, Unsent, resolve
from beacon_service.delivery.http1 import Connections
from beacon_service.delivery.http2 import Multiplexed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from beacon_service.delivery.addresses import Network
    from beacon_service.delivery.exchange import Resolver

__all__ = ["MOST_BYTES", "Answer", "Client", "RefusedAddress", "Unsent"]

# Standard Webhooks asks receivers to answer within 15 to 30 s; who takes longer has the message and was too slow.
PATIENCE_S = 15.0


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
        checked = Checked(networks, resolver)
        self._carrier = Multiplexed(checked, trusted) if http2 else Connections(checked, trusted)

    async def post(
        self, url: str, headers: Mapping[str, str], content: bytes, *, patience_s: float = PATIENCE_S
    ) -> Answer:
        """Raises Unsent where no answer came in time. What is more than MOST_BYTES of an answer is not read."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._carrier.post(url, headers, content)
        except TimeoutError:
            raise Unsent(f"no answer within {patience_s:g} s") from None

    async def close(self) -> None:
        await self._carrier.close()
