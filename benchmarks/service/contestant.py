"""This service as a contestant: phones that send single pings, gateways that send batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec

from benchmarks import workload
from benchmarks.contestants import Answer, Exchange, Kept
from benchmarks.servers import Server
from benchmarks.service.keys import PUBLISHABLE_KEY, SECRET_KEY
from benchmarks.service.programs import WEB_PROCESSES, serve
from benchmarks.wire import post
from benchmarks.workload import REALISTIC, WORST, Mix, PlannedPing

# As many single pings as the obvious build has for its warm-up.
WARMING = 320
BATCH = 100
KEPT = "SELECT (SELECT count(*) FROM pings), (SELECT count(*) FROM grants WHERE arm = 'offered')"


@dataclass(frozen=True, slots=True)
class Service:
    """What all have in common. The worker does not run: no timer falls due within a round."""

    database_url: str
    web_processes: int = WEB_PROCESSES

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with serve(self.database_url, web_processes=self.web_processes) as server:
            yield server

    def read(self, _exchange: Exchange, body: bytes) -> Answer:
        return read_answer(body)

    def kept(self) -> Kept | None:
        return Kept.found(self.database_url, KEPT)


@dataclass(frozen=True, slots=True)
class SinglePings(Service):
    mix: Mix = REALISTIC
    name: str = "single"
    label: str = "single pings"
    connections: int = 64
    party_size: int = 20
    fastest: float = 6_000.0

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        """The first few as they will come in the round, so that nothing is done for the first time there."""
        return [*self.exchanges(pings[:WARMING], began_at), *batches(pings[WARMING:], began_at, BATCH)]

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return [single(ping, began_at) for ping in pings]


@dataclass(frozen=True, slots=True)
class Batches(Service):
    """Eight gateways at once: twice the threads that could work on large ones in parallel."""

    party_size: int = 100
    mix: Mix = REALISTIC
    fastest: float = 10_000.0
    connections: int = 8

    @property
    def name(self) -> str:
        return f"batch{self.party_size}{'_worst' if self.mix == WORST else ''}"

    @property
    def label(self) -> str:
        return f"batches of {self.party_size}{', every ping decides' if self.mix == WORST else ''}"

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return self.exchanges(pings, began_at)

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return batches(pings, began_at, self.party_size)


def single(ping: PlannedPing, began_at: datetime) -> Exchange:
    return sent_by_phone(ping, at=workload.step_at(ping.step, began_at), sent_at=began_at)


def sent_by_phone(ping: PlannedPing, *, at: datetime, sent_at: datetime) -> Exchange:
    phone = workload.person_name(ping.person)
    body = f'{{"installation_id": "{phone}", "sent_at": "{sent_at.isoformat()}", "pings": [{_document(ping, at)}]}}'
    headers = {
        "Authorization": f"Bearer {PUBLISHABLE_KEY}",
        "Beacon-Installation-Token": workload.token_of(ping.person),
    }
    return _exchange(headers, body, (ping,))


def batches(pings: Sequence[PlannedPing], began_at: datetime, size: int = BATCH) -> list[Exchange]:
    return [_batch(tuple(pings[first : first + size]), began_at) for first in range(0, len(pings), size)]


def _batch(pings: tuple[PlannedPing, ...], began_at: datetime) -> Exchange:
    each = ", ".join(
        f'{{"installation_id": "{workload.person_name(ping.person)}",'
        f' "pings": [{_document(ping, workload.step_at(ping.step, began_at))}]}}'
        for ping in pings
    )
    body = f'{{"sent_at": "{began_at.isoformat()}", "batches": [{each}]}}'
    return _exchange({"Authorization": f"Bearer {SECRET_KEY}"}, body, pings)


def _document(ping: PlannedPing, at: datetime) -> str:
    """Written as text: a round has a hundred thousand of them, and no name in it needs an escape."""
    return (
        f'{{"ping_id": "{ping.person}-{ping.step}", "at": "{at.isoformat()}", "foreground": true, "position": '
        f'{{"latitude": {ping.latitude}, "longitude": {ping.longitude}, "accuracy_m": {workload.ACCURACY_M}}}}}'
    )


def _exchange(headers: Mapping[str, str], body: str, pings: tuple[PlannedPing, ...]) -> Exchange:
    return Exchange(post("/v1/pings", headers, body.encode()), pings)


def read_answer(body: bytes) -> Answer:
    answer = msgspec.json.decode(body)
    return Answer(
        accepted=sum(result["status"] == "accepted" for result in answer["results"]),
        entered=frozenset(
            (event["installation_id"], event["zone"])
            for event in answer["events"]
            if event["type"] == "entered"
        ),
        offers=frozenset(
            (decision["installation_id"], decision["campaign"]) for decision in answer["decisions"]
        ),
    )
