"""How a demo looks: a live screen on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulators.demo.judging import Agreement
from simulators.demo.story import Story

PLAIN_STATUS_EVERY_S = 10
PLAIN_LINES_A_SECOND = 3  # what a reader of a log can follow; all is counted all the same
MOST_ZONES = 14  # on the screen, fullest first


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor with its zones: "site/zone" -> name."""

    name: str
    zones: Mapping[str, str]


class Standing(NamedTuple):
    """How far a run is. `progress` from 0 to 1; latencies in milliseconds."""

    judged: int
    planned: int
    p50_ms: float
    p99_ms: float
    progress: float


class Screen(Protocol):
    def say(self, line: str) -> None: ...
    def tell(self, line: str) -> None: ...
    def refresh(self, story: Story, standing: Standing) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class PlainScreen:
    """Lines in order; of many in one second only the first few are told."""

    console: Console
    told: tuple[int, int] = (0, 0)
    status_at: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def tell(self, line: str) -> None:
        second = int(time.monotonic())
        lines = self.told[1] if self.told[0] == second else 0
        self.told = (second, lines + 1)
        if lines < PLAIN_LINES_A_SECOND:
            self.say(line)

    def refresh(self, story: Story, standing: Standing) -> None:
        if time.monotonic() - self.status_at >= PLAIN_STATUS_EVERY_S:
            self.status_at = time.monotonic()
            self.say(f"--- {standing.progress:.0%}: {status_of(story, standing)}")

    def close(self) -> None:
        pass


@dataclass(slots=True)
class LiveScreen:
    """Who is where on the left, what happens on the right, the counts below."""

    console: Console
    floors: tuple[Floor, ...]
    live: Live | None = None

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    def tell(self, line: str) -> None:
        """The story keeps its lines; they are drawn at the next refresh."""

    def refresh(self, story: Story, standing: Standing) -> None:
        if self.live is None:
            self.live = Live(console=self.console, screen=True, auto_refresh=False)
            self.live.start()
        self.live.update(self.drawn(story, standing), refresh=True)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def drawn(self, story: Story, standing: Standing) -> Layout:
        layout = Layout()
        layout.split_column(Layout(name="top"), Layout(name="bottom", size=3))
        layout["top"].split_row(Layout(name="zones", ratio=1), Layout(name="feed", ratio=3))
        layout["zones"].update(Panel(zones_table(self.floors, story), title="inside now"))
        height = max(1, self.console.size.height - 5)
        feed = Group(*(coloured(line) for line in list(story.lines)[-height:]))
        layout["feed"].update(Panel(feed, title="moves, offers, and why others lost"))
        layout["bottom"].update(Panel(f"{standing.progress:.0%}  {status_of(story, standing)}"))
        return layout


def make_screen(floors: tuple[Floor, ...]) -> Screen:
    console = Console()
    return LiveScreen(console, floors) if console.is_terminal else PlainScreen(console)


def zones_table(floors: tuple[Floor, ...], story: Story) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    each = max(2, MOST_ZONES // max(1, len(floors)) * 2)
    for floor in floors:
        people = {zone: len(story.inside.get(zone, ())) for zone in floor.zones}
        table.add_row(Text(floor.name, style="bold"), "")
        fullest = sorted(people, key=lambda zone: (-people[zone], floor.zones[zone]))[:each]
        for zone in fullest:
            if people[zone]:
                table.add_row(f"  {floor.zones[zone]}", Text(str(people[zone]), style="cyan"))
    return table


def coloured(line: str) -> Text:
    style = "green" if "-> OFFER" in line else "dim"
    return Text(line, style=style, no_wrap=True, overflow="ellipsis")


def status_of(story: Story, standing: Standing) -> str:
    moves = ", ".join(f"{story.moves[kind]} {kind}" for kind in ("entered", "dwelled", "exited"))
    return (
        f"{standing.judged} of {standing.planned} pings | {moves} | {story.offers} offers | "
        f"p50 {standing.p50_ms:.0f} ms, p99 {standing.p99_ms:.0f} ms"
    )


def summary_table(summary: Mapping[str, object], agreed: Agreement) -> Table:
    """The run in numbers, for people."""
    table = Table(title="Summary", show_header=False)
    for name, value in summary.items():
        table.add_row(name, counts_of(value) if isinstance(value, dict) else str(value))
    if agreed.judged:
        table.add_row("true zone", f"found for {agreed.share:.0%} of {agreed.judged} accepted pings")
    return table


def counts_of(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(counts).most_common()) or "none"
