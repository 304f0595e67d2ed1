"""One run: a cluster, databases filled, the obvious build's best shape found, then round after round."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from beacon_service.cluster import Cluster
from benchmarks.cluster import checkpoint, copy_database, durable_cluster, durable_write_ms
from benchmarks.contestants import Contestant
from benchmarks.obvious import seed as obvious_seed
from benchmarks.obvious.contestant import SHAPES, Obvious
from benchmarks.report import Ground, Standing
from benchmarks.rounds import MAX_ROUNDS, PEOPLE_PER_ROUND, Course, Round, loader_ceiling, play
from benchmarks.service import seed as service_seed
from benchmarks.service.contestant import Batches, Service, SinglePings
from benchmarks.workload import Mix

TRIAL_SECONDS = 2.5
# People of the trials come after those of the last possible round, so that nobody is seen twice.
FIRST_TRIAL_PERSON = MAX_ROUNDS * PEOPLE_PER_ROUND

progress = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float
    seed: int
    mix: Mix


def run(plan: Plan) -> tuple[list[Standing], Ground]:
    """From nothing to nothing; the obvious build stands first, since all else is told as its multiple."""
    with durable_cluster() as cluster:
        course = Course(plan.seconds, plan.seed, plan.mix, partial(checkpoint, cluster))
        with _told("measuring the loader and the disk"):
            ground = Ground(loader_ceiling(connections=16), durable_write_ms(cluster))
        contestants = [_obvious(cluster, course), *_service(cluster)]
        played: dict[str, list[Round]] = {contestant.name: [] for contestant in contestants}
        for number in range(plan.rounds):
            for contestant in contestants:
                with _told(f"round {number + 1} of {plan.rounds}: {contestant.label}"):
                    result = play(contestant, course, first_person=number * PEOPLE_PER_ROUND)
                played[contestant.name].append(result)
    return [Standing(who.name, who.label, tuple(played[who.name])) for who in contestants], ground


def _obvious(cluster: Cluster, course: Course) -> Contestant:
    with _told("loading the obvious build's database"):
        url = copy_database(cluster, "obvious")
        obvious_seed.seed(url)
    return _best_shape(url, course)


def _best_shape(url: str, course: Course) -> Contestant:
    """The obvious build in the shape that is fastest here: it should lose at its best, if it loses."""
    trial = Course(TRIAL_SECONDS, course.seed, course.mix, course.settle)
    speeds: dict[Obvious, float] = {}
    for number, (workers, threads) in enumerate(SHAPES):
        shape = Obvious(url, workers, threads)
        people = shape.party_size * shape.parties
        with _told(f"trying the {shape.label}"):
            speeds[shape] = play(shape, trial, first_person=FIRST_TRIAL_PERSON + number * people).pings_per_s
    return max(speeds, key=lambda shape: speeds[shape])


def _service(cluster: Cluster) -> Iterator[Contestant]:
    """Two copies of one filled database, so that single pings and batches meet the same people afresh."""
    with _told("loading the service's database"):
        single_url = copy_database(cluster, "single")
        service_seed.seed_people(single_url)
        with Service(single_url).serving() as server:
            service_seed.configure(server.port)
        service_seed.settle(single_url)
        batch_url = copy_database(cluster, "batch100", template="single")
    yield SinglePings(single_url)
    yield Batches(batch_url)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say on stderr what takes so long, and how long it took."""
    began = time.perf_counter()
    with progress.status(what):
        yield
    progress.print(f"{what}: {time.perf_counter() - began:.1f} s", markup=False)
