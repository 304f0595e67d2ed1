"""The load, in one thread, too cheap to be in the way: a closed loop, or a fixed schedule.

Closed loop (`drive`): each of many keep-alive connections sends its next request when the answer to the last one is
whole. Latency is what a client sees: from sending to having the whole answer. A server that stalls is asked less
meanwhile, so that a stall hardly shows in the percentiles: they tell of a crowd that waits politely.

Schedule (`keep_time`): requests are due at fixed times, whatever the server does, as phones report whether or not a
service is well. Latency is counted from when a request was due, so that what a stall holds up shows, with its wait.

While the clock runs, nothing of an answer is parsed but its length.
"""

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.wire import response_length

RECEIVE_BYTES = 1 << 18
# Nothing here takes this long unless it hangs; then the run must end and say so.
SILENCE_S = 20.0


@dataclass(slots=True)
class Lane:
    """One connection, the requests that it sends in order, and what came back.

    `late_ms`: by how much the loader itself missed a request's time, its connection being free (schedule only).
    """

    requests: Sequence[bytes]
    answers: list[bytes] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Connection:
    """`since`: what the latency of the request that is out counts from. `due`: when those that wait were due."""

    socket: socket.socket
    lane: Lane
    received: bytearray = field(default_factory=bytearray)
    expected: int | None = None
    since: float = 0.0
    busy: bool = False
    due: deque[float] = field(default_factory=deque)


def drive(port: int, lanes: Sequence[Lane], *, seconds: float, all_of_them: bool = False) -> float:
    """Send the lanes' requests for so long, wait for the last answers, and give the seconds that it took.

    When the first lane has nothing left to send, all stop: the rest would be a lighter load than was asked for.
    With `all_of_them` they go on until everything is sent.
    """
    with _connected(port, [lane for lane in lanes if lane.requests]) as (by_descriptor, poll):
        began = time.perf_counter()
        ends_at = began + seconds
        for connection in by_descriptor.values():
            _send(connection, time.perf_counter())
        out = len(by_descriptor)
        while out:
            for connection in _answered(poll, by_descriptor, SILENCE_S):
                now = time.perf_counter()
                dry = len(connection.lane.answers) == len(connection.lane.requests)
                if dry and not all_of_them:
                    ends_at = min(ends_at, now)
                if dry or now >= ends_at:
                    out -= 1
                else:
                    _send(connection, now)
        return time.perf_counter() - began


def keep_time(port: int, lanes: Sequence[Lane], *, rate: float) -> float:
    """Send `rate` requests a second, the lanes taking turns, and give the seconds until the last answer was there.

    A request whose connection still waits for an answer goes as soon as that has come; its time runs nevertheless.
    The lanes carry the same number of requests, or the first ones one more.
    """
    total = sum(len(lane.requests) for lane in lanes)
    with _connected(port, lanes) as (by_descriptor, poll):
        turns = list(by_descriptor.values())
        began = time.perf_counter()
        come_due = answered = 0
        while answered < total:
            now = time.perf_counter()
            while come_due < total and began + come_due / rate <= now:
                connection = turns[come_due % len(turns)]
                connection.due.append(began + come_due / rate)
                come_due += 1
                if not connection.busy:
                    connection.lane.late_ms.append(1000 * (now - connection.due[0]))
                    _send(connection, connection.due.popleft())
            waiting_s = SILENCE_S if come_due == total else max(0.0, began + come_due / rate - now)
            for connection in _answered(poll, by_descriptor, waiting_s, silent=come_due < total):
                answered += 1
                if connection.due:
                    _send(connection, connection.due.popleft())
        return time.perf_counter() - began


def _send(connection: _Connection, since: float) -> None:
    connection.since = since
    connection.busy = True
    connection.socket.sendall(connection.lane.requests[len(connection.lane.answers)])


def _answered(
    poll: select.epoll, by_descriptor: dict[int, _Connection], waiting_s: float, *, silent: bool = False
) -> Iterator[_Connection]:
    """The connections whose answer is whole now; where nothing comes for so long and may not, an error."""
    ready = poll.poll(waiting_s)
    if not ready and not silent:
        raise TimeoutError(f"no answer within {waiting_s:.0f} s")
    for descriptor, _ in ready:
        if _receive(by_descriptor[descriptor]):
            yield by_descriptor[descriptor]


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
    connection.lane.latencies_ms.append(1000 * (time.perf_counter() - connection.since))
    connection.lane.answers.append(bytes(connection.received))
    connection.received.clear()
    connection.expected = None
    connection.busy = False
    return True


@contextmanager
def _connected(port: int, lanes: Sequence[Lane]) -> Iterator[tuple[dict[int, _Connection], select.epoll]]:
    """A connection for each lane, by its descriptor, and what waits for them."""
    opened: dict[int, _Connection] = {}
    with select.epoll() as poll, _quiet_memory():
        try:
            for lane in lanes:
                link = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened[link.fileno()] = _Connection(link, lane)
                poll.register(link.fileno(), select.EPOLLIN)
            yield opened, poll
        finally:
            for connection in opened.values():
                connection.socket.close()


@contextmanager
def _quiet_memory() -> Iterator[None]:
    """No garbage collection in mid-round: a pause of the loader would be counted as the server's."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
