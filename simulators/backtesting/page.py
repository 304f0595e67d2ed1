"""A report as a page of its own: no script, nothing loaded from anywhere, fit to be sent by mail."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from simulators.backtesting.telling import headline, side, why

# Plots are drawn in these units and scale with the page.
WIDTH, HEIGHT, MARGIN = 720, 160, 4
# Of one hour's two bars: few hours are no wall.
WIDEST = 48
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --was: #8a94a0; --would: #0b6bcb; --line: #d5dae0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #14181c; --was: #76808b; --would: #5fb0ff; --line: #343b43 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line) } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto } .was { fill: var(--was) } .would { fill: var(--would) }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .4em 0 1em }
details { border-bottom: 1px solid var(--line); padding: .3rem 0 } pre { white-space: pre-wrap }
"""

KEY = """<p class="key"><span style="background:var(--was)"></span>as it was
<span style="background:var(--would)"></span>as it would have been</p>"""


def page(answer: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]) -> str:
    """The whole page, in UTF-8."""
    report = answer["report"]
    parts = [
        f"<h1>{escape(_title(report))}</h1>",
        f"<p>{escape(headline(report))}. From {escape(str(report['from']))} to {escape(str(report['to']))}.</p>",
        _changed(report),
        KEY,
        "<h2>Offers by hour</h2>" + bars(report["hours"]),
        "<h2>Campaigns</h2>" + _campaigns(report["campaigns"]),
        "<h2>Zones</h2>" + _zones(report["zones"]),
        "<h2>Customers</h2>" + _customers(report),
        _moves(report["moves"]),
        f"<h2>Moments that differ</h2>{_examples(examples)}",
    ]
    head = f'<meta charset="utf-8"><title>{escape(_title(report))}</title><style>{STYLE}</style>'
    width = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f'<!doctype html><html lang="en"><head>{head}{width}</head><body>{"".join(parts)}</body></html>\n'


def bars(pairs: Mapping[str, Sequence[int]]) -> str:
    """Two bars for each name, as it was and as it would have been; the numbers stand in a title for each."""
    if not pairs:
        return "<p>No offer was made, and none would have been.</p>"
    most = max(max(pair) for pair in pairs.values()) or 1
    step = min(WIDEST, (WIDTH - 2 * MARGIN) / len(pairs))
    drawn = [
        f"<g><title>{escape(name)}: {pair[0]} and {pair[1]}</title>"
        + _bar("was", MARGIN + place * step, step * 0.42, pair[0] / most)
        + _bar("would", MARGIN + (place + 0.45) * step, step * 0.42, pair[1] / most)
        + "</g>"
        for place, (name, pair) in enumerate(pairs.items())
    ]
    first, *_, last = (*pairs, *pairs)
    ends = (
        f"{escape(first)} to {escape(last)}, at most {most}" if len(pairs) > 1 else f"{escape(first)}, {most}"
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{ends}">{"".join(drawn)}</svg><p>{ends}</p>'


def _bar(kind: str, left: float, width: float, share: float) -> str:
    height = share * (HEIGHT - 2 * MARGIN)
    top = HEIGHT - MARGIN - height
    return f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _title(report: Mapping[str, Any]) -> str:
    return "Verification" if report["verified"] else "Backtest"


def _changed(report: Mapping[str, Any]) -> str:
    if not report["changed"]:
        return ""
    return f"<p>Changed: {', '.join(f'<code>{escape(one)}</code>' for one in report['changed'])}.</p>"


def _campaigns(found: Mapping[str, Any]) -> str:
    rows = [
        (name, *one["offers"], one["gained"], one["lost"], why(one["reasons"]))
        for name, one in found.items()
        if any(one["offers"]) or one["reasons"]
    ]
    return _table(("campaign", "offers", "would be", "gained", "lost", "most of it because"), rows)


def _zones(found: Mapping[str, Sequence[int]]) -> str:
    """Those with most offers first."""
    most = sorted(found.items(), key=lambda one: (-max(one[1]), one[0]))
    return _table(("zone", "offers", "would be"), [(zone or "at no place", *pair) for zone, pair in most])


def _customers(report: Mapping[str, Any]) -> str:
    found = report["customers"]
    rows = [
        ("customers with more offers", found["more"]),
        ("with fewer", found["fewer"]),
        ("most offers to one, as it was", found["most_before"]),
        ("as it would have been", found["most_after"]),
    ]
    return _table(("", "customers"), rows)


def _moves(found: Mapping[str, Mapping[str, Sequence[int]]]) -> str:
    if not found:
        return ""
    rows = [(zone, kind, *pair) for zone, kinds in found.items() for kind, pair in kinds.items()]
    return "<h2>Visits</h2>" + _table(("zone", "move", "as it was", "would be"), rows)


def _examples(examples: Sequence[Mapping[str, Any]]) -> str:
    if not examples:
        return "<p>There is none.</p>"
    return "".join(map(_example, examples))


def _example(one: Mapping[str, Any]) -> str:
    where = f"{one['site']}/{one['zone']}" if one["zone"] else "at no place"
    told = f"{one['kind']}: {one['campaign'] or 'no campaign'}, {where}, {one['at']}"
    sides = "".join(
        f"<h3>{name}</h3><p>{escape(side(decision))}</p><pre>{escape(_explained(decision))}</pre>"
        for name, decision in (("As it was", one["before"]), ("As it would have been", one["after"]))
    )
    return f"<details><summary>{escape(told)}</summary>{sides}</details>"


def _explained(decision: Mapping[str, Any] | None) -> str:
    """Why each campaign lost, and how its caps stood."""
    if decision is None:
        return ""
    reasons = [f"{name}: {reason}" for name, reason in decision["reasons"].items()]
    counts = [f"{cap}: {used} of {limit}" for _, cap, used, limit in decision["counts"]]
    return "\n".join([*reasons, *counts])


def _table(heads: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    kind = ' class="n"' if isinstance(value, int) else ""
    return f"<td{kind}>{escape(str(value))}</td>"
