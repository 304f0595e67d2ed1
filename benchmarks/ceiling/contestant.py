"""Flask answering a constant, behind the service's own server and under the load of single pings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from benchmarks.ceiling.app import ANSWER
from benchmarks.contestants import Answer, Exchange, Kept
from benchmarks.servers import Server
from benchmarks.service.contestant import single
from benchmarks.service.programs import serve
from benchmarks.workload import REALISTIC, Mix, PlannedPing

NOTHING = Answer(0, frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The same command line, processes and threads, the same bytes in; `database_url` is for the settings only."""

    database_url: str
    name: str = "flask"
    label: str = "Flask, answering a constant"
    mix: Mix = REALISTIC
    connections: int = 64
    party_size: int = 20
    fastest: float = 12_000.0

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with serve(self.database_url, target="benchmarks.ceiling.app:create_app") as server:
            yield server

    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        return self.exchanges(pings, began_at)

    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]:
        """Nothing is to come of them."""
        quiet = [replace(ping, enters=False, offers=False) for ping in pings]
        return [single(ping, began_at) for ping in quiet]

    def read(self, exchange: Exchange, body: bytes) -> Answer:
        return replace(NOTHING, accepted=len(exchange.pings)) if body == ANSWER else NOTHING

    def kept(self) -> Kept | None:
        return None
