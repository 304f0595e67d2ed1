"""The service as an operator runs it - database, web processes, workers - and ways to kill any part of it.

Everything is ended by its process id, and only what was started here.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psycopg

from beacon_service import cluster as clusters
from beacon_service import migration
from beacon_service.postgresql import ClusterError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("beacon-service")
# Seconds on an idle machine; minutes where all tests of a checkout run at once.
START_S = 180.0
STOP_S = 40.0
# Granian takes a second death of one process within 5.5 s for a crash loop and gives up altogether.
LEAST_LIFE_S = 6.0
# A machine under torture has two cores; limits on rates are tested elsewhere.
ENVIRONMENT = {
    "BEACON_RATE_LIMIT_KEY": "1000000/second",
    "BEACON_RATE_LIMIT_ADDRESS": "1000000/second",
    "BEACON_RATE_LIMIT_INSTALLATION": "1000000/second",
    "BEACON_RATE_LIMIT_REGISTRATION": "1000000/second",
    "BEACON_LOG_LEVEL": "warning",
    "BEACON_GRACEFUL_STOP_S": "10",
}

# A worker says when it takes the lead.
TALKATIVE = {"BEACON_LOG_LEVEL": "info"}


class NotInTime(Exception):  # noqa: N818 - what happened, or rather did not
    """Something that had to happen did not."""


@dataclass(slots=True)
class Program:
    """One long-running command of the service; `ensure` starts it again when it has died."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _said_before: int = 0

    def ensure(self) -> bool:
        """Whether it had to be started."""
        if self.process is not None and self.process.poll() is None:
            return False
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self.process = subprocess.Popen(
                [COMMAND, *self.arguments],
                cwd=ROOT,
                env={**_without_ours(os.environ), **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return True

    @property
    def pid(self) -> int:
        assert self.process is not None, "it was started"
        return self.process.pid

    def said(self) -> str:
        """Its log since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return log.read().decode()

    def unexpected_errors(self) -> str:
        """What it logged of its own mistakes, whenever it was started."""
        lines = self.log.read_text().splitlines()
        return "\n".join(line for line in lines if "unexpected" in line or "Traceback" in line)[-4000:]

    def children(self) -> list[int]:
        with suppress(FileNotFoundError):
            return [
                int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            ]
        return []

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, within_s: float = STOP_S) -> int:
        assert self.process is not None, "it was started"
        return self.process.wait(within_s)

    def stop(self) -> None:
        """In peace, and if that takes too long, not: its children with it."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        children = self.children()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for pid in (*children, self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(STOP_S)


@dataclass(slots=True)
class Service:
    """Database, web and workers. `killed` counts what was shot, by sort."""

    home: Path
    cluster: clusters.Cluster
    address: str
    web: Program
    workers: list[Program]
    killed: Counter[str] = field(default_factory=Counter)

    def connect(self, database: str = clusters.DATABASE) -> psycopg.Connection[tuple[object, ...]]:
        return self.cluster.connect(database=database)

    def keep_alive(self) -> None:
        for program in (self.web, *self.workers):
            program.ensure()

    def await_ready(self, within_s: float = START_S) -> None:
        try:
            wait_until(lambda: is_ready(self.address), within_s, f"{self.address}/readyz says ready")
        except NotInTime as error:
            raise NotInTime(f"{error}\n{self.logs()}") from None

    def logs(self) -> str:
        """What the programs last said: the first thing to read when something went wrong."""
        programs = (self.web, *self.workers)
        return "\n".join(f"{program.log.name}: {program.said()[-2000:]}" for program in programs)

    def kill_web(self, rng: random.Random) -> None:
        """One of those that have had time to serve; with all of them dead nothing would be tested."""
        grown = [pid for pid in self.web.children() if _age_s(pid) > LEAST_LIFE_S]
        if len(grown) > 1:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(grown), signal.SIGKILL)
                self.killed["web"] += 1

    def kill_worker(self, rng: random.Random) -> None:
        rng.choice(self.workers).signal(signal.SIGKILL)
        self.killed["worker"] += 1

    def kill_database(self) -> None:
        """SIGKILL to the postmaster: no checkpoint, no goodbye; what was committed must come back by itself."""
        pid = clusters.running_pid(self.cluster)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.killed["database"] += 1
        _gone(pid)

    def revive_database(self) -> None:
        """Started anew; until the old server's children are gone it refuses, so more than once."""
        wait_until(self._started, START_S, "the database starts again")

    def _started(self) -> bool:
        try:
            clusters.start(self.cluster)
        except (ClusterError, psycopg.OperationalError):
            return False
        return True

    def stop_programs(self) -> None:
        for program in (self.web, *self.workers):
            program.stop()


@contextmanager
def service(
    *,
    web_processes: int = 2,
    workers: int = 2,
    unsafe: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """A service of its own, migrated, started and ready; all of it gone afterwards. `settings`: of its web processes.

    The cluster is durable unless told: what is killed must be able to come back with all it had promised.
    """
    # Under /tmp by name: PostgreSQL runs as another account, which must be able to get there.
    home = Path(tempfile.mkdtemp(prefix=f"beacon-torture-{os.getpid()}-", dir="/tmp"))
    home.chmod(0o755)
    cluster = clusters.Cluster(home / "cluster", unsafe=unsafe)
    try:
        url = clusters.start(cluster)
        migration.upgrade(url)
        port = free_port()
        made = Service(
            home=home,
            cluster=cluster,
            address=f"http://127.0.0.1:{port}",
            web=Program(
                ["serve"],
                {**_environment(url, port, web_processes, unsafe), **(settings or {})},
                home / "web.log",
            ),
            workers=[
                Program(
                    ["worker"],
                    {**_environment(url, port, 1, unsafe), **TALKATIVE},
                    home / f"worker-{number}.log",
                )
                for number in range(workers)
            ],
        )
        try:
            made.keep_alive()
            made.await_ready()
            yield made
        finally:
            made.stop_programs()
    finally:
        clusters.stop(cluster)
        shutil.rmtree(home, ignore_errors=True)


def is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def wait_until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    ends_at = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > ends_at:
            raise NotInTime(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _environment(url: str, port: int, web_processes: int, unsafe: bool) -> dict[str, str]:
    return {
        **ENVIRONMENT,
        "BEACON_DATABASE_URL": url,
        "BEACON_PORT": str(port),
        "BEACON_WEB_PROCESSES": str(web_processes),
        **({"BEACON_ALLOW_UNSAFE_DATABASE": "1"} if unsafe else {}),
    }


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("BEACON_")}


def _age_s(pid: int) -> float:
    try:
        return time.time() - Path(f"/proc/{pid}").stat().st_ctime
    except FileNotFoundError:
        return 0.0


def _gone(pid: int | None) -> None:
    """A killed process that nobody waited for stays as a zombie; init waits for this one, in its own time."""
    if pid is not None:
        wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), 10, f"process {pid} is gone")
