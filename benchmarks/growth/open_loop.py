"""Phones that report every five seconds, whatever the service does: the load of a soak.

So many phones are under way as make the rate. Each has its instant within the five seconds, drawn at random, so that
pings come as they come in life, some at once and then none. When a walk is over the next person begins where it ended.
Latency counts from when a ping was due, so that what a stall holds up shows, with its wait. Every answer is checked.
"""

import json
import random
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks import workload
from benchmarks.contestants import Exchange
from benchmarks.growth import chain
from benchmarks.growth.measuring import MIX, SEED, Wrongs
from benchmarks.service.seed import PUBLISHABLE_KEY
from benchmarks.wire import post, response_length
from benchmarks.workload import STEP_S, STEPS, PlannedPing

CONNECTIONS = 64
SILENCE_S = 60.0


@dataclass(slots=True)
class _Connection:
    link: socket.socket
    exchange: Exchange | None = None
    due_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)


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


class OpenLoop:
    """One thread drives it; another may take the latencies of the time since they were taken last."""

    def __init__(self, port: int, rate: float, customers: int, shops: int) -> None:
        count = max(1, round(rate * STEP_S))
        self._phones = Phones(count, customers, shops)
        self._count = count
        self._port = port
        self.wrongs = Wrongs(shops)
        self.answered = 0
        self._latencies_ms: list[float] = []

    def taken_latencies_ms(self) -> list[float]:
        taken, self._latencies_ms = self._latencies_ms, []
        return taken

    def run(self, seconds: float) -> None:
        with select.epoll() as poll:
            connections: dict[int, _Connection] = {}
            try:
                for _ in range(CONNECTIONS):
                    link = socket.create_connection(("127.0.0.1", self._port), timeout=SILENCE_S)
                    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections[link.fileno()] = _Connection(link)
                    poll.register(link.fileno(), select.EPOLLIN)
                self._go(seconds, poll, connections)
            finally:
                for connection in connections.values():
                    connection.link.close()

    def _go(self, seconds: float, poll: select.epoll, connections: dict[int, _Connection]) -> None:
        began, began_at = time.perf_counter(), datetime.now(UTC)
        # Each in its turn: one that is not used for half a minute is closed, as by any server.
        idle = deque(connections.values())
        waiting: deque[tuple[Exchange, float]] = deque()
        number, out, heard_at = 0, 0, began
        while True:
            now = time.perf_counter()
            due_s = self._due_s(number)
            while due_s < seconds and began + due_s <= now:
                ping = self._phones.next_ping(number % self._count)
                waiting.append((exchange_of(ping, began_at + timedelta(seconds=due_s)), began + due_s))
                number += 1
                due_s = self._due_s(number)
            while waiting and idle:
                _send(idle.popleft(), *waiting.popleft())
                out += 1
            if not out and not waiting and due_s >= seconds:
                return
            pause_s = max(0.0, began + due_s - now) if due_s < seconds else 1.0
            for descriptor, _ in poll.poll(min(1.0, pause_s)):
                connection = connections[descriptor]
                if self._received(connection):
                    idle.append(connection)
                    out -= 1
                    heard_at = time.perf_counter()
            if out and time.perf_counter() - heard_at > SILENCE_S:
                raise TimeoutError(f"no answer within {SILENCE_S:.0f} s")

    def _due_s(self, number: int) -> float:
        turn, phone = divmod(number, self._count)
        return turn * STEP_S + self._phones.phases_s[phone]

    def _received(self, connection: _Connection) -> bool:
        """Take what has arrived; whether the answer is whole now, and then it is checked."""
        chunk = connection.link.recv(1 << 18)
        if not chunk or connection.exchange is None:
            raise ConnectionError("the server closed a connection, or said something unasked")
        connection.received += chunk
        length = response_length(connection.received)
        if length is None or len(connection.received) < length:
            return False
        self._latencies_ms.append(1000 * (time.perf_counter() - connection.due_at))
        self.wrongs.check([connection.exchange], [bytes(connection.received)])
        self.answered += 1
        connection.received.clear()
        connection.exchange = None
        return True


def _send(connection: _Connection, exchange: Exchange, due_at: float) -> None:
    connection.exchange, connection.due_at = exchange, due_at
    connection.link.sendall(exchange.request)


def exchange_of(ping: PlannedPing, at: datetime) -> Exchange:
    """As a phone sends it that is where it is now."""
    position = {"latitude": ping.latitude, "longitude": ping.longitude, "accuracy_m": workload.ACCURACY_M}
    document = {
        "ping_id": f"{ping.person}-{ping.step}",
        "at": at.isoformat(),
        "foreground": True,
        "position": position,
    }
    body = {
        "installation_id": workload.person_name(ping.person),
        "sent_at": at.isoformat(),
        "pings": [document],
    }
    headers = {
        "Authorization": f"Bearer {PUBLISHABLE_KEY}",
        "Beacon-Installation-Token": workload.token_of(ping.person),
    }
    return Exchange(post("/v1/pings", headers, json.dumps(body).encode()), (ping,))
