"""A backtest from end to end: recorded traffic through the configuration as it was, or as it would be."""

from __future__ import annotations

import gc
import resource
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from beacon_service.backtests import history_store
from beacon_service.backtests.beginning import Beginning
from beacon_service.backtests.comparison import Pairing
from beacon_service.backtests.history_store import Range
from beacon_service.backtests.model import BacktestStopped, NotRecordedError, Progress
from beacon_service.backtests.report import Report
from beacon_service.backtests.run import Run
from beacon_service.configuration.model import Documents
from beacon_service.engine import CODE_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from beacon_service.backtests.comparison import Pair
    from beacon_service.backtests.model import Asked, Example, Handle
    from beacon_service.backtests.run import Happened
    from beacon_service.db import Connection

TELL_EVERY_S = 1.0
# Examples that are kept at a time.
KEEP_AT_ONCE = 100
# To be opened and understood; nobody reads more.
MOST_EXAMPLES = 1_000
# Objects made between two collections.
GARBAGE_THRESHOLD = 100_000


def backtest(connection: Connection, asked: Asked, handle: Handle) -> dict[str, Any]:
    """The report. Raises BacktestStopped, and NotRecordedError where the range begins before what is recorded.

    `connection`: of a transaction that is REPEATABLE READ, and that nobody else uses.
    """
    with _seldom_collecting():
        return _backtest(connection, asked, handle)


def _backtest(connection: Connection, asked: Asked, handle: Handle) -> dict[str, Any]:
    span = Range(asked.since, asked.until)
    beginning = Beginning.before(connection, span.since)
    _require_recorded(connection, beginning, span)
    bodies = {(one.kind, one.key): one.body for one in asked.instead}
    run = Run.of(connection, span, beginning, instead=Documents(0, bodies), anew=asked.locates_anew)
    watch = _Watch(asked, handle, Report(asked.verifies))
    pairing = Pairing()
    for one in run.happened():
        watch.looks(one)
        watch.report.moved(event for told in one.settled.told for event in told.events)
        watch.add(pairing.feed(one.before, one.after, one.settled.now))
    watch.add(pairing.rest())
    watch.keep(0)
    for zone, kind, number in history_store.moves(connection, span):
        watch.report.before.move(zone, kind, number)
    return watch.report.told() | {
        "from": asked.since,
        "to": asked.until,
        "positions": "anew" if asked.locates_anew else "recorded",
        "changed": [f"{one.kind}/{one.key}" for one in asked.instead],
        "steps": watch.steps,
        "pings": run.pings,
        "seconds": round(monotonic() - watch.began_s, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "code_version": CODE_VERSION,
        "other_code": run.other_code,
        "examples": watch.examples,
        "from_snapshot_at": beginning.snapshot.taken_at if beginning.snapshot else None,
    }


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """A step's objects die with it, none of them in cycles; to look for some so often takes a quarter of the time."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(slots=True)
class _Watch:
    """Counts, tells, and stops when it is told to."""

    asked: Asked
    handle: Handle
    report: Report
    steps: int = 0
    examples: int = 0
    began_s: float = 0.0
    _told_s: float = 0.0
    _found: list[Example] | None = None

    def __post_init__(self) -> None:
        self.began_s = monotonic()

    def looks(self, one: Happened) -> None:
        self.steps += 1
        if monotonic() - self._told_s < TELL_EVERY_S:
            return
        self._told_s = monotonic()
        if not self.handle.goes_on():
            raise BacktestStopped
        whole = self.asked.until - self.asked.since
        share = max(0.0, min(1.0, (one.settled.now - self.asked.since) / whole))
        self.handle.tell(Progress(share, self.steps, self.report.before.decisions))

    def add(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            found = self.report.add(pair)
            if found is not None and self.examples < MOST_EXAMPLES:
                self.examples += 1
                self._found = [*(self._found or ()), found]
        self.keep(KEEP_AT_ONCE)

    def keep(self, most: int) -> None:
        """Hand over what was found, if it is more than that."""
        if self._found and len(self._found) > most:
            self.handle.keep(self._found)
            self._found = []


def _require_recorded(connection: Connection, beginning: Beginning, span: Range) -> None:
    """Without a snapshot before it, the history must go back to its first day."""
    if beginning.snapshot is not None:
        return
    first_kept = history_store.first_kept(connection)
    if first_kept is not None:
        raise NotRecordedError(
            f"Pings are kept from {first_kept:%Y-%m-%d} on, and there is no snapshot before {span.since.isoformat()}:"
            " begin later."
        )
