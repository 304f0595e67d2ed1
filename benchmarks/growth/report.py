"""What came out, as two tables, a line of JSON and the panels of a plot. A size that was left out says why."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.growth.disk import GB, BytesPerRow
from benchmarks.growth.measuring import Figures
from benchmarks.growth.plot import Panel
from benchmarks.growth.sizes import Point

FACTORS = {
    "zones": "zones",
    "customers": "customers",
    "decisions": "decisions in the ledger",
    "web": "web processes",
}
# Columns of the two tables: name, unit, width.
SPEEDS = (
    ("batches of 100", "pings/s", 16), ("p50", "ms", 7), ("p99", "ms", 7), ("web", "us", 6), ("pg", "us", 6),
    ("single", "pings/s", 11), ("p50", "ms", 7), ("p99", "ms", 7), ("web", "us", 6), ("pg", "us", 6),
)  # fmt: skip
HELD = (
    ("web", "MB", 7), ("start", "s", 8), ("1st ping", "s", 10), ("zone edit", "ms", 11), ("rebuild", "ms", 9),
    ("campaign", "ms", 10), ("rebuild", "ms", 9), ("database", "GB", 10), ("a ping", "bytes", 8),
    ("decided", "bytes", 9),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """`figures`, or why there are none. `fill_s`: how long it took to make the database as large as that."""

    point: Point
    figures: Figures | None = None
    left_out: str | None = None
    fill_s: float = 0.0


def sound(results: Sequence[Result]) -> bool:
    return all(result.figures is None or result.figures.sound for result in results)


def table(results: Sequence[Result], per: BytesPerRow | None, snapshot: float | None) -> str:
    width = max(len(result.point.label) for result in results) + 2
    measured = [(result.point.label, result.figures) for result in results if result.figures is not None]
    speed = [*_heading(SPEEDS, width), *(f"{label:{width}}{_speeds(figures)}" for label, figures in measured)]
    held = [*_heading(HELD, width), *(f"{label:{width}}{_held(figures)}" for label, figures in measured)]
    notes = [f"{result.point.label}: left out, {result.left_out}" for result in results if result.left_out]
    wrong = [
        f"{label}: {figures.wrong} WRONG ANSWERS, the first: {figures.first_wrong}"
        for label, figures in measured
        if not figures.sound
    ]
    if per is not None:
        notes.append(
            "bytes of a row, indexes included: " + ", ".join(f"{k} {v:,.0f}" for k, v in asdict(per).items())
        )
    if snapshot is not None:
        notes.append(
            f"a day's snapshot takes {snapshot:,.0f} bytes of each customer, and is kept as long as pings are"
        )
    return "\n".join([*speed, "", *held, "", *notes, *(wrong or ["every answer as it must be"])])


def _heading(columns: Sequence[tuple[str, str, int]], width: int) -> list[str]:
    names = "".join(f"{name:>{wide}}" for name, _, wide in columns)
    units = "".join(f"{unit:>{wide}}" for _, unit, wide in columns)
    return [" " * width + names, " " * width + units]


def _speeds(figures: Figures) -> str:
    batch, single = figures.batch, figures.single
    return (
        f"{batch.pings_per_s:>16,.0f}{batch.p50_ms:>7.0f}{batch.p99_ms:>7.0f}{batch.web_us:>6.0f}{batch.postgres_us:>6.0f}"
        f"{single.pings_per_s:>11,.0f}{single.p50_ms:>7.0f}{single.p99_ms:>7.0f}{single.web_us:>6.0f}{single.postgres_us:>6.0f}"
    )


def _held(figures: Figures) -> str:
    return (
        f"{figures.web_mb:>7.0f}{figures.start_s:>8.1f}{figures.first_ping_s:>10.2f}"
        f"{figures.edit_ms['zone']:>11.0f}{figures.rebuild_ms['zone']:>9.0f}"
        f"{figures.edit_ms['campaign']:>10.0f}{figures.rebuild_ms['campaign']:>9.0f}"
        f"{figures.database_bytes / GB:>10.2f}{figures.grown.ping:>8.0f}{figures.grown.decided:>9.0f}"
    )


def as_json(results: Sequence[Result], per: BytesPerRow | None, snapshot: float | None, course: str) -> str:
    points = [_plain(result) for result in results]
    told: dict[str, Any] = {"sizes": course, "sound": sound(results)}
    told["bytes_per_row"] = (
        None if per is None else {name: round(value, 1) for name, value in asdict(per).items()}
    )
    told["snapshot_bytes_per_customer"] = snapshot and round(snapshot, 1)
    return json.dumps(told | {"points": points})


def _plain(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {
        "factor": result.point.factor,
        **asdict(result.point.size),
        "fill_s": round(result.fill_s, 1),
    }
    if result.figures is None:
        return told | {"left_out": result.left_out}
    figures: dict[str, Any] = _rounded(asdict(result.figures))
    return told | figures | {"bytes_decided": round(result.figures.grown.decided, 1)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def panels(results: Sequence[Result]) -> list[Panel]:
    """Of each factor that was measured at two sizes at least: pings a second, and what grows beside."""
    base = next((result for result in results if result.point.factor == "base" and result.figures), None)
    if base is None:
        return []
    drawn = []
    for factor, title in FACTORS.items():
        along = [base, *(result for result in results if result.point.factor == factor and result.figures)]
        if len(along) < 2:
            continue
        across = tuple(f"{getattr(result.point.size, factor):,}" for result in along)
        found = [result.figures for result in along if result.figures is not None]
        drawn.append(
            Panel(title, "pings a second", across, {
                "batches of 100": tuple(figures.batch.pings_per_s for figures in found),
                "single": tuple(figures.single.pings_per_s for figures in found),
            })
        )  # fmt: skip
        drawn.append(
            Panel(title, "milliseconds, MB", across, {
                "p99 single": tuple(figures.single.p99_ms for figures in found),
                "rebuild": tuple(figures.rebuild_ms["zone"] for figures in found),
                "MB of a web process": tuple(figures.web_mb for figures in found),
            })
        )  # fmt: skip
    return drawn
