"""From rounds to figures: medians, ranges and the two ratios, as a table and as a line of JSON."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.checking import caps_exceeded
from benchmarks.rounds import Round


@dataclass(frozen=True, slots=True)
class Standing:
    """One contestant over all its rounds."""

    name: str
    label: str
    rounds: tuple[Round, ...]

    @property
    def pings_per_s(self) -> float:
        return statistics.median(round_.pings_per_s for round_ in self.rounds)

    @property
    def p50_ms(self) -> float:
        return statistics.median(round_.p50_ms for round_ in self.rounds)

    @property
    def p99_ms(self) -> float:
        return statistics.median(round_.p99_ms for round_ in self.rounds)

    @property
    def memory_mb(self) -> float:
        return max(round_.memory_mb for round_ in self.rounds)

    @property
    def wrong(self) -> int:
        return sum(round_.verdict.wrong for round_ in self.rounds)

    @property
    def caps_exceeded(self) -> int:
        return caps_exceeded(offer for round_ in self.rounds for offer in round_.verdict.offers)

    @property
    def first_wrong(self) -> str | None:
        return next(
            (round_.verdict.first_wrong for round_ in self.rounds if round_.verdict.first_wrong), None
        )


@dataclass(frozen=True, slots=True)
class Ground:
    """What the figures stand on: the load that the loader could make, and what a durable write costs here."""

    loader_requests_per_s: float
    durable_write_ms: float


def ratio(standing: Standing, base: Standing) -> float:
    """How many times the base's pings a second; 0 where there is nothing to compare."""
    return standing.pings_per_s / base.pings_per_s if base.pings_per_s else 0.0


def sound(standings: Sequence[Standing]) -> bool:
    """Whether every answer was right and no cap was exceeded."""
    return not any(standing.wrong or standing.caps_exceeded for standing in standings)


def table(standings: Sequence[Standing], ground: Ground) -> str:
    base = standings[0]
    heading = f"{'':34}{'pings/s':>9}{'range':>17}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}{'MB':>6}"
    lines = [heading, *(_line(standing, base) for standing in standings), ""]
    lines.append(
        f"The loader can make {ground.loader_requests_per_s:,.0f} requests/s here; "
        f"one small durable write takes {ground.durable_write_ms:.2f} ms."
    )
    lines += [_verdict_line(standing) for standing in standings]
    return "\n".join(lines)


def _line(standing: Standing, base: Standing) -> str:
    speeds = [round_.pings_per_s for round_ in standing.rounds]
    spread = f"{min(speeds):,.0f}-{max(speeds):,.0f}"
    return (
        f"{standing.label:34}{standing.pings_per_s:>9,.0f}{spread:>17}{ratio(standing, base):>8.1f}"
        f"{standing.p50_ms:>9.1f}{standing.p99_ms:>9.1f}{standing.memory_mb:>6.0f}"
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
    return f"{found}all as they must be, no cap exceeded"


def as_json(standings: Sequence[Standing], ground: Ground) -> str:
    """One line: the ratios, and of each contestant the medians and every round."""
    by_name: Mapping[str, Standing] = {standing.name: standing for standing in standings}
    base = standings[0]
    result: dict[str, Any] = {
        "single_ratio": round(ratio(by_name["single"], base), 2),
        "batch100_ratio": round(ratio(by_name["batch100"], base), 2),
        "sound": sound(standings),
        "rounds": len(base.rounds),
        "web_process_mb": round(max(by_name[name].memory_mb for name in ("single", "batch100")), 1),
        "loader_requests_per_s": round(ground.loader_requests_per_s),
        "durable_write_ms": round(ground.durable_write_ms, 3),
        **{standing.name: _figures(standing) for standing in standings},
    }
    return json.dumps(result)


def _figures(standing: Standing) -> dict[str, Any]:
    return {
        "pings_per_s": round(standing.pings_per_s, 1),
        "p50_ms": round(standing.p50_ms, 2),
        "p99_ms": round(standing.p99_ms, 2),
        "memory_mb": round(standing.memory_mb, 1),
        "wrong_answers": standing.wrong,
        "caps_exceeded": standing.caps_exceeded,
        "rounds_pings_per_s": [round(round_.pings_per_s, 1) for round_ in standing.rounds],
    }
