"""A report of pings as it came over the wire, whichever server took it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_list_header
from werkzeug.wsgi import get_input_stream

from beacon_service.auth import TOKEN_HEADER

PINGS = "/v1/pings"

_TOKEN = TOKEN_HEADER.lower().encode()
_TOKEN_OF_WSGI = "HTTP_" + TOKEN_HEADER.upper().replace("-", "_")


class Heard(NamedTuple):
    """What a report says, unchecked."""

    authorization: str | None
    token: str | None
    content_type: str
    encoding: str
    address: str | None
    body: bytes | None  # None: it is longer than any may be, and was not read


def heard_by_wsgi(environ: Mapping[str, Any], *, proxies: int, most_bytes: int) -> Heard:
    """Reads the body, and no more of it than shows that it is too long.

    Raises ClientDisconnected where it does not all come.
    """
    length = announced(environ.get("CONTENT_LENGTH")) or 0
    body = None
    if length <= most_bytes:
        body = get_input_stream(dict(environ)).read(most_bytes + 1)
        if len(body) < length:  # not every server says so itself
            raise ClientDisconnected
    return Heard(
        environ.get("HTTP_AUTHORIZATION"),
        environ.get(_TOKEN_OF_WSGI),
        environ.get("CONTENT_TYPE", ""),
        environ.get("HTTP_CONTENT_ENCODING", ""),
        address_of(environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR"), proxies),
        body,
    )


def heard_by_asgi(
    headers: Mapping[bytes, bytes], peer: str | None, body: bytes | None, *, proxies: int
) -> Heard:
    """`headers` in lower case, as ASGI has them."""
    return Heard(
        text_of(headers, b"authorization"),
        text_of(headers, _TOKEN),
        text_of(headers, b"content-type") or "",
        text_of(headers, b"content-encoding") or "",
        address_of(peer, text_of(headers, b"x-forwarded-for"), proxies),
        body,
    )


def text_of(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def announced(length: str | None) -> int | None:
    """How long a body is said to be, by its Content-Length; None where that says nothing."""
    return int(length) if length and length.isdecimal() else None


def address_of(peer: str | None, forwarded: str | None, proxies: int) -> str | None:
    """The client's: that which the last of our proxies but `proxies - 1` says that it had the request from."""
    if proxies and forwarded:
        hops = parse_list_header(forwarded)
        if len(hops) >= proxies:
            return hops[-proxies]
    return peer
