"""A report in a terminal: what would have been otherwise, by campaign first."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.table import Table

# Reasons are many, and the largest say most.
MOST_REASONS = 3


def headline(report: Mapping[str, Any]) -> str:
    """One sentence."""
    seconds, pings = report["seconds"], report["pings"]
    speed = f"{pings} pings in {seconds:.1f} s"
    if report["verified"]:
        if not report["differences"]:
            return f"{report['decisions']} decisions, all of them as they were made; {speed}"
        fields = ", ".join(f"{name} {number}" for name, number in report["fields"].items())
        return f"{report['differences']} of {report['decisions']} decisions differ ({fields}); {speed}"
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(report["kinds"].items()))
    before, after = report["before"]["offers"], report["after"]["offers"]
    return f"{before} offers were made, {after} would have been: {kinds or 'no difference'}; {speed}"


def campaigns_table(report: Mapping[str, Any]) -> Table:
    table = Table("campaign", "offers", "would be", "gained", "lost", "most of it because")
    for name, found in report["campaigns"].items():
        was, would = found["offers"]
        if was or would or found["reasons"]:
            cells = (str(was), str(would), str(found["gained"]), str(found["lost"]), why(found["reasons"]))
            table.add_row(name, *cells)
    return table


def why(reasons: Iterable[Mapping[str, Any]]) -> str:
    """Of what a campaign was told at moments, which changed most often."""
    largest = sorted(reasons, key=lambda one: -one["moments"])[:MOST_REASONS]
    return ", ".join(f"{one['before']} -> {one['after']} ({one['moments']})" for one in largest)


def summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the last line of a run says, as JSON."""
    report = answer["report"] or {}
    kept = ("decisions", "differences", "kinds", "fields", "before", "after", "pings", "seconds", "positions")
    told = {name: report[name] for name in kept if name in report}
    return {"backtest": answer["id"], "status": answer["status"], "error": answer["error"], **told}


def example_lines(examples: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in examples:
        where = f"{one['site']}/{one['zone']}" if one["zone"] else "no place"
        was, would = side(one["before"]), side(one["after"])
        yield f"{one['kind']} {one['campaign'] or ''} {where} {one['at']}: {was} -> {would}"


def side(decision: Mapping[str, Any] | None) -> str:
    """What was chosen, or why nothing was."""
    if decision is None:
        return "no moment"
    if decision["campaign"] is not None:
        return str(decision["campaign"])
    reasons = ", ".join(f"{name} {reason}" for name, reason in decision["reasons"].items())
    return f"nothing ({reasons})" if reasons else "nothing"
