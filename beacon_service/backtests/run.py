"""A range of a service's history through the engine: from the database to what each of its steps came to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from beacon_service.backtests import history_store
from beacon_service.backtests.beginning import Beginning
from beacon_service.backtests.decided import Decided, decided
from beacon_service.backtests.history import Changed, Step, step_of, steps
from beacon_service.backtests.replay import Codes, Replay, Settled
from beacon_service.backtests.versions import Versions
from beacon_service.campaigns.ledger import Tally
from beacon_service.configuration.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from uuid import UUID

    from beacon_service.backtests.comparison import Comparison, Difference
    from beacon_service.backtests.history_store import Range, Recorded
    from beacon_service.campaigns.decision import Decision
    from beacon_service.configuration.model import Documents
    from beacon_service.db import Connection
    from beacon_service.engine import Catalogue

# Steps whose people are met together.
AT_ONCE = 500


class Happened(NamedTuple):
    """A step of the history, by which version it was settled, and what was and is decided at it."""

    step: Step
    catalogue: Catalogue
    settled: Settled
    before: Sequence[Decided]

    @property
    def after(self) -> list[Decided]:
        version = self.catalogue.version
        return [decided(one, self.settled.now, version) for one in self.settled.decisions]


@dataclass(slots=True)
class Recordings:
    """What was decided, step by step; and of the step at hand what its codes were."""

    stream: Iterator[Recorded]
    here: list[Decided] = field(default_factory=list)
    _ahead: deque[Recorded] = field(default_factory=deque)

    def of(self, number: int) -> list[Decided]:
        """Up to that step, those that were not asked for yet."""
        self.here = []
        while (one := self._next()) is not None and step_of(one.seq) <= number:
            self.here.append(self._ahead.popleft().decided)
        return self.here

    def rest(self) -> Iterator[Decided]:
        while self._next() is not None:
            yield self._ahead.popleft().decided

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
        return self._ahead[0] if self._ahead else None


def _codes(found: Iterable[Decided], decision_id: UUID) -> list[str]:
    return [
        grant.code for one in found if one.decision_id == decision_id for grant in one.grants if grant.code
    ]


def replayed(
    connection: Connection, span: Range, *, anew: bool = False, instead: Documents = NOTHING
) -> Iterator[Happened]:
    """Each step of the range, in order; those between the beginning and the range are settled and not told.

    `connection`: of a REPEATABLE READ transaction that is kept open. `anew`: pings are located by what they heard.
    """
    beginning = Beginning.before(connection, span.since)
    recordings = Recordings(history_store.recorded(connection, span._replace(since=beginning.since)))
    replay = Replay(earlier=beginning, codes=Codes(recordings.code, recordings.pool))
    versions = Versions(connection, instead)
    replay.people.meet(beginning.persons(beginning.merging))
    entries = history_store.entries(connection, span._replace(since=beginning.since), anew=anew)
    for some in _batched(steps(entries), AT_ONCE):
        replay.people.meet(beginning.persons(_strangers(some, replay.people.customers)))
        for step in some:
            before = recordings.of(step.number)
            catalogue = versions.at(step.version, step.now)
            settled = replay.settle(step, catalogue)
            if step.now >= span.since:
                yield Happened(step, catalogue, settled, before)


def verify(
    connection: Connection, span: Range, comparison: Comparison, *, anew: bool = False
) -> Iterator[Difference]:
    """Whether the history decides today as it did: each difference as it is found."""
    for one in replayed(connection, span, anew=anew):
        yield from comparison.feed(one.before, one.after)
    yield from comparison.rest()


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
