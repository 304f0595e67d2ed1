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
from beacon_service.web.reply import SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beacon_service.web.metrics import Metrics

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessLog:
    """Of one application. The logger is bound once: this runs on every ping."""

    def __init__(self, metrics: Metrics) -> None:
        self._count = metrics.count
        self._write = log.bind().info

    def answered(self, request_id: str, method: str, route: str, status: int, began_s: float) -> None:
        """Writes one line and counts; `began_s` is of `time.perf_counter`."""
        duration_s = time.perf_counter() - began_s
        method = method if method in METHODS else "other"
        self._count(method, route, status, duration_s)
        self._write(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(duration_s * 1000, 2),
        )


def new_request_id() -> str:
    return f"{random_bits(64):016x}"


def install(app: Flask, access_log: AccessLog) -> None:
    """Number, time, log and count every request of `app`; must be installed before what may refuse one."""
    app.wsgi_app = _with_security_headers(app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def begin() -> None:
        g.request_id = new_request_id()
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["Request-Id"] = g.request_id
        access_log.answered(g.request_id, request.method, route_template(), response.status_code, g.began)
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
