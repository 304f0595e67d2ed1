"""From scores to tables and to a line of JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.positioning.contest import Row

COLUMNS = ("zone_acc", "near_acc", "floor_acc", "resolved", "changes_ratio", "false_enter")


@dataclass(frozen=True, slots=True)
class Table:
    """`title` says what was learned from and what was asked."""

    title: str
    rows: tuple[Row, ...]


def as_text(table: Table) -> str:
    heading = f"{'':26}" + "".join(f"{name:>15}" for name in COLUMNS) + f"{'changes':>9}"
    seconds = table.rows[0].score.scored_s if table.rows else 0
    title = f"{table.title}; {seconds:,} s scored"
    return "\n".join([title, heading, *(_line(row) for row in table.rows), ""])


def _line(row: Row) -> str:
    values = (getattr(row.score, name) for name in COLUMNS)
    return (
        f"{row.method.label:26}" + "".join(f"{_told(value):>15}" for value in values) + f"{row.changes:>9,}"
    )


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def as_json(tables: Sequence[Table]) -> str:
    return json.dumps([_plain(table) for table in tables])


def _plain(table: Table) -> dict[str, Any]:
    rows = {row.method.name: asdict(row.score) | {"changes": row.changes} for row in table.rows}
    return {"title": table.title, **rows}
