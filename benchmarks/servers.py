"""Starting a contestant's server, waiting until it answers, weighing it, and stopping it in any case."""

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.processes import largest_mb
from benchmarks.telling import Failed, without_paths

# Both take a second or two on a machine that is left alone.
READY_S, STOP_S = 90.0, 10.0


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    pid: int

    def heaviest_process_mb(self) -> float:
        """Resident memory of the largest process of the server: a web process, as the others only watch."""
        return largest_mb(self.pid)


class ServerFailed(Failed):
    """A server did not start, or ended by itself."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], *, port: int, environment: Mapping[str, str], ready_path: str | None
) -> Iterator[Server]:
    """The server of this command, ready; without a path to ask, ready means that it accepts connections."""
    with started(command, environment) as process:
        _wait_until_ready(process, port, ready_path)
        yield Server(port, process.pid)


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], *, stop_s: float = STOP_S
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this command, gone afterwards; what fails meanwhile is told with the last lines of its log."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        except (ServerFailed, OSError) as failure:
            raise ServerFailed(f"{failure}\n{_last_lines(log.fileno())}") from failure
        finally:
            _stop(process, stop_s)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str | None) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"a server did not start (status {process.returncode})")
        if _answers(port, path):
            return
        time.sleep(0.1)
    raise ServerFailed(f"a server was not ready within {READY_S:.0f} s")


def _answers(port: int, path: str | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with suppress(OSError, http.client.HTTPException):
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def _stop(process: subprocess.Popen[bytes], stop_s: float) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(stop_s)
    # It leads a session of its own: this reaches workers that outlived their parent, no others.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_lines(descriptor: int, count: int = 15) -> str:
    """The end of a log."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 8192, max(0, size - 8192)).decode(errors="replace")
    return without_paths("\n".join(tail.splitlines()[-count:]))
