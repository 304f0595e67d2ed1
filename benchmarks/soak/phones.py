"""Phones that report every five seconds, whatever the service does: the load of a soak.

So many phones are under way as make the rate. Each has its instant within the five seconds, drawn at random, so that
pings come as they come in life, some at once and then none. When a walk is over the next person begins where it ended.
Every answer is checked.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

from benchmarks.connections import Heard
from benchmarks.contestants import Exchange
from benchmarks.growth import chain
from benchmarks.growth.measuring import MIX, SEED, Wrongs
from benchmarks.open_loop import Due, send_when_due
from benchmarks.service.contestant import sent_by_phone
from benchmarks.workload import STEP_S, STEPS, PlannedPing

# One line: whichever is free takes the next ping.
CONNECTIONS = 64
PATIENCE_S = 60.0


def people_for(rate: float, seconds: float) -> int:
    """Customers whom a soak needs: those under way, those who follow them, and the fifth that is kept for measuring."""
    walking = rate * STEP_S
    followed = rate * seconds / (STEPS + 1)
    return max(
        50_000, round((walking + followed) * 1.1 * chain.SLOTS / (chain.SLOTS - 1)) // 1000 * 1000 + 1000
    )


def soaker(place: int, customers: int) -> int:
    """The number of the customer who walks as the so-manieth; the first slot's people are left for measuring."""
    block, within = divmod(place, 4)
    slot, of_slot = block % (chain.SLOTS - 1) + 1, block // (chain.SLOTS - 1)
    return chain.walker(of_slot * 4 + within, slot, customers)


class Phones:
    """`count` phones under way; each asked for its next ping, in turn."""

    def __init__(self, count: int, customers: int, shops: int) -> None:
        self._customers, self._shops = customers, shops
        self._begun = 0
        draw = random.Random(SEED)
        self.phases_s = sorted(draw.uniform(0, STEP_S) for _ in range(count))
        # Those of the beginning end at different times, or all would be followed at once, again and again.
        self._walks = [iter(list(self._next_walk())[: draw.randint(1, STEPS + 1)]) for _ in range(count)]

    def next_ping(self, phone: int) -> PlannedPing:
        ping = next(self._walks[phone], None)
        if ping is None:
            self._walks[phone] = self._next_walk()
            ping = next(self._walks[phone])
        return ping

    def _next_walk(self) -> Iterator[PlannedPing]:
        person = soaker(self._begun, self._customers)
        self._begun += 1
        return iter(chain.walk(person, self._shops, seed=SEED, mix=MIX))


class Reporting:
    """One thread drives it; another may take the latencies of the time since they were taken last."""

    def __init__(self, port: int, rate: float, customers: int, shops: int) -> None:
        self._count = max(1, round(rate * STEP_S))
        self._phones = Phones(self._count, customers, shops)
        self._port = port
        self.wrongs = Wrongs(shops)
        self.answered = 0
        self._latencies_ms: list[float] = []

    def taken_latencies_ms(self) -> list[float]:
        taken, self._latencies_ms = self._latencies_ms, []
        return taken

    def run(self, seconds: float) -> None:
        send_when_due(self._port, self._due(seconds), [CONNECTIONS], patience_s=PATIENCE_S)

    def _due(self, seconds: float) -> Iterator[Due]:
        began_at = datetime.now(UTC)
        for number in count():
            turn, phone = divmod(number, self._count)
            at_s = turn * STEP_S + self._phones.phases_s[phone]
            if at_s >= seconds:
                return
            # As a phone sends it that is where it is now.
            at = began_at + timedelta(seconds=at_s)
            exchange = sent_by_phone(self._phones.next_ping(phone), at=at, sent_at=at)
            yield Due(at_s, 0, exchange.request, partial(self._take, exchange))

    def _take(self, exchange: Exchange, heard: Heard, _late_ms: float | None) -> None:
        self._latencies_ms.append(heard.latency_ms)
        self.wrongs.check([exchange], [heard.answer])
        self.answered += 1
