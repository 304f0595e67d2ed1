"""The open loop: requests are due at their times, whatever the server does, as phones report whether it is well or not.

Latency is counted from when a request was due, so that what a stall holds up shows, with its wait.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from benchmarks.connections import PATIENCE_S, Connection, Connections, Heard, connected

# What is done with an answer, and by how many milliseconds the loader itself missed the time of its request: None where
# no connection was free for it at that time, which is not held against the loader.
Told = Callable[[Heard, float | None], None]


class Due(NamedTuple):
    """A request for a line of connections, `at_s` seconds after the beginning."""

    at_s: float
    line: int
    request: bytes
    told: Told


class _Sent(NamedTuple):
    line: "_Line"
    told: Told
    late_ms: float | None


@dataclass(slots=True)
class _Line:
    """Connections that are free, each in its turn (one that is not used for half a minute is closed, as by any
    server), and what waits for one, with the times at which it was due. One of the two is always empty."""

    free: deque[Connection]
    waiting: deque[tuple[Due, float]] = field(default_factory=deque)


def send_when_due(
    port: int, schedule: Iterable[Due], connections: Sequence[int], *, patience_s: float = PATIENCE_S
) -> float:
    """Send what is due, in the order of the times, and give the seconds until the last answer was there.

    `connections`: how many each line has. A line of one keeps its requests in order: one that is due while an answer is
    out goes as soon as that has come. The schedule is asked for a request when the one before it is due.
    """
    coming = iter(schedule)
    with connected(port, sum(connections), patience_s=patience_s) as links:
        lines = _Lines(links, connections)
        due = next(coming, None)
        began = time.perf_counter()
        while due is not None or links.out:
            now = time.perf_counter()
            while due is not None and began + due.at_s <= now:
                lines.come_due(due, began + due.at_s, now)
                due = next(coming, None)
            for connection, heard in links.answered(began + due.at_s - now if due is not None else math.inf):
                lines.answered(connection, heard)
        return time.perf_counter() - began


class _Lines:
    def __init__(self, links: Connections, counts: Sequence[int]) -> None:
        opened = iter(links.opened.values())
        self._links = links
        self._lines = [_Line(deque(islice(opened, count))) for count in counts]
        self._out: dict[Connection, _Sent] = {}

    def come_due(self, due: Due, due_at: float, now: float) -> None:
        line = self._lines[due.line]
        if line.free:
            self._send(line.free.popleft(), due, due_at, _Sent(line, due.told, 1000 * (now - due_at)))
        else:
            line.waiting.append((due, due_at))

    def answered(self, connection: Connection, heard: Heard) -> None:
        line, told, late_ms = self._out[connection]
        if line.waiting:
            due, due_at = line.waiting.popleft()
            self._send(connection, due, due_at, _Sent(line, due.told, None))
        else:
            line.free.append(connection)
        told(heard, late_ms)

    def _send(self, connection: Connection, due: Due, due_at: float, sent: _Sent) -> None:
        self._out[connection] = sent
        self._links.send(connection, due.request, due_at)
