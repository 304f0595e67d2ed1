"""The load: a closed loop over many keep-alive connections, in one thread, too cheap to be in the way.

A connection sends its next request when the answer to the last one is whole. While the clock runs, nothing
of an answer is parsed but its length. Latency is what a client sees: from sending to having the whole answer.
"""

import gc
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.wire import response_length

RECEIVE_BYTES = 1 << 18
# Nothing here takes this long unless it hangs; then the run must end and say so.
SILENCE_S = 20.0


@dataclass(slots=True)
class Lane:
    """One connection, the requests that it sends in order, and what came back."""

    requests: Sequence[bytes]
    answers: list[bytes] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    lane: Lane
    received: bytearray = field(default_factory=bytearray)
    expected: int | None = None
    sent_at: float = 0.0


def drive(port: int, lanes: Sequence[Lane], *, seconds: float) -> float:
    """Send the lanes' requests for so long, wait for the last answers, and give the seconds that it took."""
    with _connections(port, [lane for lane in lanes if lane.requests]) as by_descriptor, _quiet_memory():
        poll = select.epoll()
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        began = time.perf_counter()
        for connection in by_descriptor.values():
            _send_next(connection)
        open_connections = len(by_descriptor)
        while open_connections:
            ready = poll.poll(SILENCE_S)
            if not ready:
                raise TimeoutError(f"no answer within {SILENCE_S:.0f} s")
            for descriptor, _ in ready:
                connection = by_descriptor[descriptor]
                if not _receive(connection):
                    continue
                done = len(connection.lane.answers) == len(connection.lane.requests)
                if done or time.perf_counter() - began >= seconds:
                    open_connections -= 1
                else:
                    _send_next(connection)
        poll.close()
        return time.perf_counter() - began


def _send_next(connection: _Connection) -> None:
    request = connection.lane.requests[len(connection.lane.answers)]
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(request)


def _receive(connection: _Connection) -> bool:
    """Take what has arrived; whether the answer is whole now."""
    chunk = connection.socket.recv(RECEIVE_BYTES)
    if not chunk:
        raise ConnectionError("the server closed a connection in the middle of a round")
    connection.received += chunk
    if connection.expected is None:
        connection.expected = response_length(connection.received)
    if connection.expected is None or len(connection.received) < connection.expected:
        return False
    connection.lane.latencies_ms.append(1000 * (time.perf_counter() - connection.sent_at))
    connection.lane.answers.append(bytes(connection.received))
    connection.received.clear()
    connection.expected = None
    return True


@contextmanager
def _connections(port: int, lanes: Sequence[Lane]) -> Iterator[dict[int, _Connection]]:
    opened: dict[int, _Connection] = {}
    try:
        for lane in lanes:
            link = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened[link.fileno()] = _Connection(link, lane)
        yield opened
    finally:
        for connection in opened.values():
            connection.socket.close()


@contextmanager
def _quiet_memory() -> Iterator[None]:
    """No garbage collection in mid-round: a pause of the loader would be counted as the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
