"""A range of a service's history through the engine: from the database to what each of its steps came to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from beacon_service.backtests import history_store
from beacon_service.backtests.decided import Decided, decided
from beacon_service.backtests.history import Changed, Pinged, Step, step_of, steps
from beacon_service.backtests.otherwise import Ahead, Otherwise
from beacon_service.backtests.replay import Codes, Replay, Settled, no_codes
from beacon_service.backtests.versions import Versions
from beacon_service.campaigns.ledger import Tally
from beacon_service.configuration.model import NOTHING
from beacon_service.engine import CODE_VERSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from uuid import UUID

    from beacon_service.backtests.beginning import Beginning
    from beacon_service.backtests.history_store import Range, Recorded
    from beacon_service.campaigns.decision import Decision
    from beacon_service.configuration.model import Documents
    from beacon_service.db import Connection

# Steps whose people are met together.
AT_ONCE = 500


class Happened(NamedTuple):
    """What was settled together, by which version, and what was decided when the history had that step."""

    settled: Settled
    version: int
    before: Sequence[Decided]

    @property
    def after(self) -> list[Decided]:
        return [decided(one, self.settled.now, self.version) for one in self.settled.decisions]


@dataclass(slots=True)
class Recordings:
    """What was decided, step by step; and of the step at hand what its codes were."""

    stream: Iterator[Recorded]
    here: list[Decided] = field(default_factory=list)
    other_code: int = 0  # decisions that another version of the engine made
    _ahead: deque[Recorded] = field(default_factory=deque)

    def of(self, number: int) -> list[Decided]:
        """Up to that step, those that were not asked for yet."""
        self.here = []
        while (one := self._next()) is not None and step_of(one.seq) <= number:
            self.here.append(self._ahead.popleft().decided)
        return self.here

    def code(self, decision: Decision) -> str | None:
        given = _codes(self.here, decision.id)
        return given[0] if given else None

    def pool(self, key: str) -> Tally:
        """As the step found it, by what its decisions told."""
        counts = [count for one in self.here for count in one.counts if count[1] == key]
        return Tally(min(count[2] for count in counts), counts[0][3]) if counts else Tally(0, 1 << 62)

    def _next(self) -> Recorded | None:
        if not self._ahead and (one := next(self.stream, None)) is not None:
            self._ahead.append(one)
            self.other_code += one.code_version != CODE_VERSION
        return self._ahead[0] if self._ahead else None


def _codes(found: Iterable[Decided], decision_id: UUID) -> list[str]:
    return [
        grant.code for one in found if one.decision_id == decision_id for grant in one.grants if grant.code
    ]


@dataclass(slots=True)
class Run:
    """Of one range. `other_code`: decisions that another version of the engine made."""

    connection: Connection
    span: Range
    beginning: Beginning
    versions: Versions
    recordings: Recordings
    replay: Replay
    anew: bool = False
    pings: int = 0

    @classmethod
    def of(
        cls,
        connection: Connection,
        span: Range,
        beginning: Beginning,
        *,
        instead: Documents = NOTHING,
        anew: bool = False,
    ) -> Run:
        """`instead`: documents laid over the configuration. `anew`: pings are located by what they heard."""
        recordings = Recordings(history_store.recorded(connection, span._replace(since=beginning.since)))
        # What a pool had is known of the recorded decisions alone; under changes none runs dry.
        pool = no_codes().pool if instead.bodies else recordings.pool
        replay = Replay(earlier=beginning, codes=Codes(recordings.code, pool))
        versions = Versions(connection, instead)
        return cls(connection, span, beginning, versions, recordings, replay, anew)

    @property
    def other_code(self) -> int:
        return self.recordings.other_code

    def happened(self) -> Iterator[Happened]:
        """Each step of the range, in order; those between the beginning and the range are settled and not told."""
        if self.beginning.snapshot is not None:
            self.versions.at(self.beginning.snapshot.version, self.beginning.since)
        self.replay.people.meet(self.beginning.persons(self.beginning.merging))
        otherwise = self._otherwise() if self.versions.instead.bodies else None
        for step in otherwise.ahead if otherwise else self._met():
            before = self.recordings.of(step.number)
            catalogue = self.versions.at(step.version, step.now) if step.decides else self.versions.current
            if otherwise is None:
                found: Iterable[Settled] = (self.replay.settle(step, catalogue),)
            else:
                found = otherwise.settle(step, catalogue, before)
            for settled in found:
                if otherwise is not None:
                    otherwise.compare(settled, before)
                if settled.now >= self.span.since:
                    yield Happened(settled, catalogue.version, before)
                    before = []
        if otherwise is not None:
            catalogue = self.versions.current
            for settled in otherwise.finish(self.span.until, catalogue):
                yield Happened(settled, catalogue.version, [])

    def _otherwise(self) -> Otherwise:
        changed = {key for kind, key in self.versions.instead.bodies if kind == "campaign"}
        return Otherwise(self.replay, Ahead(self._met()), changed, moves=self.versions.moves_otherwise())

    def _met(self) -> Iterator[Step]:
        """The steps, of each of whose people somebody is known."""
        span = self.span._replace(since=self.beginning.since)
        for some in _batched(steps(history_store.entries(self.connection, span, anew=self.anew)), AT_ONCE):
            self.pings += sum(isinstance(entry, Pinged) for step in some for entry in step.entries)
            strangers = _strangers(some, self.replay.people.customers)
            self.replay.people.meet(self.beginning.persons(strangers))
            yield from some


def _strangers(some: Iterable[Step], known: Collection[int]) -> set[int]:
    found: set[int] = set()
    for step in some:
        for entry in step.entries:
            found.add(entry.customer_key)
            if isinstance(entry, Changed):
                found.update(entry.body[name] for name in ("from", "to") if name in entry.body)
    return found.difference(known)


def _batched(found: Iterator[Step], most: int) -> Iterator[list[Step]]:
    while some := list(islice(found, most)):
        yield some
