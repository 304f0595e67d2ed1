"""The service with a profiler in its web process; `GET /profile` tells in JSON what it has seen.

Python's own profiler, by the thread's own clock: time in which the thread computes is counted, and time in which it
waits for PostgreSQL or for another thread is not. What is written in C counts where it is called.
"""

import cProfile
import json
import pstats
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from beacon_service.app import create_app as create_service

if TYPE_CHECKING:
    from flask import Flask

PATH, FORGET = "/profile", "/profile/forget"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Profiled:
    """Profiles whatever the application is asked to take; to be served by one thread, as a profiler is of one."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._profiler = cProfile.Profile(timer=time.thread_time, builtins=False)
        self._requests = 0
        self._wall_s = 0.0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] in {PATH, FORGET}:
            body = json.dumps(self._seen() if environ["PATH_INFO"] == PATH else self._forget()).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            start_response("200 OK", headers)
            return [body]
        if environ["REQUEST_METHOD"] != "POST":
            return self._application(environ, start_response)
        began = time.perf_counter()
        self._profiler.enable()
        try:
            return self._application(environ, start_response)
        finally:
            self._profiler.disable()
            self._requests += 1
            self._wall_s += time.perf_counter() - began

    def _forget(self) -> dict[str, Any]:
        self._profiler.clear()
        self._requests, self._wall_s = 0, 0.0
        return {}

    def _seen(self) -> dict[str, Any]:
        self._profiler.create_stats()
        stats: dict[tuple[str, int, str], Any] = pstats.Stats(self._profiler).stats  # type: ignore[attr-defined]
        rows = [
            [file, line, function, calls, own_s, with_called_s]
            for (file, line, function), (_, calls, own_s, with_called_s, _) in stats.items()
        ]
        return {"requests": self._requests, "wall_s": self._wall_s, "rows": rows}


def create_app() -> "Flask":
    app = create_service()
    app.wsgi_app = Profiled(app.wsgi_app)  # type: ignore[method-assign]
    return app
