"""Two pictures of a trace as SVG, drawn by hand: pings a minute over time, and how loud beacons were heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from simulators.traces.inspecting.gathering import Found

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 36, 30
COLOUR = "#0b62a4"
# More bars than there are pixels cannot be seen.
MOST_BARS = WIDTH - LEFT - RIGHT


@dataclass(frozen=True, slots=True)
class Bars:
    """Heights from left to right, and what stands below the first, the middle and the last."""

    title: str
    up: str
    heights: Sequence[float]
    below: tuple[str, str, str]


def svg(found: Found) -> str:
    panels = [_over_time(found.minutes.per_minute()), _levels(found.rssi_dbm)]
    drawn = [
        f'<g transform="translate(0 {number * HEIGHT})">{_panel(panel)}</g>'
        for number, panel in enumerate(panels)
    ]
    height = len(panels) * HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    style = ' font-family="sans-serif" font-size="11">'
    background = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return "\n".join([head + style, background, *drawn, "</svg>", ""])


def _over_time(minutes: Mapping[float, float]) -> Bars:
    """The busiest minute of each bar where there are more than can be drawn."""
    rates, starts = list(minutes.values()), list(minutes)
    width = max(1, -(-len(rates) // MOST_BARS))
    heights = [max(rates[first : first + width]) for first in range(0, len(rates), width)]
    below = tuple(_clock(starts[place]) for place in (0, len(starts) // 2, -1)) if starts else ("", "", "")
    return Bars("Pings a minute", "at the busiest of each bar" if width > 1 else "", heights, below)  # type: ignore[arg-type]


def _levels(counts: Mapping[int, int]) -> Bars:
    if not counts:
        return Bars("Sightings by RSSI", "nothing was heard", [], ("", "", ""))
    least, most = min(counts), max(counts)
    heights = [counts.get(level, 0) for level in range(least, most + 1)]
    return Bars(
        "Sightings by RSSI",
        "a bar for each dBm",
        heights,
        (str(least), f"{(least + most) // 2}", f"{most} dBm"),
    )


def _panel(bars: Bars) -> str:
    high = max(bars.heights, default=0) or 1
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    lines = [_text(LEFT, 16, bars.title, weight="bold"), _text(LEFT, 29, bars.up, colour="#666")]
    for share in (0, 0.5, 1):
        y = HEIGHT - BOTTOM - share * up
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(_text(LEFT - 4, y + 4, f"{high * share:g}", anchor="end", colour="#666"))
    for place, height in enumerate(bars.heights):
        x, tall = LEFT + across * place / len(bars.heights), height / high * up
        wide = max(0.5, across / len(bars.heights) * 0.9)
        place_and_size = (
            f'x="{x:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
        )
        lines.append(f'<rect {place_and_size} fill="{COLOUR}"/>')
    for x, label, anchor in zip(
        (LEFT, LEFT + across / 2, WIDTH - RIGHT), bars.below, ("start", "middle", "end"), strict=True
    ):
        lines.append(_text(x, HEIGHT - BOTTOM + 15, label, anchor=anchor))
    return "".join(lines)


def _clock(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M}"


def _text(  # noqa: PLR0913 - what SVG asks of a text
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222", weight: str = "normal"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f"<text {place}>{escape(text)}</text>"
