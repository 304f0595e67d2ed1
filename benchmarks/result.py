"""What came of a run: each contestant over all its rounds, and its multiple of what it is held against."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.checking import caps_exceeded
from benchmarks.rounds import Round, Scheduled
from benchmarks.workload import Mix

# Whose multiple a contestant is told as; the others are no pings, or are the measure themselves.
BASES = {
    "single": "obvious",
    "batch20": "obvious",
    "batch100": "obvious",
    "batch500": "obvious",
    "batch100_worst": "obvious_worst",
}
CEILING = "flask"


@dataclass(frozen=True, slots=True)
class Standing:
    """One contestant over all its rounds."""

    name: str
    label: str
    mix: Mix
    rounds: tuple[Round, ...]

    @property
    def pings_per_s(self) -> float:
        return self._median(lambda round_: round_.pings_per_s)

    @property
    def p50_ms(self) -> float:
        return self._median(lambda round_: round_.p50_ms)

    @property
    def p99_ms(self) -> float:
        return self._median(lambda round_: round_.p99_ms)

    @property
    def memory_mb(self) -> float:
        return max(round_.memory_mb for round_ in self.rounds)

    @property
    def web_us(self) -> float:
        """Microseconds of processor that web processes spent on a ping; the others likewise."""
        return self._median(lambda round_: round_.us_per_ping(round_.spent.web))

    @property
    def postgres_us(self) -> float:
        return self._median(lambda round_: round_.us_per_ping(round_.spent.postgres))

    @property
    def loader_us(self) -> float:
        return self._median(lambda round_: round_.us_per_ping(round_.spent.loader))

    @property
    def served_us(self) -> float:
        return self.web_us + self.postgres_us

    @property
    def wrong(self) -> int:
        return sum(round_.verdict.wrong for round_ in self.rounds)

    @property
    def caps_exceeded(self) -> int:
        offers = (offer for round_ in self.rounds for offer in round_.verdict.offers)
        return caps_exceeded(offers, self.mix.offers_per_day)

    @property
    def first_wrong(self) -> str | None:
        return next(
            (round_.verdict.first_wrong for round_ in self.rounds if round_.verdict.first_wrong), None
        )

    def _median(self, figure: Callable[[Round], float]) -> float:
        return statistics.median(figure(round_) for round_ in self.rounds)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the figures stand on: what the loader, the disk and PostgreSQL alone come to here.

    `commits_per_s` has a figure for each round; none where pgbench is not installed.
    """

    loader_requests_per_s: float
    durable_write_ms: float
    commits_per_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    standings: tuple[Standing, ...]
    ground: Ground
    scheduled: tuple[Scheduled, ...]

    def standing(self, name: str) -> Standing | None:
        return next((standing for standing in self.standings if standing.name == name), None)

    def ratio(self, name: str) -> float | None:
        """How many times its base's pings a second; None where there is nothing to compare."""
        return self._of(self.standing(name), self.standing(BASES.get(name, "")))

    def processor_ratio(self, name: str) -> float | None:
        """How many times less processor a ping than its base, server and database: what noise changes least."""
        standing, base = self.standing(name), self.standing(BASES.get(name, ""))
        if standing is None or base is None or not standing.served_us:
            return None
        return base.served_us / standing.served_us

    @property
    def single_of_ceiling(self) -> float | None:
        return self._of(self.standing("single"), self.standing(CEILING))

    @property
    def commits_per_s(self) -> float | None:
        found = self.ground.commits_per_s
        return statistics.median(found) if found else None

    @property
    def single_of_commits(self) -> float | None:
        single, limit = self.standing("single"), self.commits_per_s
        return single.pings_per_s / limit if single and limit else None

    @property
    def single_p99_half_ms(self) -> float | None:
        found = self.scheduled
        return statistics.median(turn.p99_ms for turn in found) if found else None

    @property
    def sound(self) -> bool:
        """Whether every answer was right, was kept, and no cap was exceeded."""
        in_rounds = not any(standing.wrong or standing.caps_exceeded for standing in self.standings)
        return in_rounds and not any(turn.verdict.wrong for turn in self.scheduled)

    @property
    def web_process_mb(self) -> float:
        return max((one.memory_mb for one in self.standings if one.name in BASES), default=0.0)

    @property
    def elsewhere(self) -> list[float]:
        """Of each round of each contestant, the share of the processors that went to other work, or away."""
        return [round_.spent.elsewhere for standing in self.standings for round_ in standing.rounds]

    @property
    def stolen(self) -> float:
        """Of all processors in all rounds, the share that the machine's host took."""
        spent = [round_.spent for standing in self.standings for round_ in standing.rounds]
        available = sum(one.available for one in spent)
        return sum(one.stolen for one in spent) / available if available else 0.0

    @staticmethod
    def _of(standing: Standing | None, base: Standing | None) -> float | None:
        if standing is None or base is None or not base.pings_per_s:
            return None
        return standing.pings_per_s / base.pings_per_s
