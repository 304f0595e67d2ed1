"""What the benchmark asks of whoever takes part."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from benchmarks.servers import Server
from benchmarks.workload import PlannedPing


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request ready to be sent, and the pings in it."""

    request: bytes
    pings: tuple[PlannedPing, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says, in the workload's words: `entered` (phone, zone), `offers` (phone, campaign)."""

    accepted: int
    entered: frozenset[tuple[str, str]]
    offers: frozenset[tuple[str, str]]


class Contestant(Protocol):
    """`parties` of `party_size` people walk in a round, each party on one connection, whole and in order.

    There are enough of them that the fastest does not run out of pings before the round is over.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def connections(self) -> int: ...
    @property
    def party_size(self) -> int: ...
    @property
    def parties(self) -> int: ...
    def serving(self) -> AbstractContextManager[Server]: ...
    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]: ...
    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]: ...
    def read(self, exchange: Exchange, body: bytes, /) -> Answer: ...
