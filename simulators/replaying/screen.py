"""How a replay looks while it runs: a live table on a terminal, a line now and then elsewhere."""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from simulators.replaying.player import Player
from simulators.replaying.summary import offers_table

PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.5
# The rate is that of the last seconds: at the beginning phones register, and no two hours are alike.
RATE_OVER_S = 10.0


@dataclass(slots=True)
class Progress:
    """How far, how fast, and how long still; `ends_s` is the trace's end, None where it does not say."""

    player: Player
    begins_s: float
    ends_s: float | None
    seen: deque[tuple[float, int, float]] = field(default_factory=deque)  # wall, verdicts, trace

    def look(self) -> None:
        now = time.monotonic()
        self.seen.append((now, self.player.record.judged, self.player.place.trace_s))
        while self.seen[0][0] < now - RATE_OVER_S:
            self.seen.popleft()

    @property
    def share(self) -> float | None:
        if self.player.place.ended:
            return 1.0
        if self.ends_s is None or self.ends_s <= self.begins_s:
            return None
        done_s = max(self.begins_s, self.player.place.trace_s) - self.begins_s
        return min(1.0, done_s / (self.ends_s - self.begins_s))

    @property
    def rate(self) -> float:
        """Verdicts a second."""
        (began, before, _), (now, after, _) = self.seen[0], self.seen[-1]
        return (after - before) / (now - began) if now > began else 0.0

    @property
    def left_s(self) -> float | None:
        """An estimate, by how fast the trace was played in the last seconds."""
        began, _, before_s = self.seen[0]
        now, _, trace_s = self.seen[-1]
        if self.ends_s is None or not trace_s > before_s > 0 or now <= began:
            return None
        return max(0.0, self.ends_s - trace_s) * (now - began) / (trace_s - before_s)

    def line(self) -> str:
        record = self.player.record
        share, left_s = self.share, self.left_s
        at = self.player.place.trace_s
        parts = [
            f"{share:.0%}" if share is not None else "",
            f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} of the trace" if at > 0 else "",
            f"{record.judged} pings, {self.rate:.0f} a second",
            f"{len(self.player.stage.people.here)} phones",
            f"{record.made} offers",
            f"p50 {record.answered.percentile(0.5):.0f} ms, p99 {record.answered.percentile(0.99):.0f} ms",
            f"{record.planned - record.judged} waiting" if record.planned > record.judged else "",
            f"about {timedelta(seconds=round(left_s))} left" if left_s is not None else "",
        ]
        return " | ".join(part for part in parts if part)


@dataclass(slots=True)
class Screen:
    console: Console
    live: Live | None = None
    said_at_s: float = field(default_factory=time.monotonic)

    @property
    def every_s(self) -> float:
        return LIVE_EVERY_S

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def refresh(self, progress: Progress) -> None:
        progress.look()
        if self.console.is_terminal:
            self._draw(progress)
        elif time.monotonic() - self.said_at_s >= PLAIN_EVERY_S:
            self.said_at_s = time.monotonic()
            self.say(progress.line())

    def _draw(self, progress: Progress) -> None:
        if self.live is None:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()
        share, record = progress.share, progress.player.record
        bar = [ProgressBar(total=1.0, completed=share)] if share is not None else []
        offers = [offers_table(record, max(1, self.console.size.height - 8))] if record.offers else []
        self.live.update(Group(Text(progress.line()), *bar, *offers), refresh=True)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None
