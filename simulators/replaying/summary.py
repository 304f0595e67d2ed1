"""A replay in numbers at its end: for people a table, for programs one line of JSON, and its faults in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from simulators.replaying.record import OUTCOMES, STATUSES, Record


def summary_of(record: Record) -> dict[str, Any]:
    """Latencies in milliseconds. `late_p99_ms`: by how much reports were sent after their time."""
    outcomes = {kind: sum(each.outcomes.get(kind, 0) for each in record.offers.values()) for kind in OUTCOMES}
    return {
        "installations": record.installations,
        "pings": record.planned,
        "verdicts": record.judged,
        **{status: record.verdicts.get(status, 0) for status in STATUSES if status != "rejected"},
        "rejected": dict(sorted(record.reasons.items())),
        "moves": {kind: record.moves.get(kind, 0) for kind in ("entered", "dwelled", "exited")},
        "offers": record.made,
        "outcomes": outcomes,
        "purchases": record.purchases,
        "p50_ms": round(record.answered.percentile(0.50), 1),
        "p90_ms": round(record.answered.percentile(0.90), 1),
        "p99_ms": round(record.answered.percentile(0.99), 1),
        "late_p99_ms": round(record.late.percentile(0.99), 1),
        "answers": {str(status): times for status, times in sorted(record.statuses.items())},
        "unanswered": dict(record.failed),
    }


def campaigns_of(record: Record) -> dict[str, dict[str, Any]]:
    return {
        name: {"title": each.title, "offers": each.offered, **each.outcomes, "purchases": each.bought}
        for name, each in sorted(record.offers.items())
    }


def faults_of(record: Record) -> list[str]:
    """A sentence for everything that should not have been; none where all went well."""
    more = f"and {record.more_problems} more like these"
    checks = (
        (record.more_problems > 0, more),
        (record.judged != record.planned, f"{record.planned} pings planned, {record.judged} got a verdict"),
        (record.server_errors > 0, f"{record.server_errors} answers were server errors"),
    )
    return [*record.problems, *(sentence for wrong, sentence in checks if wrong)]


def summary_table(summary: Mapping[str, Any]) -> Table:
    table = Table(title="Summary", show_header=False)
    for name, value in summary.items():
        table.add_row(name, _counts(value) if isinstance(value, dict) else str(value))
    return table


def offers_table(record: Record, most: int | None = None) -> Table:
    """What became of the offers, by campaign, those with most of them first."""
    table = Table(title="Offers")
    for column in ("campaign", "offered", *OUTCOMES, "bought"):
        table.add_column(column, justify="left" if column == "campaign" else "right", no_wrap=True)
    ranked = sorted(record.offers.items(), key=lambda each: (-each[1].offered, each[0]))
    for name, each in ranked[:most]:
        told: Sequence[int] = [each.outcomes.get(kind, 0) for kind in OUTCOMES]
        table.add_row(name, str(each.offered), *map(str, told), str(each.bought))
    return table


def _counts(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(f"{name} {number}" for name, number in ranked) or "none"
