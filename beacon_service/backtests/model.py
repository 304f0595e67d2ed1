"""What is asked of a backtest, and what it answers. Values only."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from beacon_service.configuration.model import Kind

# Of a verification each difference counts; of a comparison each moment that was decided otherwise.
DifferenceKind = Literal["gained", "lost", "changed"]


# Kinds of documents that say where people are.
WHERE = frozenset({"site", "floor", "zone", "beacon", "phone", "radio_map"})


class Instead(msgspec.Struct, frozen=True):
    """A document of the configuration as it would be; without a body it would not be there."""

    kind: Kind
    key: str
    body: dict[str, Any] | None


class Asked(msgspec.Struct, frozen=True):
    """Recorded traffic from `since` on, to before `until`; with nothing changed it is verified."""

    since: datetime
    until: datetime
    instead: tuple[Instead, ...] = ()
    anew: bool = False  # pings are located by what they heard, not where they were held to be

    @property
    def verifies(self) -> bool:
        return not self.instead

    @property
    def locates_anew(self) -> bool:
        """Where zones are not as they were, where somebody was held to be then says nothing."""
        return self.anew or any(one.kind in WHERE for one in self.instead)


class Example(msgspec.Struct, frozen=True):
    """A moment that is decided otherwise. `before` and `after`: the decision as its row has it, or none.

    Without `customer_key` it is not kept: nobody could erase it with its customer.
    """

    kind: DifferenceKind
    moment_key: str
    campaign: str | None  # that gained or lost an offer by it
    site: str | None
    zone: str | None
    at: datetime
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    customer_key: int | None = None  # as of the moment, whoever that is today


class Progress(NamedTuple):
    """How far it is: the share of the recorded time that is done, and steps and decisions so far."""

    share: float
    steps: int
    decisions: int


class Handle(NamedTuple):
    """Whoever runs it: told about once a second, given examples as they are found, asked whether to go on."""

    tell: Callable[[Progress], None]
    keep: Callable[[Sequence[Example]], None]
    goes_on: Callable[[], bool]


class BacktestStopped(Exception):  # noqa: N818 - nothing went wrong
    """Whoever asked for it has cancelled it, or the worker ends."""


class NotRecordedError(Exception):
    """The range begins before all that is recorded; the message says when that is."""
