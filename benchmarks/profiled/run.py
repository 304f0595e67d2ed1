"""Batches of 100 served by one web process under a profiler, and the same without it, to see what it costs."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from benchmarks import prepared
from benchmarks.cluster import durable_cluster
from benchmarks.profiled.app import FORGET, PATH
from benchmarks.profiled.report import Profile, Seen
from benchmarks.rounds import PEOPLE_PER_ROUND, play
from benchmarks.run import Plan, course_of
from benchmarks.servers import Server
from benchmarks.service.contestant import Batches
from benchmarks.service.programs import serve
from benchmarks.telling import told
from benchmarks.workload import WORST

ONE = "1"


@dataclass(frozen=True, slots=True)
class OneProcess(Batches):
    """Two connections keep its one thread busy."""

    web_processes: int = 1
    connections: int = 2

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with serve(self.database_url, web_processes=1, BEACON_WEB_THREADS=ONE) as server:
            yield server


@dataclass(frozen=True, slots=True)
class UnderAProfiler(OneProcess):
    """Asked what it has seen when the last answer is there, while its server still runs."""

    ports: list[int] = field(default_factory=list, compare=False)
    seen: list[Seen] = field(default_factory=list, compare=False)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        target = "benchmarks.profiled.app:create_app"
        with serve(self.database_url, target=target, web_processes=1, BEACON_WEB_THREADS=ONE) as server:
            self.ports.append(server.port)
            yield server
            self.seen.append(Seen.read(_ask(server.port, PATH)))

    def forget(self) -> None:
        """What was seen of the warm-up."""
        _ask(self.ports[-1], FORGET)


def profile(plan: Plan) -> list[Profile]:
    with durable_cluster() as cluster:
        course = course_of(cluster, plan)
        with told("loading the service's databases"):
            prepared.fill_service(cluster)
            prepared.fill_service_worst(cluster)
        profiles = []
        for mix, template in ((plan.mix, prepared.FILLED), (WORST, prepared.FILLED_WORST)):
            url = cluster.url(database=template)
            plain, profiled = OneProcess(url, mix=mix), UnderAProfiler(url, mix=mix)
            with told(f"{plain.label}, one web process"):
                round_ = play(plain, course, first_person=0)
            with told(f"{plain.label}, the same under the profiler"):
                unwarmed = replace(course, settle=partial(_each, course.settle, profiled.forget))
                slowed = play(profiled, unwarmed, first_person=PEOPLE_PER_ROUND)
            profiles.append(Profile(plain.label, round_, slowed, profiled.seen[0]))
    return profiles


def _each(*calls: Callable[[], None]) -> None:
    for call in calls:
        call()


def _ask(port: int, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer
