"""Starting a contestant's server, waiting until it answers, weighing it, and stopping it in any case."""

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# Both take a second or two on a machine that is left alone.
READY_S, STOP_S = 90.0, 10.0
ABSOLUTE_PATH = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    pid: int

    def heaviest_process_mb(self) -> float:
        """Resident memory of the largest process of the server: a web process, as the others only watch."""
        return max(_resident_mb(pid) for pid in family(self.pid))


class ServerFailed(Exception):  # noqa: N818 - what happened, told as it stands
    """A server did not start, or ended by itself."""


def without_paths(text: str) -> str:
    """The text with directories left out: where things lie on this machine is nobody's business."""
    return ABSOLUTE_PATH.sub("", text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], *, port: int, environment: Mapping[str, str], ready_path: str | None
) -> Iterator[Server]:
    """The server of this command, ready; without a path to ask, ready means that it accepts connections."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until_ready(process, port, ready_path)
            yield Server(port, process.pid)
        except (ServerFailed, OSError) as failure:
            raise ServerFailed(f"{failure}\n{_last_lines(log.fileno())}") from failure
        finally:
            _stop(process)


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


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    # The server leads a session of its own: this reaches workers that outlived their parent, no others.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_lines(descriptor: int, count: int = 15) -> str:
    """The end of a server's log."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 8192, max(0, size - 8192)).decode(errors="replace")
    return without_paths("\n".join(tail.splitlines()[-count:]))


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold spaces; the parent is the second field behind it.
            after_name = entry.read_text().rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(entry.parent.name))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _resident_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
