"""Starts and stops what a demo needs on this machine: database cluster, migrations, service and worker."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx2

from beacon_service import cluster
from beacon_service.postgresql import ClusterError
from beacon_service.settings import DatabaseSettings, SettingsError
from simulators.client import Keys

HOST = "127.0.0.1"
PORTS_TRIED = 50
READY_WITHIN_S = 180  # seconds on an idle machine, but some are busy
STOPS_WITHIN_S = 40  # the service gives its open requests 30


class MachineError(Exception):
    """Something that the demo needs did not start; the message says what, and where to look."""


@dataclass(slots=True)
class Child:
    name: str
    log: Path
    process: subprocess.Popen[bytes]

    def said_last(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "nothing"


@dataclass(slots=True)
class Machine(AbstractContextManager["Machine"]):
    """Used in a `with`: whatever was started by then is stopped at its end, by process id, last first."""

    home: Path
    database_url: str = ""
    children: list[Child] = field(default_factory=list)
    own_cluster: cluster.Cluster | None = None
    lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """One demo at a time in one place: a second would stop the cluster under the first."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.lock = (self.home / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise MachineError("another demo is running from this directory; stop it first") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An impatient second Ctrl-C must not leave half of it running.
        handled = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for child in reversed(self.children):
                stop(child)
            if self.own_cluster is not None:
                cluster.stop(self.own_cluster)
                self.mark.unlink(missing_ok=True)
        finally:
            signal.signal(signal.SIGINT, handled)
            if self.lock is not None:
                self.lock.close()

    @property
    def mark(self) -> Path:
        return self.home / "started-the-cluster"

    def open_database(self) -> None:
        """BEACON_DATABASE_URL where it is set; else the private cluster, to be stopped if we started it."""
        try:
            settings = DatabaseSettings.load()
            if settings.database_url:
                self.database_url = settings.database_url
                return
            private = cluster.private_cluster(settings)
            was_running = private.data.exists() and cluster.running_pid(private) is not None
            self.database_url = cluster.start(private)
        except (ClusterError, SettingsError) as error:
            raise MachineError(str(error)) from None
        # A demo that was killed left its cluster running, and this mark: that one is ours to stop as well.
        if self.mark.exists() or not was_running:
            self.own_cluster = private
            self.mark.touch()

    def command(self, *arguments: str, settings: Mapping[str, str]) -> str:
        """Runs a command of the service to its end and answers what it printed."""
        done = subprocess.run(
            [program(), *arguments],
            env=self.environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join(done.stderr.split()) or " ".join(done.stdout.split())
            raise MachineError(f"`beacon-service {' '.join(arguments)}` failed: {said[-600:]}")
        return done.stdout

    def create_key(self, kind: str, settings: Mapping[str, str]) -> str:
        """The new key is the last word printed: it is shown once, by the command that makes it."""
        printed = self.command("keys", "create", "--kind", kind, "--name", "demo", settings=settings)
        prefix = {"publishable": "pk_", "secret": "sk_"}[kind]
        words = [word.strip("\"',") for word in printed.split()]
        found = next((word for word in reversed(words) if word.startswith(prefix)), None)
        if found is None:
            raise MachineError(f"`beacon-service keys create` printed no {kind} key")
        return found

    def create_keys(self, settings: Mapping[str, str]) -> Keys:
        return Keys(self.create_key("publishable", settings), self.create_key("secret", settings))

    def start(self, name: str, settings: Mapping[str, str]) -> Child:
        """Starts `beacon-service NAME`, its words going to a file; it ends with us even if we are killed."""
        log = self.home / f"{name}.log"
        command = [program(), name]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        with log.open("wb") as words:
            # A session of its own: Ctrl-C in the terminal is for us, and we stop things in order.
            process = subprocess.Popen(
                command, env=self.environment(settings), stdout=words, stderr=words, start_new_session=True
            )
        child = Child(name, log, process)
        self.children.append(child)
        return child

    def wait_until_ready(self, url: str) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            self.check_children()
            try:
                if httpx2.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx2.TransportError:
                pass  # not listening yet
            time.sleep(0.1)
        raise MachineError(f"the service was not ready within {READY_WITHIN_S} s; see {self.children[0].log}")

    def knows(self, url: str, keys: Keys) -> bool:
        """Whether the keys kept from an earlier run are good for this database, which may be a new one."""
        headers = {"Authorization": f"Bearer {keys.secret}"}
        return httpx2.get(f"{url}/v1/sites", headers=headers, timeout=10, trust_env=False).status_code != 401

    def check_children(self) -> None:
        for child in self.children:
            if (status := child.process.poll()) is not None:
                said = child.said_last()
                raise MachineError(f"the {child.name} process ended by itself (status {status}): {said}")

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "BEACON_DATABASE_URL": self.database_url, **settings}


def program() -> str:
    """The service's command beside the Python that runs us: the one from the same environment."""
    return str(Path(sys.executable).with_name("beacon-service"))


def stop(child: Child) -> None:
    if child.process.poll() is None:
        child.process.terminate()
        try:
            child.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def free_port(wanted: int) -> int:
    """The port asked for, or the next one that nobody listens on."""
    for port in range(wanted, wanted + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise MachineError(f"no free port from {wanted} to {wanted + PORTS_TRIED - 1}; name another with --port")
