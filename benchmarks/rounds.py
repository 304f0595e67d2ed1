"""Plays rounds: everybody in turn, again and again, so that a slow minute of the machine is shared by all."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks import workload
from benchmarks.checking import Verdict, check
from benchmarks.contestants import Contestant, Exchange
from benchmarks.loader import Lane, drive
from benchmarks.servers import free_port, running
from benchmarks.wire import post
from benchmarks.workload import Mix, PlannedPing

# The most that any contestant is given for a round: 4 800 people x 20 steps = 96 000 pings.
PEOPLE_PER_ROUND = 4_800
MAX_ROUNDS = 9
WARM_UP_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Round:
    pings_per_s: float
    p50_ms: float
    p99_ms: float
    memory_mb: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Course:
    """What is the same for every contestant of a run; `settle` is called before each measured part."""

    seconds: float
    seed: int
    mix: Mix
    settle: Callable[[], None]

    def parties(self, contestant: Contestant, first_person: int) -> list[list[PlannedPing]]:
        size = contestant.party_size
        firsts = range(first_person, first_person + size * contestant.parties, size)
        return [workload.party(range(first, first + size), seed=self.seed, mix=self.mix) for first in firsts]


def play(contestant: Contestant, course: Course, *, first_person: int) -> Round:
    """One round on people nobody has seen in this database before: first they are placed, then they walk."""
    parties = course.parties(contestant, first_person)
    with contestant.serving() as server:
        began_at = datetime.now(UTC)
        size = contestant.party_size
        placed = contestant.warm_up([ping for party in parties for ping in party[:size]], began_at)
        walked = [contestant.exchanges(party[size:], began_at) for party in parties]
        warm_up, _, _ = _run(contestant, server.port, [[exchange] for exchange in placed], WARM_UP_LIMIT_S)
        if warm_up.pings < sum(len(exchange.pings) for exchange in placed):
            raise TimeoutError(f"{contestant.label}: not warm within {WARM_UP_LIMIT_S:.0f} s")
        if warm_up.wrong:
            return Round(0.0, 0.0, 0.0, server.heaviest_process_mb(), warm_up)
        course.settle()
        verdict, latencies_ms, seconds = _run(contestant, server.port, walked, course.seconds)
        memory_mb = server.heaviest_process_mb()
    cuts = statistics.quantiles(latencies_ms, n=100, method="inclusive")
    return Round(verdict.pings / seconds, cuts[49], cuts[98], memory_mb, verdict)


def _run(
    contestant: Contestant, port: int, parties: Sequence[Sequence[Exchange]], seconds: float
) -> tuple[Verdict, list[float], float]:
    """Spread the parties over the connections, each party whole: a phone's pings must stay in order."""
    by_lane = [
        [exchange for party in parties[first :: contestant.connections] for exchange in party]
        for first in range(contestant.connections)
    ]
    lanes = [Lane([exchange.request for exchange in exchanges]) for exchanges in by_lane]
    taken_s = drive(port, lanes, seconds=seconds)
    verdicts = [
        check(contestant, exchanges, lane.answers) for exchanges, lane in zip(by_lane, lanes, strict=True)
    ]
    return _joined(verdicts), [ms for lane in lanes for ms in lane.latencies_ms], taken_s


def _joined(verdicts: Sequence[Verdict]) -> Verdict:
    return Verdict(
        wrong=sum(verdict.wrong for verdict in verdicts),
        first_wrong=next((verdict.first_wrong for verdict in verdicts if verdict.first_wrong), None),
        pings=sum(verdict.pings for verdict in verdicts),
        entered=sum(verdict.entered for verdict in verdicts),
        offers=tuple(offer for verdict in verdicts for offer in verdict.offers),
    )


def loader_ceiling(*, connections: int, seconds: float = 1.5) -> float:
    """Requests a second that the loader makes of a server that does nothing: the most it can measure."""
    port = free_port()
    request = post("/pings", {"Authorization": "Bearer " + "x" * 40}, b'{"latitude": 30.29}' + b" " * 300)
    lanes = [Lane([request] * 50_000) for _ in range(connections)]
    command = [sys.executable, "-m", "benchmarks.echo", str(port)]
    with running(command, port=port, environment={}, ready_path=None):
        began = time.perf_counter()
        drive(port, lanes, seconds=seconds)
        return sum(len(lane.answers) for lane in lanes) / (time.perf_counter() - began)
