"""Lanes: what has to be done in order, by one phone or for one customer, each beside the others.

A lane is worked off patiently: what found no answer stays where it is and is tried again, later each time and never
before the server's Retry-After. When the replay is stopped, what is out is waited for, and the rest stays in its lane.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from simulators.client import Later, wait_s
from simulators.replaying.actions import Action, Tell, size_of
from simulators.replaying.phone import Phone

# What piled up while there was no answer goes in one request, as apps flush their queues; this much of it.
MOST_AT_ONCE = 200
MOST_BYTES_AT_ONCE = 1_000_000


@dataclass(slots=True)
class Lane:
    """Of a phone, or where there is none, of a customer."""

    name: str
    phone: Phone | None = None
    queue: deque[Action] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    failures: int = 0
    failing_since_s: float = 0.0

    @property
    def is_idle(self) -> bool:
        return self.task is None and not self.queue


# Does the first actions of a lane, and says `Later` where they are to be tried again.
Perform = Callable[[Lane, Sequence[Action]], Awaitable[Later | None]]


@dataclass(slots=True)
class Lanes:
    """All lanes that have something to do. `waiting` and `size`: actions that are not done yet, and their bytes.

    `gather`: reports that wait go together also where nothing failed, as a gateway sends them.
    """

    perform: Perform
    tasks: asyncio.TaskGroup
    stopping: asyncio.Event
    patience_s: float
    given_up: Callable[[Lane, Action, Later], None]
    emptied: Callable[[Lane], None]
    gather: bool = False
    most_at_once: int = MOST_AT_ONCE  # pings
    random: Random = field(default_factory=Random)
    waiting: int = 0
    size: int = 0
    busy: set[asyncio.Task[None]] = field(default_factory=set)
    answered_at_s: float = field(default_factory=time.monotonic)
    despaired: str = ""  # why the whole replay was given up
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, lane: Lane, action: Action) -> None:
        lane.queue.append(action)
        self.waiting += 1
        self.size += size_of(action)
        self.start(lane)

    def start(self, lane: Lane) -> None:
        if lane.task is None and lane.queue and not self.stopping.is_set():
            lane.task = self.tasks.create_task(self._work(lane))
            self.busy.add(lane.task)

    def go_on(self, lane: Lane) -> None:
        """With what was kept of a replay that was stopped."""
        self.waiting += len(lane.queue)
        self.size += sum(size_of(action) for action in lane.queue)
        self.start(lane)

    async def room(self, most: int, most_bytes: int) -> None:
        """Waits until less is waiting, so that a reader does not run away from those who send."""
        while (self.waiting >= most or self.size >= most_bytes) and not self.stopping.is_set():
            self.freed.clear()
            await self._unless_stopped(self.freed.wait(), 1.0)

    async def done(self) -> None:
        """Until nothing is to be done any more or, once the replay is stopped, nothing is out any more."""
        while self.busy:
            await asyncio.wait(self.busy, return_when=asyncio.FIRST_COMPLETED)

    async def pause(self, seconds: float) -> None:
        """Shorter if the replay is stopped meanwhile."""
        await self._unless_stopped(self.stopping.wait(), seconds)

    async def _unless_stopped(self, what: Awaitable[object], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await what
        except TimeoutError:
            pass

    async def _work(self, lane: Lane) -> None:
        try:
            while lane.queue and not self.stopping.is_set():
                some = self._next(lane)
                later = await self.perform(lane, some)
                if later is None:
                    self._are_done(lane, some)
                else:
                    await self._failed(lane, some, later)
        finally:
            if lane.task is not None:
                self.busy.discard(lane.task)
            lane.task = None
        if not lane.queue:
            self.emptied(lane)

    def _next(self, lane: Lane) -> list[Action]:
        """The first action; reports that piled up go together, if the phone's clock did not change between them."""
        first = lane.queue[0]
        if not isinstance(first, Tell) or not (lane.failures or self.gather):
            return [first]
        some: list[Action] = []
        pings = size = 0
        for action in lane.queue:
            if not isinstance(action, Tell) or abs(action.ahead_s - first.ahead_s) > 1.0:
                break
            pings, size = pings + len(action.pings), size + action.size
            if some and (pings > self.most_at_once or size > MOST_BYTES_AT_ONCE):
                break
            some.append(action)
        return some

    def _are_done(self, lane: Lane, some: Sequence[Action]) -> None:
        for action in some:
            lane.queue.popleft()
            self.waiting -= 1
            self.size -= size_of(action)
        lane.failures, lane.failing_since_s = 0, 0.0
        self.answered_at_s = time.monotonic()
        self.freed.set()

    async def _failed(self, lane: Lane, some: Sequence[Action], later: Later) -> None:
        now = time.monotonic()
        if not lane.failing_since_s:
            lane.failing_since_s = now
        lane.failures += 1
        if now - lane.failing_since_s < self.patience_s:
            wait = wait_s(lane.failures - 1, later.not_before_s, self.random)
            await self.pause(min(wait, self.patience_s))
        elif now - self.answered_at_s >= self.patience_s:
            # Nobody is answered: that is the service, and not what we sent.
            self.despaired = f"nothing was answered for {self.patience_s:.0f} s ({later.why})"
            self.stopping.set()
        else:
            for action in some:
                self.given_up(lane, action, later)
            self._are_done(lane, some)
