"""What happened, as a replay takes it: causes in the order in which they were settled. Values only."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from beacon_service.engine import Due, Ping, Tick

# A draw of `step_seq` leaves so many numbers to a transaction.
NUMBERS = 1000


class Pinged(NamedTuple):
    """A ping that was accepted, or came late."""

    seq: int
    now: datetime
    customer_key: int
    version: int  # of the configuration that it was decided by
    cause: Ping


class Fired(NamedTuple):
    """The worker's tick of one phone."""

    seq: int
    now: datetime
    customer_key: int
    version: int | None  # None: it was not recorded, and is the newest that the history knows by then
    cause: Tick


class CameDue(NamedTuple):
    """A moment that had waited."""

    seq: int
    now: datetime
    customer_key: int
    version: int | None
    cause: Due


class Changed(NamedTuple):
    """Whatever else changed what a decision reads of a customer; `kind` and `body` as in `changes`."""

    seq: int
    now: datetime
    customer_key: int
    kind: str
    body: dict[str, Any]


Entry: TypeAlias = Pinged | Fired | CameDue | Changed


class Step(NamedTuple):
    """What one transaction settled together: of one kind, at one `now`."""

    number: int
    now: datetime
    entries: Sequence[Entry]

    @property
    def decides(self) -> bool:
        """Whether the configuration was asked; changes of customers tell nothing of it."""
        return any(not isinstance(entry, Changed) for entry in self.entries)

    @property
    def version(self) -> int | None:
        found = (entry.version for entry in self.entries if not isinstance(entry, Changed))
        return next(found, None)


def step_of(seq: int) -> int:
    """The step that a row belongs to: 1 and 1000 are of the first, 1001 of the second."""
    return (seq - 1) // NUMBERS


def steps(entries: Iterable[Entry]) -> Iterator[Step]:
    """The entries, which come in the order of `seq`, by transaction."""
    for number, found in groupby(entries, lambda entry: step_of(entry.seq)):
        together = list(found)
        yield Step(number, together[0].now, together)
