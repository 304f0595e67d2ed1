"""A plot as SVG, written by hand: small panels, one for each factor, on a scale of powers of ten."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

WIDTH, HEIGHT = 300, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 30
LABEL = 11
COLOURS = ("#0b62a4", "#c1440e", "#3f7d20", "#7a3e9d", "#8a6d00")


@dataclass(frozen=True, slots=True)
class Panel:
    """Values of each series at the places of `across`; None where there is none. `up` names the axis."""

    title: str
    up: str
    across: tuple[str, ...]
    series: Mapping[str, tuple[float | None, ...]]


def svg(panels: Sequence[Panel], *, columns: int = 4) -> str:
    rows = math.ceil(len(panels) / columns)
    drawn = [
        f'<g transform="translate({number % columns * WIDTH} {number // columns * HEIGHT})">{_panel(panel)}</g>'
        for number, panel in enumerate(panels)
    ]
    width, height = min(columns, len(panels)) * WIDTH, rows * HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = ' font-family="sans-serif" font-size="10">'
    return "\n".join(
        [head + style, f'<rect width="{width}" height="{height}" fill="white"/>', *drawn, "</svg>", ""]
    )


def powers(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten between which all positive values lie, one apart at least: (7, 30) gives (0, 2)."""
    logs = [math.log10(value) for value in values if value > 0] or [0.0]
    low = math.floor(min(logs))
    return low, max(low + 1, math.ceil(max(logs)))


def _panel(panel: Panel) -> str:
    low, high = powers([value for values in panel.series.values() for value in values if value is not None])
    lines = [_text(LEFT, 14, panel.title, weight="bold"), _text(LEFT, 26, panel.up, colour="#666")]
    for power in range(low, high + 1):
        y = _y(10.0**power, low, high)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(_text(LEFT - 4, y + 3, _told(10.0**power), anchor="end", colour="#666"))
    for place, name in enumerate(panel.across):
        lines.append(_text(_x(place, len(panel.across)), HEIGHT - BOTTOM + 14, name, anchor="middle"))
    drawn = [
        (name, places, colour)
        for (name, values), colour in zip(panel.series.items(), cycle(COLOURS), strict=False)
        if (places := _places(values, low, high))
    ]
    lines += [part for _, places, colour in drawn for part in _line(places, colour)]
    beside = apart([places[-1][1] - 6 for _, places, _ in drawn], LABEL)
    lines += [
        _text(places[-1][0], y, name, anchor="end", colour=colour)
        for (name, places, colour), y in zip(drawn, beside, strict=True)
    ]
    return "".join(lines)


def apart(wanted: Sequence[float], gap: float) -> list[float]:
    """The same heights, moved up where two are closer than the gap: (50, 48) with 10 gives (50, 40)."""
    placed = list(wanted)
    highest = math.inf
    for number in sorted(range(len(placed)), key=lambda number: -placed[number]):
        placed[number] = highest = min(placed[number], highest - gap)
    return placed


def _places(values: Sequence[float | None], low: int, high: int) -> list[tuple[float, float]]:
    return [
        (_x(place, len(values)), _y(value, low, high))
        for place, value in enumerate(values)
        if value is not None and value > 0
    ]


def _line(places: Sequence[tuple[float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>', *dots]


def _x(place: int, places: int) -> float:
    """Evenly, half a place from either side."""
    return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / places


def _y(value: float, low: int, high: int) -> float:
    share = (math.log10(value) - low) / (high - low)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _told(value: float) -> str:
    """1000000 is 1M, 0.1 is 0.1."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def _text(  # noqa: PLR0913 - what SVG asks of a text
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222", weight: str = "normal"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f"<text {place}>{escape(text)}</text>"
