"""An answer as plain values: whoever writes it to the wire, a thread by WSGI or an event loop by ASGI."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

# The API answers JSON to programs; nothing of it is ever to be shown, framed, sniffed or kept by a browser.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


class Reply(NamedTuple):
    """`headers` are those that this answer has beside the ones of every answer."""

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def numbered(self, request_id: str) -> Reply:
        return self._replace(headers=(*self.headers, ("Request-Id", request_id)))

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase.upper()}"

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            *self.headers,
            *SECURITY_HEADERS,
        ]
