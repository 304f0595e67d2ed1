"""The command line of the HTTP server that carries the application.

Granian by default, gunicorn as the switch to fall back to. Either replaces this process, so that signals
reach it directly: on SIGTERM it stops listening, finishes what it has accepted and ends.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beacon_service.settings import Settings

# Factories of the application in a web process, for servers with an event loop and for those without.
ASGI_APPLICATION = "beacon_service.app:create_asgi_app"
WSGI_APPLICATION = "beacon_service.app:create_served_app"
# Connections that wait in the kernel until a process has room for them; those beyond are not answered, and try again.
BACKLOG = 1024


class PortTaken(Exception):  # noqa: N818 - told to the operator as it stands
    """Nobody can listen on the address in the settings."""


def refuse_taken_port(host: str, port: int) -> None:
    """Try the address: the servers answer a taken port with a traceback for each of their processes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen on {host}:{port} ({error.strerror}); set BEACON_HOST or BEACON_PORT"
            raise PortTaken(message) from None


def server_command(settings: Settings, target: str | None = None) -> list[str]:
    """`target` names a factory of another WSGI application as `module:function`."""
    if settings.server == "gunicorn":
        return _gunicorn(settings, target or WSGI_APPLICATION)
    if target is None:
        return _granian(settings, ASGI_APPLICATION, "--interface", "asgi")
    # Unset, the number of threads would be another on each machine.
    return _granian(settings, target, "--interface", "wsgi", "--blocking-threads", str(settings.web_threads))


def _granian(settings: Settings, target: str, *interface: str) -> list[str]:
    return [
        *(sys.executable, "-m", "beacon_service.preloaded", "--factory", *interface),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--workers", str(settings.web_processes)),
        # Of connections, whatever its name says: idle ones count, so that it must be far above the threads.
        *("--backpressure", str(settings.web_connections), "--backlog", str(BACKLOG)),
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
        *("--worker-connections", str(max(settings.web_connections, settings.web_threads + 1))),
        *("--backlog", str(BACKLOG)),
        *("--graceful-timeout", str(settings.graceful_stop_s), "--keep-alive", "30"),
        *("--log-level", settings.log_level),
        f"{target}()",
    ]
