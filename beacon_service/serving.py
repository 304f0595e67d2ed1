"""The command line of the HTTP server that carries the application.

Granian by default, gunicorn as the switch to fall back to. Either replaces this process, so that signals
reach it directly: on SIGTERM it stops listening, finishes what it has accepted and ends.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beacon_service.settings import Settings

APPLICATION = "beacon_service.app:create_app"


def server_command(settings: Settings, target: str = APPLICATION) -> list[str]:
    """`target` names a factory of a WSGI application as `module:function`."""
    if settings.server == "gunicorn":
        return _gunicorn(settings, target)
    return _granian(settings, target)


def _granian(settings: Settings, target: str) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--factory"),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--workers", str(settings.web_processes)),
        # Unset it would derive dozens of threads, and they would spend their time handing over the GIL.
        *("--blocking-threads", str(settings.web_threads)),
        *("--http", "1", "--no-ws"),
        # A web process that dies is replaced; one that does not stop in time is ended.
        *("--respawn-failed-workers", "--respawn-interval", "0.5"),
        *("--workers-kill-timeout", str(settings.graceful_stop_s)),
        *("--log-level", settings.log_level),
        target,
    ]


def _gunicorn(settings: Settings, target: str) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--no-control-socket"),
        *("--bind", f"{settings.host}:{settings.port}"),
        *("--workers", str(settings.web_processes), "--threads", str(settings.web_threads)),
        *("--graceful-timeout", str(settings.graceful_stop_s), "--keep-alive", "30"),
        *("--log-level", settings.log_level),
        f"{target}()",
    ]
