"""Plays a trace: reads it line by line, gives each line to the stage at its time, and ends when all is answered."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulators.client import Client, Keys, Later, bearer
from simulators.replaying.actions import Action, Tell
from simulators.replaying.clock import TraceClock, now_s
from simulators.replaying.errands import Errands, Onlooker
from simulators.replaying.gateway import Gateway
from simulators.replaying.lanes import MOST_AT_ONCE, Lane, Lanes
from simulators.replaying.names import Names, NameTooLongError
from simulators.replaying.record import Record
from simulators.replaying.stage import GONE_AFTER_S, Manner, PlayError, Stage
from simulators.traces.files import in_order
from simulators.traces.model import Line, TraceError

# What is read ahead of those who send. At a speed, a service that is away for a while makes much wait; as fast as it
# takes, a few for each connection keep all of them busy, and of a gateway a few requests.
MOST_WAITING_BYTES = 64_000_000
MOST_WAITING = 50_000
WAITING_A_CONNECTION = 8
REQUESTS_WAITING = 4
TICKS_EVERY_S = 0.05
# Lines that are due together are taken together; then others have their turn.
LINES_AT_ONCE = 16
LINES_SKIPPED_AT_ONCE = 1_000
FIRST_LINE = 2  # the header is the first
SAME_S = 0.001

# What is wrong with the trace or with how it is to be played.
PLAY_FAULTS = (PlayError, TraceError)


@dataclass(frozen=True, slots=True)
class Means:
    """What a trace is played with. `batch`: pings a request of a gateway; None for phones by themselves.

    `settle_s`: how long it goes on after the last line, for what timers still decide.
    """

    client: Client
    keys: Keys
    batch: int | None = None
    patience_s: float = 300.0
    settle_s: float = 0.0


@dataclass(slots=True)
class Place:
    """How far a trace was played: the last line of the file that was, and its time. `ended`: to the end."""

    line: int = FIRST_LINE - 1
    trace_s: float = -math.inf
    ended: bool = False

    @property
    def at(self) -> str:
        """In words, where there is something to say."""
        return f", {datetime.fromtimestamp(self.trace_s, UTC):%H:%M:%S}" if self.trace_s > 0 else ""


@dataclass(slots=True)
class Player:
    means: Means
    names: Names
    manner: Manner
    clock: TraceClock
    record: Record = field(default_factory=Record)
    place: Place = field(default_factory=Place)
    onlooker: Onlooker | None = None
    stage: Stage = field(init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    despaired: str = ""  # why it was given up
    settle: Callable[[], Awaitable[None]] | None = None  # what is waited for after the last line, instead

    def __post_init__(self) -> None:
        self.stage = Stage(self.clock, self.names, self.manner, self.record)

    def stop(self) -> None:
        """What is out is waited for; the rest stays to be done when the replay goes on."""
        self.stopping.set()

    async def play(self, lines: Iterable[Line]) -> None:
        """Raises one of PLAY_FAULTS where the trace cannot be played on, when what is out has been answered."""
        fault: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            lanes = self._open(tasks)
            ticking = tasks.create_task(self._tick())
            try:
                await self._read(lines, lanes)
                await self._finish(lanes)
            except PLAY_FAULTS as error:
                fault = error
            await lanes.done()
            self.stop()
            ticking.cancel()
            self.despaired = lanes.despaired
        if fault is not None:
            raise fault

    def _open(self, tasks: asyncio.TaskGroup) -> Lanes:
        means, stage = self.means, self.stage
        gateway = None
        if means.batch is not None:
            gathers_s = min(1.0, self.clock.slope)
            gateway = Gateway(means.client, bearer(means.keys.secret), tasks, means.batch, gathers_s)
        errands = Errands(
            client=means.client,
            keys=means.keys,
            record=self.record,
            offer=stage.offered,
            goes_home=stage.goes_home,
            buys=stage.buys,
            customer_done=stage.customer_done,
            onlooker=self.onlooker,
            gateway=gateway,
        )
        stage.lanes = Lanes(
            perform=errands.perform,
            tasks=tasks,
            stopping=self.stopping,
            patience_s=means.patience_s,
            given_up=self._given_up,
            emptied=stage.emptied,
            gather=gateway is not None,
            most_at_once=min(MOST_AT_ONCE, means.batch or MOST_AT_ONCE),
        )
        for lane in [*stage.people.lanes(), *stage.customers.values()]:
            stage.lanes.go_on(lane)
        return stage.lanes

    async def _read(self, lines: Iterable[Line], lanes: Lanes) -> None:
        for number, line in enumerate(in_order(lines), start=FIRST_LINE):
            trace_s = line.at.timestamp()
            if number <= self.place.line:
                await self._skip(number, trace_s)
                continue
            await self._until_due(trace_s, lanes)
            if self.stopping.is_set():
                return
            if number % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
            self.clock.played(trace_s, now_s())
            self.stage.people.let_go(trace_s - GONE_AFTER_S)
            try:
                self.stage.take(line, number)
            except NameTooLongError as error:
                raise PlayError(f"line {number}: {error}") from None
            self.place.line, self.place.trace_s = number, trace_s

    async def _skip(self, number: int, trace_s: float) -> None:
        """It was played before the replay was stopped."""
        if number % LINES_SKIPPED_AT_ONCE == 0:
            await asyncio.sleep(0)
        if number == self.place.line and abs(trace_s - self.place.trace_s) > SAME_S:
            raise PlayError(f"line {number} is another than the one at which the replay was stopped")

    async def _until_due(self, trace_s: float, lanes: Lanes) -> None:
        most = MOST_WAITING
        if self.clock.speed is None:
            most = WAITING_A_CONNECTION * self.means.client.connections.most
            if self.means.batch is not None:
                most = REQUESTS_WAITING * self.means.batch
        await lanes.room(most, MOST_WAITING_BYTES)
        while (wait_s := self.clock.due_s(trace_s) - now_s()) > 0 and not self.stopping.is_set():
            await lanes.pause(wait_s)

    async def _finish(self, lanes: Lanes) -> None:
        """All that waits is answered, timers are waited for, everybody looks once more for offers and goes home."""
        await lanes.done()
        await (self.settle() if self.settle is not None else lanes.pause(self.means.settle_s))
        stage = self.stage
        while not self.stopping.is_set():
            stage.catch_up(math.inf)
            stage.people.let_go(math.inf)
            if not lanes.busy and not len(stage.agenda):
                self.place.ended = True
                return
            await lanes.done()

    async def _tick(self) -> None:
        while not self.stopping.is_set():
            self.stage.catch_up(now_s())
            await asyncio.sleep(TICKS_EVERY_S)

    def _given_up(self, lane: Lane, action: Action, later: Later) -> None:
        what = f"{len(action.pings)} pings" if isinstance(action, Tell) else type(action).__name__
        self.record.problem(
            f"{what} of {lane.name}: given up after {self.means.patience_s:.0f} s ({later.why})"
        )
