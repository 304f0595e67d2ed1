"""What the benchmark asks of whoever takes part."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, Protocol

import psycopg

from beacon_service.settings import libpq_url
from benchmarks.servers import Server
from benchmarks.workload import STEPS, Mix, PlannedPing


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


@dataclass(frozen=True, slots=True)
class Kept:
    """How many rows of each a database has."""

    pings: int
    offers: int

    @classmethod
    def found(cls, url: str, query: LiteralString) -> "Kept":
        with psycopg.connect(libpq_url(url)) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None, "counts are a row"
        return cls(*row)


class Reads(Protocol):
    def read(self, exchange: Exchange, body: bytes, /) -> Answer: ...


class Contestant(Reads, Protocol):
    """Parties of `party_size` people walk in a round, each party on one connection, whole and in order.

    `fastest` pings a second are more than it can answer in a round of eight seconds; a round ends early rather
    than with connections that have nothing left to send. `kept` is asked only while nobody sends; None where there
    is nothing to keep.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def mix(self) -> Mix: ...
    @property
    def connections(self) -> int: ...
    @property
    def party_size(self) -> int: ...
    @property
    def fastest(self) -> float: ...
    def serving(self) -> AbstractContextManager[Server]: ...
    def exchanges(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]: ...
    def warm_up(self, pings: Sequence[PlannedPing], began_at: datetime) -> list[Exchange]: ...
    def kept(self) -> Kept | None: ...


def parties_for(contestant: Contestant, seconds: float) -> int:
    """As many parties on each connection as it could need in so long."""
    each = contestant.party_size * STEPS * contestant.connections
    return contestant.connections * max(1, math.ceil(contestant.fastest * seconds / each))
