"""The load, in one thread, too cheap to be in the way: a closed loop, or a fixed schedule.

Closed loop (`drive`): each of many keep-alive connections sends its next request when the answer to the last one is
whole. Latency is what a client sees: from sending to having the whole answer. A server that stalls is asked less
meanwhile, so that a stall hardly shows in the percentiles: they tell of a crowd that waits politely.

Schedule (`keep_time`): requests are due at fixed times, whatever the server does: see `open_loop`.
"""

import gc
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.connections import Heard, connected
from benchmarks.open_loop import Due, send_when_due


@dataclass(slots=True)
class Lane:
    """One connection, the requests that it sends in order, and what came back.

    `late_ms`: by how much the loader itself missed a request's time, its connection being free (schedule only).
    """

    requests: Sequence[bytes]
    answers: list[bytes] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    def take(self, heard: Heard, late_ms: float | None = None) -> None:
        self.answers.append(heard.answer)
        self.latencies_ms.append(heard.latency_ms)
        if late_ms is not None:
            self.late_ms.append(late_ms)


def drive(port: int, lanes: Sequence[Lane], *, seconds: float, all_of_them: bool = False) -> float:
    """Send the lanes' requests for so long, wait for the last answers, and give the seconds that it took.

    When the first lane has nothing left to send, all stop: the rest would be a lighter load than was asked for.
    With `all_of_them` they go on until everything is sent.
    """
    loaded = [lane for lane in lanes if lane.requests]
    with _quiet_memory(), connected(port, len(loaded)) as connections:
        lane_of = dict(zip(connections.opened.values(), loaded, strict=True))
        began = time.perf_counter()
        ends_at = began + seconds
        for connection, lane in lane_of.items():
            connections.send(connection, lane.requests[0], time.perf_counter())
        while connections.out:
            for connection, heard in connections.answered():
                lane = lane_of[connection]
                lane.take(heard)
                now = time.perf_counter()
                dry = len(lane.answers) == len(lane.requests)
                if dry and not all_of_them:
                    ends_at = min(ends_at, now)
                if not dry and now < ends_at:
                    connections.send(connection, lane.requests[len(lane.answers)], now)
        return time.perf_counter() - began


def keep_time(port: int, lanes: Sequence[Lane], *, rate: float) -> float:
    """Send `rate` requests a second, the lanes taking turns, and give the seconds until the last answer was there.

    The lanes carry the same number of requests, or the first ones one more.
    """

    def schedule() -> Iterator[Due]:
        for number in range(sum(len(lane.requests) for lane in lanes)):
            turn, line = divmod(number, len(lanes))
            yield Due(number / rate, line, lanes[line].requests[turn], lanes[line].take)

    with _quiet_memory():
        return send_when_due(port, schedule(), [1] * len(lanes))


def percentiles(figures: Sequence[float]) -> list[float]:
    """The 99 cuts between their hundredths: [49] is the median, [98] the p99."""
    return statistics.quantiles(figures, n=100, method="inclusive")


def latencies_ms(lanes: Sequence[Lane]) -> list[float]:
    return [ms for lane in lanes for ms in lane.latencies_ms]


@contextmanager
def _quiet_memory() -> Iterator[None]:
    """No garbage collection in mid-round: a pause of the loader would be counted as the server's."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
