"""One log line and one measurement for each request, from which nobody can be followed.

A line says the method, the route's template, the status and the time it took. Addresses with ids in them,
query strings, keys, tokens, network addresses and bodies are never written, here or anywhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, request

from beacon_service.chance import random_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beacon_service.web.metrics import Metrics

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The API answers JSON to programs; nothing of it is ever to be shown, framed, sniffed or kept by a browser.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


def install(app: Flask, metrics: Metrics) -> None:
    """Number, time, log and count every request of `app`; must be installed before what may refuse one.

    This runs on every ping: the logger is bound once, and each of Flask's proxies is asked once.
    """
    write = log.bind().info
    app.wsgi_app = _with_security_headers(app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def begin() -> None:
        g.request_id = f"{random_bits(64):016x}"
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        duration_s = time.perf_counter() - g.began
        request_id, route, method = g.request_id, route_template(), request.method
        method = method if method in METHODS else "other"
        response.headers["Request-Id"] = request_id
        metrics.count(method, route, response.status_code, duration_s)
        write(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=response.status_code,
            duration_ms=round(duration_s * 1000, 2),
        )
        return response


def _with_security_headers(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """They are the same on every answer, so they join it where it leaves, without being checked each time."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *SECURITY_HEADERS], exc_info)

        return wsgi_app(environ, start)

    return answer


def route_template() -> str:
    """/v1/installations/<installation_id>, never with the id; "unmatched" where no route took the request."""
    rule = request.url_rule
    return rule.rule if rule is not None else "unmatched"
