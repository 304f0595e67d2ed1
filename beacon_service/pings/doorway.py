"""The doorway of a web process: who comes in to a thread's work, and who is told at once to come back.

It stands before Flask, so that a refusal costs no parsing, no key and no database, and its threads' shares see to it
that there is always a thread left to refuse with. What waits, waits behind it in `together`, where the wait is known;
before it, in the server's own queue, nobody waits for longer than refusals take.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog

from beacon_service.pings.heard import PINGS, announced
from beacon_service.web import problems
from beacon_service.web.access_log import METHODS, new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beacon_service.errors import Overloaded
    from beacon_service.pings.load_meters import LoadMeters
    from beacon_service.pings.shedding import Reason
    from beacon_service.web.reply import Reply

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

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


class Refusals:
    """Who is sent away before anything is read, and what they are told."""

    def __init__(self, queue: Queue, meters: LoadMeters, *, believes_proxies: bool) -> None:
        self._queue = queue
        self._meters = meters
        self._believes_proxies = believes_proxies
        self._lock = threading.Lock()
        self._unsaid = 0
        self._said_at = 0.0

    def of_ping(self, came_upstream: str | None, length: int | None) -> Reason | None:
        """Why a report is sent away: by the proxy's X-Request-Start and how long its body is said to be."""
        if self._believes_proxies and waited_s(came_upstream, time.time()) > self._queue.longest_s:
            return "waited"
        return self._queue.refusal() if is_small(length) else None

    def reply(self, reason: Reason, method: str, began_s: float, *, is_ping: bool) -> Reply:
        """What is answered; counted. `began_s` is of `time.perf_counter`."""
        problem = self._queue.refuse(reason) if is_ping else self._meters.refuse_other(reason)
        route, method = PINGS if is_ping else "unmatched", method if method in METHODS else "other"
        self._meters.answered(method, route, problem.status, time.perf_counter() - began_s)
        self._say()
        request_id = new_request_id()
        return problems.reply(problem, request_id).numbered(request_id)

    def _say(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._unsaid += 1
            if now - self._said_at < SAID_EVERY_S:
                return
            refused, self._unsaid, self._said_at = self._unsaid, 0, now
        log.warning("overloaded", refused=refused, delay_ms=round(self._queue.delay_s * 1000))


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
        self.refusals = Refusals(queue, meters, believes_proxies=believes_proxies)
        self.shares = shares
        self._inner = inner
        self._lock = threading.Lock()
        self._pings = 0
        self._others = 0

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
        return self.refusals.of_ping(
            environ.get("HTTP_X_REQUEST_START"), announced(environ.get("CONTENT_LENGTH"))
        )

    def _enter(self, *, is_ping: bool) -> bool:
        with self._lock:
            if self._pings + self._others >= self.shares.all:
                return False
            if is_ping:
                if self._pings >= self.shares.pings:
                    return False
                self._pings += 1
            else:
                if self._others >= self.shares.others:
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
        began_s = time.perf_counter()
        length = announced(environ.get("CONTENT_LENGTH"))
        if length is not None and is_small(length):
            environ["wsgi.input"].read(length)
        reply = self.refusals.reply(reason, environ["REQUEST_METHOD"], began_s, is_ping=is_ping)
        start_response(reply.status_line, reply.all_headers)
        return [reply.body]


def is_small(length: int | None) -> bool:
    """Whether a body is said to be so short that it may be dropped."""
    return length is not None and length <= SMALL_BODY_BYTES


def waited_s(told: str | None, now_s: float) -> float:
    """How long ago the proxy had the request, by its X-Request-Start; 0 where that says nothing sensible.

    nginx writes `t=1780488000.123`, others milliseconds or microseconds, with or without `t=`.
    """
    try:
        started = float((told or "").removeprefix("t="))
    except ValueError:
        return 0.0
    # Seconds since 1970 are 1.8e9 now: a thousand times that, and a million times.
    started_s = started / (1e6 if started > 1e14 else 1e3 if started > 1e11 else 1.0)
    waited = now_s - started_s
    return waited if 0.0 < waited <= LONGEST_BELIEVED_S else 0.0
