"""Keep-alive connections to one server, each with one request out at a time, in one thread that is cheap.

While the clock runs, nothing of an answer is parsed but its length.
"""

import math
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.wire import response_length

RECEIVE_BYTES = 1 << 18
# Nothing here takes this long unless it hangs; then the run must end and say so.
PATIENCE_S = 20.0


class Heard(NamedTuple):
    """An answer, and the milliseconds that it took."""

    answer: bytes
    latency_ms: float


@dataclass(slots=True, eq=False)
class Connection:
    """`since`: what the latency of the request that is out counts from. It is like no other, and can be a key."""

    socket: socket.socket
    since: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    expected: int | None = None

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        self.socket.sendall(request)

    def receive(self) -> Heard | None:
        """Take what has arrived; the answer if it is whole now."""
        chunk = self.socket.recv(RECEIVE_BYTES)
        if not chunk:
            raise ConnectionError("the server closed a connection before its answer was whole")
        self.received += chunk
        if self.expected is None:
            self.expected = response_length(self.received)
        if self.expected is None or len(self.received) < self.expected:
            return None
        latency_ms = 1000 * (time.perf_counter() - self.since)
        heard = Heard(bytes(self.received), latency_ms)
        self.received.clear()
        self.expected = None
        return heard


@dataclass(slots=True)
class Connections:
    """All that were opened; of `out` of them a request is out, and the server was silent for so long at the most."""

    opened: dict[int, Connection]
    poll: select.epoll
    patience_s: float
    out: int = 0
    silent_since: float = 0.0

    def send(self, connection: Connection, request: bytes, since: float) -> None:
        if not self.out:
            self.silent_since = time.perf_counter()
        self.out += 1
        connection.send(request, since)

    def answered(self, at_most_s: float = math.inf) -> Iterator[tuple[Connection, Heard]]:
        """Those whose answer is whole now, waited for as long; where nothing at all comes of what is out, an error."""
        patient_until = self.silent_since + self.patience_s if self.out else math.inf
        ready = self.poll.poll(max(0.0, min(at_most_s, patient_until - time.perf_counter())))
        if ready:
            self.silent_since = time.perf_counter()
        elif self.out and time.perf_counter() >= patient_until:
            raise TimeoutError(f"no answer within {self.patience_s:.0f} s")
        for descriptor, _ in ready:
            heard = self.opened[descriptor].receive()
            if heard is not None:
                self.out -= 1
                yield self.opened[descriptor], heard


@contextmanager
def connected(port: int, count: int, *, patience_s: float = PATIENCE_S) -> Iterator[Connections]:
    opened: dict[int, Connection] = {}
    with select.epoll() as poll, ExitStack() as stack:
        for _ in range(count):
            link = stack.enter_context(linked(port, patience_s))
            opened[link.fileno()] = Connection(link)
            poll.register(link.fileno(), select.EPOLLIN)
        yield Connections(opened, poll, patience_s)


def linked(port: int, patience_s: float) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link
