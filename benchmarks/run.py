"""One run: a cluster, databases filled, the obvious build's best shape found, then round after round."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from beacon_service import cluster as private_cluster
from beacon_service.cluster import Cluster
from benchmarks import commits, prepared
from benchmarks.ceiling.contestant import Ceiling
from benchmarks.cluster import checkpoint, durable_cluster, durable_write_ms
from benchmarks.contestants import Contestant
from benchmarks.obvious.contestant import SHAPES, Obvious
from benchmarks.result import Ground, Result, Standing
from benchmarks.rounds import (
    MAX_ROUNDS,
    PEOPLE_PER_ROUND,
    Course,
    Round,
    Scheduled,
    loader_ceiling,
    play,
    play_on_schedule,
)
from benchmarks.service.contestant import Batches, SinglePings
from benchmarks.telling import progress, told
from benchmarks.workload import WORST, Mix

TRIAL_SECONDS = 2.5
# People of trials and schedules come after those of the last possible round, so that nobody is seen twice.
FIRST_FREE_PERSON = MAX_ROUNDS * PEOPLE_PER_ROUND
SCHEDULES = 3
PEOPLE_PER_SCHEDULE = 2_000
# As many as send single pings.
COMMITTING_CLIENTS = 64
COMMITTING_S, QUICK_COMMITTING_S = 3, 2


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float
    scheduled_seconds: float
    seed: int
    mix: Mix
    committing_s: int = COMMITTING_S


def run(plan: Plan) -> Result:
    """From nothing to nothing; the obvious build stands first, since all else is told as its multiple."""
    with durable_cluster() as cluster:
        course = course_of(cluster, plan)
        with told("measuring the loader and the disk"):
            ground = Ground(loader_ceiling(connections=64), durable_write_ms(cluster))
        obvious = _obvious(cluster, course, plan.mix)
        contestants = [*obvious, *_service(cluster, plan.mix)]
        committing = commits.available(cluster)
        if committing:
            commits.prepare(cluster)
        played: dict[str, list[Round]] = {contestant.name: [] for contestant in contestants}
        committed: list[float] = []
        for number in range(plan.rounds):
            began = time.perf_counter()
            # To and fro, so that nobody always comes behind the same other.
            for contestant in contestants if number % 2 == 0 else contestants[::-1]:
                with told(f"round {number + 1} of {plan.rounds}: {contestant.label}"):
                    result = play(contestant, course, first_person=number * PEOPLE_PER_ROUND)
                played[contestant.name].append(result)
            if committing:
                with told(f"round {number + 1} of {plan.rounds}: PostgreSQL, committing rows"):
                    checkpoint(cluster)
                    committed.append(
                        commits.commits_per_s(cluster, clients=COMMITTING_CLIENTS, seconds=plan.committing_s)
                    )
            _say_what_is_left(plan, number, time.perf_counter() - began)
        standings = [Standing(who.name, who.label, who.mix, tuple(played[who.name])) for who in contestants]
        scheduled = _on_schedule(contestants, standings, course, plan)
    return Result(tuple(standings), replace(ground, commits_per_s=tuple(committed)), scheduled)


def course_of(cluster: Cluster, plan: Plan) -> Course:
    postgres = private_cluster.running_pid(cluster)
    return Course(plan.seconds, plan.seed, partial(checkpoint, cluster), postgres)


def _obvious(cluster: Cluster, course: Course, mix: Mix) -> list[Contestant]:
    with told("loading the obvious build's database"):
        usual, worst = prepared.obvious_databases(cluster)
    best = _best_shape(usual, course, mix)
    return [best, replace(best, database_url=worst, mix=WORST)]


def _best_shape(url: str, course: Course, mix: Mix) -> Obvious:
    """The obvious build in the shape that is fastest here: it should lose at its best, if it loses."""
    trial = replace(course, seconds=TRIAL_SECONDS)
    speeds: dict[Obvious, float] = {}
    first_person = FIRST_FREE_PERSON
    for workers, threads in SHAPES:
        shape = Obvious(url, workers, threads, mix)
        with told(f"trying the {shape.label}"):
            speeds[shape] = play(shape, trial, first_person=first_person).pings_per_s
        first_person += PEOPLE_PER_SCHEDULE
    return max(speeds, key=lambda shape: speeds[shape])


def _service(cluster: Cluster, mix: Mix) -> list[Contestant]:
    """Each on a copy of one filled database."""
    with told("loading the service's databases"):
        prepared.fill_service(cluster)
        prepared.fill_service_worst(cluster)
        sizes = (20, 100, 500)
        names = ["single", *(f"batch{size}" for size in sizes)]
        single, *batches = prepared.copies(cluster, names, template=prepared.FILLED)
        (worst,) = prepared.copies(cluster, ["batch100_worst"], template=prepared.FILLED_WORST)
    return [
        SinglePings(single, mix=mix),
        *(Batches(url, party_size=size, mix=mix) for size, url in zip(sizes, batches, strict=True)),
        Batches(worst, mix=WORST),
        Ceiling(cluster.url(database=prepared.FILLED)),
    ]


def _on_schedule(
    contestants: Sequence[Contestant], standings: Sequence[Standing], course: Course, plan: Plan
) -> tuple[Scheduled, ...]:
    """Single pings at half of what they came to in the rounds."""
    single = next(contestant for contestant in contestants if contestant.name == "single")
    rate = next(standing for standing in standings if standing.name == "single").pings_per_s / 2
    if not rate:
        return ()
    timed = replace(course, seconds=plan.scheduled_seconds)
    found = []
    for number in range(SCHEDULES):
        with told(f"schedule {number + 1} of {SCHEDULES}: {rate:,.0f} single pings/s"):
            first_person = FIRST_FREE_PERSON + number * PEOPLE_PER_SCHEDULE
            found.append(play_on_schedule(single, timed, rate=rate, first_person=first_person))
    return tuple(found)


def _say_what_is_left(plan: Plan, number: int, round_s: float) -> None:
    left_s = (plan.rounds - number - 1) * round_s + SCHEDULES * (plan.scheduled_seconds + 6)
    progress.print(f"about {left_s / 60:.1f} minutes to go", markup=False)
