"""One replay from its options to its outcome: opens, plays, can be stopped and go on, compares."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulators.client import Client, Keys
from simulators.replaying.clock import Times, TraceClock, now_s
from simulators.replaying.differences import differences
from simulators.replaying.errands import Onlooker
from simulators.replaying.expectations import Expectations, as_expected, encoded, what_came
from simulators.replaying.extent import ends_s
from simulators.replaying.names import Names
from simulators.replaying.player import PLAY_FAULTS, Means, Place, Player
from simulators.replaying.record import Record
from simulators.replaying.resuming import (
    Settings,
    Stopped,
    go_on,
    read_stopped,
    write_stopped,
)
from simulators.replaying.screen import Progress, Screen
from simulators.replaying.stage import Manner
from simulators.traces.files import Lines, open_trace
from simulators.traces.model import Header, Line
from simulators.wire import Connections


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. `resumes`: the file of a replay that goes on; `keeps`: where one is kept if it is stopped.

    `hurries`: whether the speed was asked for, so that a replay that goes on takes it over.
    """

    trace: Path
    keys: Keys
    settings: Settings
    speed: float | None
    times: Times
    connections: int
    patience_s: float
    keeps: Path
    hurries: bool = False
    resumes: Path | None = None
    expected: Expectations | None = None
    writes_expected: Path | None = None


@dataclass(slots=True)
class Outcome:
    """`fault`: why the trace could not be played to its end; `differences`: None where nothing was compared."""

    record: Record
    place: Place
    seconds: float
    processor_s: float
    fault: str = ""
    kept: Path | None = None
    differences: list[str] | None = None

    @property
    def ended(self) -> bool:
        return self.place.ended


@dataclass(slots=True)
class Replay:
    order: Order
    screen: Screen
    header: Header
    lines: Lines[Line]
    stopped: Stopped | None
    ends_s: float | None
    onlooker: Onlooker | None = None

    @classmethod
    def opened(cls, order: Order, screen: Screen) -> "Replay":
        """Raises TraceError or ResumeError."""
        header, lines = open_trace(order.trace)
        stopped = read_stopped(order.resumes, header) if order.resumes else None
        return cls(order, screen, header, lines, stopped, ends_s(order.trace, header))

    async def run(self) -> Outcome:
        """Raises ResumeError where the file to go on from is broken, and ValueError for what cannot be."""
        began, processor_s = time.monotonic(), time.process_time()
        order = self.order
        settings = self.stopped.settings if self.stopped else order.settings
        client = Client(Connections(settings.url, most=order.connections))
        player = self._player(client, settings)
        try:
            fault = await self._play(player)
            self._add_traffic(player, client)
            outcome = Outcome(player.record, player.place, 0.0, 0.0, fault)
            if not player.place.ended:
                write_stopped(order.keeps, player, settings, self.header)
                outcome.kept = order.keeps
            elif order.expected or order.writes_expected:
                await self._compare(player, settings, outcome)
        finally:
            await client.close()
        outcome.seconds = time.monotonic() - began
        outcome.processor_s = time.process_time() - processor_s
        return outcome

    def _player(self, client: Client, settings: Settings) -> Player:
        order, header = self.order, self.header
        if self.stopped is None:
            begins_s = header.begins_at.timestamp()
            clock = TraceClock.begun(begins_s, self.ends_s, order.speed, order.times, now_s())
        else:
            clock = self.stopped.clock
        player = Player(
            means=Means(client, order.keys, settings.batch, order.patience_s, settings.settle_s),
            names=Names(settings.run),
            manner=Manner(
                seed=settings.seed,
                by_gateway=settings.batch is not None,
                may_speak_for_brand=bool(order.keys.secret),
                inbox_every_s=settings.inbox_every_s,
            ),
            clock=clock,
            record=self.stopped.record if self.stopped else Record(),
            onlooker=self.onlooker,
        )
        if self.stopped is not None and order.resumes is not None:
            go_on(order.resumes, player, self.stopped)
            clock.speed = order.speed if order.hurries else clock.speed
        return player

    async def _play(self, player: Player) -> str:
        """Why it could not be played to its end; empty where it was, or was stopped."""
        playing = asyncio.current_task()
        assert playing is not None, "we are in one"
        showing = asyncio.create_task(self._show(player))
        restore = self._on_signals(player, playing)
        try:
            await player.play(self.lines)
        except PLAY_FAULTS as error:
            return str(error)
        except asyncio.CancelledError:
            playing.uncancel()
            return "stopped at once"
        finally:
            restore()
            showing.cancel()
            self.screen.close()
        return player.despaired

    def _on_signals(self, player: Player, playing: asyncio.Task[object]) -> Callable[[], None]:
        """The first one stops it in peace, the second at once. Answers what undoes this."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if player.stopping.is_set():
                playing.cancel()
                return
            self.screen.say("stopping: what is out is waited for; once more stops at once")
            player.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)

        def restore() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        return restore

    async def _show(self, player: Player) -> None:
        progress = Progress(player, self.header.begins_at.timestamp(), self.ends_s)
        while True:
            self.screen.refresh(progress)
            await asyncio.sleep(self.screen.every_s)

    def _add_traffic(self, player: Player, client: Client) -> None:
        """To that of before it was stopped."""
        for status, times in client.traffic.statuses.items():
            player.record.statuses[status] = player.record.statuses.get(status, 0) + times
        for why, times in client.traffic.failed.items():
            player.record.failed[why] = player.record.failed.get(why, 0) + times

    async def _compare(self, player: Player, settings: Settings, outcome: Outcome) -> None:
        client, clock = player.means.client, player.clock
        began_s = clock.wall_s[0] if clock.shift_s is None else min(clock.wall_s[0], now_s())
        came = await what_came(client, self.order.keys.secret, player.names, clock, began_s)
        if self.order.writes_expected is not None:
            people = player.stage.people.asleep.keys()
            written = as_expected(came, people, clock, settings.settle_s)
            self.order.writes_expected.write_bytes(encoded(written))
        if self.order.expected is not None:
            outcome.differences = differences(self.order.expected, came)
