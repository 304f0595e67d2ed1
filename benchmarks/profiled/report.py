"""Where the time goes, by module and by function, and whose processors it is."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from benchmarks.rounds import Round

MODULES, FUNCTIONS = 20, 25
# What stands above these in a path is where things lie on this machine.
ROOTS = ("site-packages", "python3", "beacon_service", "benchmarks")


class Row(NamedTuple):
    """One function: `own_s` without and `with_called_s` with what it called."""

    module: str
    function: str
    calls: int
    own_s: float
    with_called_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a profiler saw of so many requests; `wall_s` is how long they took, waiting included."""

    requests: int
    wall_s: float
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Seen":
        rows = tuple(
            Row(module_of(file), f"{function}:{line}", calls, own_s, with_called_s)
            for file, line, function, calls, own_s, with_called_s in answer["rows"]
        )
        return cls(answer["requests"], answer["wall_s"], rows)

    @property
    def computing_s(self) -> float:
        return sum(row.own_s for row in self.rows)

    @property
    def by_module(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in self.rows:
            found[row.module] += row.own_s  # type: ignore[assignment]
        return found


@dataclass(frozen=True, slots=True)
class Profile:
    """`round_` without and `slowed` with the profiler, which slows small functions most."""

    label: str
    round_: Round
    slowed: Round
    seen: Seen


def module_of(file: str) -> str:
    """`.../site-packages/psycopg/_copy.py` -> `psycopg._copy`; `<string>` stays what it is."""
    parts = PurePath(file).with_suffix("").parts
    for root in ROOTS:
        places = [place for place, part in enumerate(parts) if part.startswith(root)]
        if places:
            keep = root in {"beacon_service", "benchmarks"}
            return ".".join(parts[places[0] + (not keep) :]).removesuffix(".__init__")
    return ".".join(parts[-2:]) if len(parts) > 1 else file


def table(profile: Profile) -> str:
    """Shares of the time that the deciding thread computed; below, whose work the processors did."""
    seen = profile.seen
    total_s = seen.computing_s or 1.0
    waiting = 1 - min(1.0, seen.computing_s / seen.wall_s) if seen.wall_s else 0.0
    each_ms = 1000 * seen.wall_s / max(1, seen.requests)
    speeds = (
        f"{profile.round_.pings_per_s:,.0f} pings/s, {profile.slowed.pings_per_s:,.0f} under the profiler"
    )
    waited = f"{100 * waiting:.0f} % of that waiting for PostgreSQL or for a processor"
    lines = [
        f"{profile.label}, one web process with one thread: {speeds}",
        _divided(profile.round_),
        f"{seen.requests:,} requests of {each_ms:.1f} ms; {waited}. Of the rest:",
        "",
    ]
    lines += [f"{100 * own_s / total_s:6.1f} %  {module}" for module, own_s in _first(seen.by_module)]
    lines += ["", f"{'own':>8}{'with called':>13}{'calls/ping':>12}"]
    functions = sorted(seen.rows, key=lambda row: row.own_s, reverse=True)[:FUNCTIONS]
    lines += [_function_line(row, total_s, max(1, profile.slowed.verdict.pings)) for row in functions]
    return "\n".join(lines)


def as_json(profiles: Iterable[Profile]) -> str:
    """One line: of each mix the shares by module and by function, and the processors' time a ping."""
    return json.dumps({profile.label: _figures(profile) for profile in profiles})


def _divided(round_: Round) -> str:
    """Of one round without the profiler: whose the processors' time was."""
    spent = round_.spent
    ours = spent.web + spent.postgres + spent.loader or 1.0
    parts = (("web process", spent.web), ("PostgreSQL", spent.postgres), ("loader", spent.loader))
    told = ", ".join(
        f"{name} {round_.us_per_ping(seconds):,.0f} us a ping ({100 * seconds / ours:.0f} %)"
        for name, seconds in parts
    )
    return f"processors without it: {told}"


def _first(modules: Counter[str]) -> Sequence[tuple[str, float]]:
    return modules.most_common(MODULES)


def _function_line(row: Row, total_s: float, pings: int) -> str:
    own, with_called = 100 * row.own_s / total_s, 100 * row.with_called_s / total_s
    return f"{own:6.1f} %{with_called:11.1f} %{row.calls / pings:>12.2f}  {row.module}.{row.function}"


def _figures(profile: Profile) -> dict[str, Any]:
    seen = profile.seen
    total_s = seen.computing_s or 1.0
    round_ = profile.round_
    functions = sorted(seen.rows, key=lambda row: row.own_s, reverse=True)[:FUNCTIONS]
    return {
        "pings_per_s": round(round_.pings_per_s, 1),
        "web_us_per_ping": round(round_.us_per_ping(round_.spent.web), 1),
        "postgres_us_per_ping": round(round_.us_per_ping(round_.spent.postgres), 1),
        "loader_us_per_ping": round(round_.us_per_ping(round_.spent.loader), 1),
        "modules": {module: round(own_s / total_s, 4) for module, own_s in _first(seen.by_module)},
        "functions": {f"{row.module}.{row.function}": round(row.own_s / total_s, 4) for row in functions},
    }
