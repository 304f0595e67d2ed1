"""Where the service may connect to on somebody's word: public addresses, and networks that a setting names. Pure.

Whoever may name an address could otherwise make us ask our own neighbours: the loopback, the private network, or the
service by which a cloud tells its machines their secrets.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Public by its number, and yet each Azure machine's own wire server answers there.
_METADATA = frozenset({IPv4Address("168.63.129.16")})
# Global unicast is all of IPv6 that is given out (RFC 4291); what the registries of special addresses keep back of it
# and of IPv4 is not the same in every version of the standard library.
_UNICAST = IPv6Network("2000::/3")
_KEPT_BACK: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)
# NAT64 (RFC 6052, RFC 8215): the last 32 bits are an IPv4 address, and a gateway would carry us to it.
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# IPv4-compatible addresses (RFC 4291, deprecated): some stacks still take them for what is inside.
_COMPATIBLE = IPv6Network("::/96")


def refusal(address: Address, networks: Sequence[Network] = ()) -> str | None:
    """Why the service must not connect there; None where it may. `networks` are allowed whatever they are.

    10.1.2.3 is private, ::ffff:10.1.2.3 and 64:ff9b::a01:203 are so too, 8.8.8.8 may be connected to.
    """
    inner = embedded(address)
    if any(_within(one, networks) for one in (address, inner) if one is not None):
        return None
    if inner is not None:
        return refusal(inner)
    if address in _METADATA:
        return f"{address} belongs to a cloud's own machinery"
    if address.is_loopback or address.is_unspecified:
        return f"{address} is this machine itself"
    if address.is_link_local:
        return f"{address} is link-local, where clouds keep their metadata"
    if address.is_multicast:
        return f"{address} is a multicast address"
    outside = address.version == 6 and address not in _UNICAST
    if outside or not address.is_global or _within(address, _KEPT_BACK):
        return f"{address} is not a public address"
    return None


def first_refusal(addresses: Iterable[Address], networks: Sequence[Network] = ()) -> str | None:
    """A name that leads to one address that it must not leads nowhere: it may be asked again and answer that one."""
    return next((why for one in addresses if (why := refusal(one, networks)) is not None), None)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64 or compatible."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if any(address in network for network in _NAT64):
        return IPv4Address(low)
    # :: and ::1 are addresses of their own.
    return IPv4Address(low) if address in _COMPATIBLE and low > 1 else None


def literal(host: str) -> Address | None:
    """The address that a host is written as, or None where it is a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
