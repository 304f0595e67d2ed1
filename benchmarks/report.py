"""A result as a table and as a line of JSON: medians, ranges and ratios."""

import json
import statistics
from typing import Any

from benchmarks.checking import joined
from benchmarks.result import BASES, CEILING, Result, Standing
from benchmarks.rounds import Scheduled


def table(result: Result) -> str:
    heading = (
        f"{'':39}{'pings/s':>9}{'range':>15}{'ratio':>7}{'of cpu':>8}{'p50 ms':>8}{'p99 ms':>8}{'MB':>5}"
        f"{'web':>7}{'PG':>6}{'loader':>8}  us of processor a ping"
    )
    lines = [heading, *(_line(standing, result) for standing in result.standings), ""]
    lines += [*_ceilings(result), *_schedule(result), "", _others(result), ""]
    lines += [_verdict_line(standing) for standing in result.standings if standing.name != CEILING]
    return "\n".join(lines)


def _line(standing: Standing, result: Result) -> str:
    speeds = [round_.pings_per_s for round_ in standing.rounds]
    spread = f"{min(speeds):,.0f}-{max(speeds):,.0f}"
    times, less = (
        "" if ratio is None else f"{ratio:.1f}"
        for ratio in (result.ratio(standing.name), result.processor_ratio(standing.name))
    )
    return (
        f"{standing.label:39}{standing.pings_per_s:>9,.0f}{spread:>15}{times:>7}{less:>8}"
        f"{standing.p50_ms:>8.1f}{standing.p99_ms:>8.1f}{standing.memory_mb:>5.0f}"
        f"{standing.web_us:>7,.0f}{standing.postgres_us:>6,.0f}{standing.loader_us:>8,.0f}"
    )


def _ceilings(result: Result) -> list[str]:
    ground = result.ground
    disk = f"one small durable write takes {ground.durable_write_ms:.2f} ms."
    lines = [f"The loader can make {ground.loader_requests_per_s:,.0f} requests/s here; {disk}"]
    if result.single_of_ceiling is not None:
        lines.append(
            f"Single pings come to {result.single_of_ceiling:.2f} of Flask's requests/s behind the same server."
        )
    if result.commits_per_s is None or result.single_of_commits is None:
        lines.append("PostgreSQL's own limit is not known: pgbench is not installed beside its programs.")
    else:
        lines.append(
            f"PostgreSQL alone makes {result.commits_per_s:,.0f} durable one-row commits/s by pgbench: "
            f"single pings come to {result.single_of_commits:.2f} of one commit each."
        )
    return lines


def _schedule(result: Result) -> list[str]:
    if not result.scheduled:
        return []
    turns = result.scheduled
    spread = f"{min(turn.p99_ms for turn in turns):.1f}-{max(turn.p99_ms for turn in turns):.1f}"
    told = (
        f"On a schedule, at half of that ({turns[0].rate:,.0f} single pings/s), counted from when each was due: "
        f"p50 {statistics.median(turn.p50_ms for turn in turns):.1f} ms, "
        f"p99 {result.single_p99_half_ms:.1f} ms ({spread}), worst {max(turn.worst_ms for turn in turns):.0f} ms; "
        f"the loader's own lateness p99 {max(turn.late_ms for turn in turns):.1f} ms, "
        f"{100 * statistics.median(turn.spent.elsewhere for turn in turns):.0f} % of the processors elsewhere."
    )
    verdict = joined(turn.verdict for turn in turns)
    if not verdict.wrong:
        return [told]
    return [told, f"On it {verdict.wrong:,} WRONG ANSWERS, the first: {verdict.first_wrong}"]


def _others(result: Result) -> str:
    shares = result.elsewhere
    return (
        f"Meanwhile {100 * statistics.median(shares):.0f} % of the processors went elsewhere "
        f"({100 * min(shares):.0f} to {100 * max(shares):.0f} % in a round; {100 * result.stolen:.0f} % taken by the "
        "host): the less, the more the figures are worth."
    )


def _verdict_line(standing: Standing) -> str:
    pings = sum(round_.verdict.pings for round_ in standing.rounds)
    entered = sum(round_.verdict.entered for round_ in standing.rounds)
    offers = sum(len(round_.verdict.offers) for round_ in standing.rounds)
    found = f"{standing.name}: {pings:,} pings answered, {entered:,} zones entered, {offers:,} offers; "
    if standing.wrong:
        return f"{found}{standing.wrong:,} WRONG ANSWERS, the first: {standing.first_wrong}"
    if standing.caps_exceeded:
        return f"{found}{standing.caps_exceeded:,} CAPS EXCEEDED"
    return f"{found}all as they must be, and kept; no cap exceeded"


def as_json(result: Result) -> str:
    """One line: the ratios, and of each contestant the medians and every round."""
    commits = result.commits_per_s
    found: dict[str, Any] = {
        **{f"{name}_ratio": _rounded(result.ratio(name), 2) for name in BASES},
        **{f"{name}_processor_ratio": _rounded(result.processor_ratio(name), 2) for name in BASES},
        "single_of_ceiling": _rounded(result.single_of_ceiling, 3),
        "single_of_commits": _rounded(result.single_of_commits, 3),
        "single_p99_half_ms": _rounded(result.single_p99_half_ms, 2),
        "sound": result.sound,
        "rounds": len(result.standings[0].rounds),
        "web_process_mb": round(result.web_process_mb, 1),
        "loader_requests_per_s": round(result.ground.loader_requests_per_s),
        "durable_write_ms": round(result.ground.durable_write_ms, 3),
        "commits_per_s": _rounded(commits, 0),
        "rounds_commits_per_s": [round(one) for one in result.ground.commits_per_s],
        "elsewhere": round(statistics.median(result.elsewhere), 3),
        "scheduled": [_scheduled(turn) for turn in result.scheduled],
        **{standing.name: _figures(standing) for standing in result.standings},
    }
    return json.dumps(found)


def _rounded(figure: float | None, digits: int) -> float | None:
    return None if figure is None else round(figure, digits)


def _scheduled(turn: Scheduled) -> dict[str, Any]:
    return {
        "rate": round(turn.rate, 1),
        "p50_ms": round(turn.p50_ms, 2),
        "p99_ms": round(turn.p99_ms, 2),
        "worst_ms": round(turn.worst_ms, 2),
        "loader_late_p99_ms": round(turn.late_ms, 2),
        "elsewhere": round(turn.spent.elsewhere, 3),
        "wrong_answers": turn.verdict.wrong,
    }


def _figures(standing: Standing) -> dict[str, Any]:
    return {
        "pings_per_s": round(standing.pings_per_s, 1),
        "p50_ms": round(standing.p50_ms, 2),
        "p99_ms": round(standing.p99_ms, 2),
        "memory_mb": round(standing.memory_mb, 1),
        "web_us_per_ping": round(standing.web_us, 1),
        "postgres_us_per_ping": round(standing.postgres_us, 1),
        "loader_us_per_ping": round(standing.loader_us, 1),
        "wrong_answers": standing.wrong,
        "caps_exceeded": standing.caps_exceeded,
        "rounds_pings_per_s": [round(round_.pings_per_s, 1) for round_ in standing.rounds],
        "rounds_elsewhere": [round(round_.spent.elsewhere, 3) for round_ in standing.rounds],
    }
