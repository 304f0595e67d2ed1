"""This service as a contestant, twice: phones that send single pings, gateways that send batches of 100."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import workload
from benchmarks.contestants import Answer, Exchange
from benchmarks.servers import Server, free_port, running
from benchmarks.service.seed import PUBLISHABLE_KEY, SECRET_KEY
from benchmarks.wire import post
from benchmarks.workload import PlannedPing

BATCH = 100
# As many single pings as the obvious build has for its warm-up.
WARMING = 320
# The load comes from one address with one key, as no phone's does; the limit of each phone stays as it is.
UNLIMITED = {"BEACON_RATE_LIMIT_KEY": "1000000/second", "BEACON_RATE_LIMIT_ADDRESS": "1000000/second"}


@dataclass(frozen=True, slots=True)
class Service:
    """What both have in common. The worker does not run: no timer falls due within a round."""

    database_url: str
    web_processes: int = 2

    @contextmanager
    def serving(self) -> Iterator[Server]:
        port = free_port()
        environment = {
            "BEACON_DATABASE_URL": self.database_url,
            "BEACON_PORT": str(port),
            "BEACON_WEB_PROCESSES": str(self.web_processes),
            "BEACON_LOG_LEVEL": "warning",
            **UNLIMITED,
        }
        command = [str(Path(sys.executable).with_name("beacon-service")), "serve"]
        with running(command, port=port, environment=environment, ready_path="/readyz") as server:
            yield server

    def read(self, _exchange: Exchange, body: bytes) -> Answer:
        return read_answer(body)


@dataclass(frozen=True, slots=True)
class SinglePings(Service):
    name: str = "single"
    label: str = "beacon-service, single pings"
    connections: int = 64
    party_size: int = 20
    parties: int = 128

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        """The first few as they will come in the round, so that nothing is done for the first time there."""
        return [*self.exchanges(pings[:WARMING], began_at), *batches(pings[WARMING:], began_at)]

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return [single(ping, began_at) for ping in pings]


@dataclass(frozen=True, slots=True)
class Batches(Service):
    """Eight gateways at once: twice the threads that could work on them in parallel."""

    name: str = "batch100"
    label: str = "beacon-service, batches of 100"
    connections: int = 8
    party_size: int = BATCH
    parties: int = 48

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return batches(pings, began_at)

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return batches(pings, began_at)


def single(ping: PlannedPing, began_at: datetime) -> Exchange:
    body = {
        "installation_id": workload.person_name(ping.person),
        "sent_at": began_at.isoformat(),
        "pings": [_document(ping, began_at)],
    }
    headers = {
        "Authorization": f"Bearer {PUBLISHABLE_KEY}",
        "Beacon-Installation-Token": workload.token_of(ping.person),
    }
    return _exchange(headers, body, (ping,))


def batches(pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
    return [_batch(tuple(pings[first : first + BATCH]), began_at) for first in range(0, len(pings), BATCH)]


def _batch(pings: tuple[PlannedPing, ...], began_at: datetime) -> Exchange:
    body = {
        "sent_at": began_at.isoformat(),
        "batches": [
            {"installation_id": workload.person_name(ping.person), "pings": [_document(ping, began_at)]}
            for ping in pings
        ],
    }
    return _exchange({"Authorization": f"Bearer {SECRET_KEY}"}, body, pings)


def _document(ping: PlannedPing, began_at: datetime) -> dict[str, object]:
    at = began_at + timedelta(seconds=workload.at_offset_s(ping.step))
    return {
        "ping_id": f"{ping.person}-{ping.step}",
        "at": at.isoformat(),
        "foreground": True,
        "position": {
            "latitude": ping.latitude,
            "longitude": ping.longitude,
            "accuracy_m": workload.ACCURACY_M,
        },
    }


def _exchange(headers: Mapping[str, str], body: object, pings: tuple[PlannedPing, ...]) -> Exchange:
    return Exchange(post("/v1/pings", headers, json.dumps(body).encode()), pings)


def read_answer(body: bytes) -> Answer:
    answer = json.loads(body)
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
