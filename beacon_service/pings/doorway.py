"""The doorway of a web process: who comes in to a thread's work, and who is told at once to come back.

It stands before Flask, so that a refusal costs no parsing, no key and no database, and its threads' shares see to it
that there is always a thread left to refuse with. What waits, waits behind it in `together`, where the wait is known;
before it, in the server's own queue, nobody waits for longer than refusals take.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import structlog

from beacon_service.chance import random_bits
from beacon_service.web.access_log import METHODS, SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beacon_service.errors import Overloaded
    from beacon_service.pings.load_meters import LoadMeters
    from beacon_service.pings.shedding import Reason

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

PINGS = "/v1/pings"
# Asked by those who decide whether the process is well: they are answered whatever there is to do.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# A body up to this has usually arrived with its headers; it is read and dropped, so that the connection stays good.
# What is larger is let in and refused, if it must be, once it was read: a server that hangs up in the middle of a body
# is no answer.
SMALL_BODY_BYTES = 65_536
# Below this many threads there is nothing to share out.
FEWEST_TO_SHARE = 8
# Clocks of a proxy and of this machine may differ, and a header may say anything: what would be a wait of more than
# this is no wait.
LONGEST_BELIEVED_S = 600.0
# A line in the log for all refusals of so long: with each its own, an overload would be one of the log, too.
SAID_EVERY_S = 1.0

log = structlog.get_logger()


class Shares(NamedTuple):
    """How many threads each sort of request may have at once; the rest is for probes and for refusing."""

    pings: int
    others: int
    all: int

    @classmethod
    def of(cls, threads: int) -> Shares:
        """Of 128: at most 88 for pings, 64 for all else, 120 together; so 32 are left to others, whatever pings do."""
        if threads < FEWEST_TO_SHARE:
            return cls(threads, threads, threads)
        spare = max(1, threads // 16)
        return cls(threads - threads // 4 - spare, threads // 2, threads - spare)


class Queue(Protocol):
    """What the doorway asks of whoever keeps the pings' queue."""

    @property
    def delay_s(self) -> float: ...
    @property
    def longest_s(self) -> float: ...
    def refusal(self) -> Reason | None: ...
    def refuse(self, reason: Reason) -> Overloaded: ...


class Doorway:
    """WSGI middleware. Counts threads at work, and refuses before anything else is done."""

    def __init__(
        self,
        inner: Wsgi,
        queue: Queue,
        meters: LoadMeters,
        *,
        shares: Shares,
        believes_proxies: bool,
    ) -> None:
        self._inner = inner
        self._queue = queue
        self._meters = meters
        self._shares = shares
        self._believes_proxies = believes_proxies
        self._lock = threading.Lock()
        self._pings = 0
        self._others = 0
        self._unsaid = 0
        self._said_at = 0.0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in PROBES:
            return self._inner(environ, start_response)
        is_ping = path == PINGS
        if is_ping and (reason := self._refusal(environ)) is not None:
            return self._refuse(environ, start_response, reason, is_ping=True)
        if not self._enter(is_ping=is_ping):
            return self._refuse(environ, start_response, "full", is_ping=is_ping)
        try:
            return self._inner(environ, start_response)
        finally:
            self._leave(is_ping=is_ping)

    def _refusal(self, environ: dict[str, Any]) -> Reason | None:
        if self._believes_proxies and waited_s(environ, time.time()) > self._queue.longest_s:
            return "waited"
        return self._queue.refusal() if _is_small(environ) else None

    def _enter(self, *, is_ping: bool) -> bool:
        with self._lock:
            if self._pings + self._others >= self._shares.all:
                return False
            if is_ping:
                if self._pings >= self._shares.pings:
                    return False
                self._pings += 1
            else:
                if self._others >= self._shares.others:
                    return False
                self._others += 1
            return True

    def _leave(self, *, is_ping: bool) -> None:
        with self._lock:
            if is_ping:
                self._pings -= 1
            else:
                self._others -= 1

    def _refuse(
        self, environ: dict[str, Any], start_response: Callable[..., Any], reason: Reason, *, is_ping: bool
    ) -> Iterable[bytes]:
        began = time.perf_counter()
        if _is_small(environ):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        problem = self._queue.refuse(reason) if is_ping else self._meters.refuse_other(reason)
        request_id = f"{random_bits(64):016x}"
        body = msgspec.json.encode(
            {
                "type": "about:blank",
                "title": problem.title,
                "status": problem.status,
                "code": problem.code,
                "detail": problem.detail,
                "request_id": request_id,
            }
        )
        headers = [
            ("Content-Type", "application/problem+json"),
            ("Content-Length", str(len(body))),
            ("Retry-After", str(problem.retry_after_s)),
            ("Request-Id", request_id),
            *SECURITY_HEADERS,
        ]
        start_response("503 SERVICE UNAVAILABLE", headers)
        route = PINGS if is_ping else "unmatched"
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
        self._meters.answered(method, route, problem.status, time.perf_counter() - began)
        self._say()
        return [body]

    def _say(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._unsaid += 1
            if now - self._said_at < SAID_EVERY_S:
                return
            refused, self._unsaid, self._said_at = self._unsaid, 0, now
        log.warning("overloaded", refused=refused, delay_ms=round(self._queue.delay_s * 1000))


def _is_small(environ: dict[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return length.isdecimal() and int(length) <= SMALL_BODY_BYTES


def waited_s(environ: dict[str, Any], now_s: float) -> float:
    """How long ago the proxy had the request, by its X-Request-Start; 0 where that says nothing sensible.

    nginx writes `t=1780488000.123`, others milliseconds or microseconds, with or without `t=`.
    """
    told = environ.get("HTTP_X_REQUEST_START", "").removeprefix("t=")
    try:
        started = float(told)
    except ValueError:
        return 0.0
    # Seconds since 1970 are 1.8e9 now: a thousand times that, and a million times.
    started_s = started / (1e6 if started > 1e14 else 1e3 if started > 1e11 else 1.0)
    waited = now_s - started_s
    return waited if 0.0 < waited <= LONGEST_BELIEVED_S else 0.0
