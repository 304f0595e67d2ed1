"""Plays rounds: everybody in turn, again and again, so that a slow minute of the machine is shared by all."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from benchmarks import workload
from benchmarks.checking import Verdict, check, joined, with_what_was_kept
from benchmarks.contestants import Contestant, Exchange, Kept, parties_for
from benchmarks.loader import Lane, drive, keep_time, latencies_ms, percentiles
from benchmarks.processors import Spent, spent
from benchmarks.servers import Server, free_port, running
from benchmarks.telling import Failed
from benchmarks.wire import post
from benchmarks.workload import PlannedPing

# The most that any contestant is given for a round: 4 800 people x 20 steps = 96 000 pings.
PEOPLE_PER_ROUND = 4_800
MAX_ROUNDS = 9
WARM_UP_LIMIT_S = 30.0
# People are placed by gateways; more of them at once would be sent away with their large batches.
PLACING_CONNECTIONS = 8
# As many phones as hardly ever have two pings out at once, at half of what the service can answer.
SCHEDULED_CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class Round:
    """One contestant's turn; `spent` is what it and the loader cost the processors meanwhile."""

    pings_per_s: float
    p50_ms: float
    p99_ms: float
    memory_mb: float
    verdict: Verdict
    spent: Spent

    def us_per_ping(self, seconds: float) -> float:
        """Microseconds of each ping, of seconds that all of them took."""
        return 1e6 * seconds / self.verdict.pings if self.verdict.pings else 0.0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One turn on a schedule; latencies count from when each ping was due. `late_ms`: the loader's own p99."""

    rate: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    late_ms: float
    verdict: Verdict
    spent: Spent


@dataclass(frozen=True, slots=True)
class Course:
    """What is the same for every contestant of a run.

    `settle` is called before each measured part; `postgres` is the process that all others of the database come from.
    """

    seconds: float
    seed: int
    settle: Callable[[], None]
    postgres: int | None


class Measured(NamedTuple):
    """One measured part, of either way of loading."""

    lanes: Sequence[Lane]
    taken_s: float
    spent: Spent
    verdict: Verdict
    memory_mb: float


def play(contestant: Contestant, course: Course, *, first_person: int) -> Round:
    """One round on people nobody has seen in this database before: first they are placed, then they walk."""
    size = contestant.party_size
    people = range(first_person, first_person + size * parties_for(contestant, course.seconds))
    parties = [
        workload.party(range(first, first + size), seed=course.seed, mix=contestant.mix)
        for first in people[::size]
    ]
    with _placed(contestant, parties, size) as (server, began_at):
        walked = [contestant.exchanges(party[size:], began_at) for party in parties]
        load = partial(drive, server.port, seconds=course.seconds)
        found = _measured(contestant, course, server, by_lane(walked, contestant.connections), load)
    cuts = percentiles(latencies_ms(found.lanes))
    pings_per_s = found.verdict.pings / found.taken_s
    return Round(pings_per_s, cuts[49], cuts[98], found.memory_mb, found.verdict, found.spent)


def play_on_schedule(contestant: Contestant, course: Course, *, rate: float, first_person: int) -> Scheduled:
    """So many pings a second whatever becomes of them, of people who walk side by side, each on a connection."""
    steps = course.seconds * rate / workload.STEPS
    people = SCHEDULED_CONNECTIONS * max(1, round(steps / SCHEDULED_CONNECTIONS))
    crowd = range(first_person, first_person + people)
    party = workload.party(crowd, seed=course.seed, mix=contestant.mix)
    with _placed(contestant, [party], people) as (server, began_at):
        exchanges = contestant.exchanges(party[people:], began_at)
        walked = [exchanges[first::SCHEDULED_CONNECTIONS] for first in range(SCHEDULED_CONNECTIONS)]
        found = _measured(contestant, course, server, walked, partial(keep_time, server.port, rate=rate))
    latencies = latencies_ms(found.lanes)
    cuts = percentiles(latencies)
    late = percentiles([ms for lane in found.lanes for ms in lane.late_ms])
    return Scheduled(rate, cuts[49], cuts[98], max(latencies), late[98], found.verdict, found.spent)


def _measured(
    contestant: Contestant,
    course: Course,
    server: Server,
    walked: Sequence[Sequence[Exchange]],
    load: Callable[[Sequence[Lane]], float],
) -> Measured:
    """`load` sends the lanes' requests and gives the seconds that it took."""
    lanes = lanes_of(walked)
    course.settle()
    already = contestant.kept()
    before = spent(server.pid, course.postgres)
    taken_s = load(lanes)
    used = spent(server.pid, course.postgres).since(before)
    verdict = _judged(contestant, walked, lanes, already)
    return Measured(lanes, taken_s, used, verdict, server.heaviest_process_mb())


class Unready(Failed):
    """A contestant did not even place its people."""


@contextmanager
def _placed(
    contestant: Contestant, parties: Sequence[Sequence[PlannedPing]], size: int
) -> Iterator[tuple[Server, datetime]]:
    """The contestant's server, warm, with everybody where they begin; and the time that the pings count from."""
    with contestant.serving() as server:
        began_at = datetime.now(UTC)
        first_steps = [ping for party in parties for ping in party[:size]]
        warming = [[one] for one in contestant.warm_up(first_steps, began_at)]
        placing = by_lane(warming, min(contestant.connections, PLACING_CONNECTIONS))
        lanes = lanes_of(placing)
        drive(server.port, lanes, seconds=WARM_UP_LIMIT_S, all_of_them=True)
        verdict = joined(
            check(contestant, exchanges, lane.answers) for exchanges, lane in zip(placing, lanes, strict=True)
        )
        if verdict.pings < len(first_steps):
            raise TimeoutError(f"{contestant.label}: not warm within {WARM_UP_LIMIT_S:.0f} s")
        if verdict.wrong:
            raise Unready(f"{contestant.label}: wrong in the warm-up: {verdict.first_wrong}")
        yield server, began_at


def by_lane(parties: Sequence[Sequence[Exchange]], connections: int) -> list[list[Exchange]]:
    """Spread the parties over the connections, each party whole: a phone's pings must stay in order."""
    return [
        [exchange for party in parties[first::connections] for exchange in party]
        for first in range(connections)
    ]


def lanes_of(walked: Sequence[Sequence[Exchange]]) -> list[Lane]:
    return [Lane([exchange.request for exchange in exchanges]) for exchanges in walked]


def _judged(
    contestant: Contestant, walked: Sequence[Sequence[Exchange]], lanes: Sequence[Lane], already: Kept | None
) -> Verdict:
    verdict = joined(
        check(contestant, exchanges, lane.answers) for exchanges, lane in zip(walked, lanes, strict=True)
    )
    found = contestant.kept()
    if already is None or found is None:
        return verdict
    more = Kept(found.pings - already.pings, found.offers - already.offers)
    return with_what_was_kept(verdict, verdict.kept, more)


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
