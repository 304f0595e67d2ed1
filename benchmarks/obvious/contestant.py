"""The obvious build as a contestant: gunicorn, one ping a request."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from benchmarks import workload
from benchmarks.contestants import Answer, Exchange, Kept
from benchmarks.obvious.seed import API_KEY
from benchmarks.servers import Server, free_port, running
from benchmarks.wire import post
from benchmarks.workload import REALISTIC, WORST, Mix, PlannedPing

# (worker processes, threads in each): what one would try on a small machine; the benchmark takes the fastest.
SHAPES = ((2, 4), (2, 8), (4, 4))
KEPT = "SELECT (SELECT count(*) FROM pings), (SELECT count(*) FROM decisions)"


@dataclass(frozen=True, slots=True)
class Obvious:
    """`database_url` is SQLAlchemy's; `connections` as the service has with single pings."""

    database_url: str
    workers: int
    threads: int
    mix: Mix = REALISTIC
    connections: int = 64
    party_size: int = 1
    fastest: float = 800.0

    @property
    def name(self) -> str:
        return "obvious_worst" if self.mix == WORST else "obvious"

    @property
    def label(self) -> str:
        worst = ", every ping decides" if self.mix == WORST else ""
        return f"obvious build ({self.workers} x {self.threads}){worst}"

    @contextmanager
    def serving(self) -> Iterator[Server]:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--worker-class",
            "gthread",
            "--no-control-socket",
            "--preload",
        ]
        command += ["--workers", str(self.workers), "--threads", str(self.threads), "--keep-alive", "30"]
        command += ["--bind", f"127.0.0.1:{port}", "benchmarks.obvious.app:create_app()"]
        environment = {
            "OBVIOUS_DATABASE_URL": self.database_url,
            "OBVIOUS_THREADS": str(self.threads),
            "OBVIOUS_OFFERS_PER_DAY": str(self.mix.offers_per_day),
        }
        with running(command, port=port, environment=environment, ready_path="/healthz") as server:
            yield server

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return [Exchange(_request(ping, began_at), (ping,)) for ping in pings]

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return self.exchanges(pings, began_at)

    def read(self, exchange: Exchange, body: bytes) -> Answer:
        answer = json.loads(body)
        phone = workload.person_name(exchange.pings[0].person)
        offer = answer["offer"]
        return Answer(
            accepted=int(answer["ping"]["status"] == "accepted"),
            entered=frozenset(
                (phone, event["zone"]) for event in answer["events"] if event["type"] == "entered"
            ),
            offers=frozenset([(phone, offer["campaign"])] if offer else []),
        )

    def kept(self) -> Kept | None:
        return Kept.found(self.database_url, KEPT)


def _request(ping: PlannedPing, began_at: datetime) -> bytes:
    body = {
        "installation_id": workload.person_name(ping.person),
        "latitude": ping.latitude,
        "longitude": ping.longitude,
        "at": workload.step_at(ping.step, began_at).isoformat(),
    }
    headers = {
        "Authorization": f"Bearer {API_KEY}",
        "Beacon-Installation-Token": workload.token_of(ping.person),
    }
    return post("/pings", headers, json.dumps(body).encode())
