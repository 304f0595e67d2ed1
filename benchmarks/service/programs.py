"""The service's programs, as an operator starts them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beacon_service.serving import server_command
from beacon_service.settings import Settings
from benchmarks.servers import Server, ServerFailed, free_port, running, started

PROGRAM = str(Path(sys.executable).with_name("beacon-service"))
WEB_PROCESSES = 2
# A worker ends what it has begun.
WORKER_STOP_S = 30.0
# The load comes from one address with one key, as no phone's does; the limit of each phone stays as it is.
# Nor is anybody sent away for having to wait: a closed loop saturates on purpose, and a refusal is no answer.
UNLIMITED = {
    "BEACON_RATE_LIMIT_KEY": "1000000/second",
    "BEACON_RATE_LIMIT_ADDRESS": "1000000/second",
    "BEACON_PING_WAIT_TARGET_MS": "30000",
    "BEACON_PING_WAIT_LIMIT_MS": "30000",
}


@contextmanager
def serve(
    database_url: str, *, target: str | None = None, web_processes: int = WEB_PROCESSES, **settings: str
) -> Iterator[Server]:
    """The service as `beacon-service serve` starts it; with a target, another application in its place."""
    port = free_port()
    environment = {
        "BEACON_DATABASE_URL": database_url,
        "BEACON_PORT": str(port),
        "BEACON_WEB_PROCESSES": str(web_processes),
        "BEACON_LOG_LEVEL": "warning",
        **UNLIMITED,
        **settings,
    }
    command = [PROGRAM, "serve"]
    if target is not None:
        asked = {name.removeprefix("BEACON_").lower(): value for name, value in environment.items()}
        command = server_command(Settings.model_validate(asked), target)
    with running(command, port=port, environment=environment, ready_path="/readyz") as server:
        yield server


@contextmanager
def working(database_url: str) -> Iterator[int]:
    """A worker; its process id."""
    environment = {"BEACON_DATABASE_URL": database_url, "BEACON_LOG_LEVEL": "error"}
    with started([PROGRAM, "worker"], environment, stop_s=WORKER_STOP_S) as process:
        yield process.pid
        if process.poll() is not None:
            raise ServerFailed(f"a worker ended by itself (status {process.returncode})")
