"""What a request to somebody else's server comes to, and which addresses it may go to; whatever carries it.

The name is resolved once, every address it has is checked, and the connection goes to the very address that was checked
while Host, SNI and certificate stay those of the name. So a name that answers differently the second time (DNS
rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, Protocol

from beacon_service.delivery.addresses import first_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beacon_service.delivery.addresses import Network

# Of what is answered only a sentence is ever read.
MOST_BYTES = 65_536
# Of words that others chose.
LONGEST_REASON = 200
# For how long a connection is kept: then the name is resolved and its addresses are looked at anew.
KEEP_S = 60.0


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


@dataclass(frozen=True, slots=True)
class Checked:
    """The addresses of a name, each of them looked at. Without TLS they are those in `networks` alone."""

    networks: Sequence[Network]
    resolver: Resolver = resolve

    async def addresses(self, host: str, port: int, *, tls: bool) -> list[str]:
        """At least one; raises RefusedAddress if any of them is where the service must not go."""
        try:
            found = await self.resolver(host, port)
        except OSError as error:
            raise Unsent(f"the name {host} cannot be resolved") from error
        addresses = [ip_address(one.partition("%")[0]) for one in found]
        if why := first_refusal(addresses, self.networks):
            raise RefusedAddress(f"{host} is refused: {why}")
        if not tls and not all(any(one in network for network in self.networks) for one in addresses):
            raise RefusedAddress(f"{host} is refused: without https only allowed networks are connected to")
        if not addresses:
            raise Unsent(f"cannot connect: {host} has no address")
        return [str(one) for one in addresses]


def reason(error: Exception) -> str:
    """A library's own words; what it says of certificates is needed to mend them."""
    return str(error).strip()[:LONGEST_REASON] or type(error).__name__
