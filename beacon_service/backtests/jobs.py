"""Backtests that were asked for are run: the job of any worker, one at a time in each.

A backtest runs in a process of its own, outside any transaction of the worker's. A worker that dies on the way leaves
it `running` and loses the lock on it, and the next begins it anew.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec
import structlog

from beacon_service.apart import StoppedError, run_apart
from beacon_service.backtests import examples_store, process, store
from beacon_service.backtests.model import Progress
from beacon_service.backtests.process import Given, Said
from beacon_service.backtests.requests import MOST_EXAMPLES
from beacon_service.db import transaction
from beacon_service.engine import CODE_VERSION
from beacon_service.leadership import held_alone

if TYPE_CHECKING:
    import threading
    from uuid import UUID

    from sqlalchemy import Engine

    from beacon_service.backtests.model import Example
    from beacon_service.backtests.requests import Attempt
    from beacon_service.clock import Clock
    from beacon_service.db import Connection

log = structlog.get_logger()

# One that ends its worker each time would do so for ever.
MOST_ATTEMPTS = 3


class _NotOursError(Exception):
    """It was cancelled, or another worker has begun it anew."""


class Backtesting:
    """Runs backtests of one database. `url` is libpq's: the lock, and each backtest, have connections of their own."""

    def __init__(
        self, engine: Engine, url: str, clock: Clock, stopped: threading.Event | None = None
    ) -> None:
        self._engine = engine
        self._url = url
        self._clock = clock
        self._stopped = stopped

    def run_next(self) -> bool:
        """Run the backtest that waits longest and is nobody's yet; whether one was."""
        with transaction(self._engine) as connection:
            due = store.due(connection)
        return any(self.run(one) for one in due)

    def run(self, id_: UUID) -> bool:
        """Run this backtest, unless another process does; whether it was done here, be it in vain.

        Raises StoppedError once this worker is to stop; then it is queued again.
        """
        with held_alone(self._url, f"backtest:{id_}") as ours:
            attempt = self._begin(id_) if ours else None
            if attempt is None:
                return False
            log.info("running a backtest", backtest=str(id_), attempt=attempt.number)
            running = _Running(self._engine, self._clock, attempt)
            given = msgspec.json.encode(Given(self._url, attempt.request.asked))
            try:
                status = run_apart(
                    [process.__name__], running.hear, running.write, given=given, stopped=self._stopped
                )
                ended = running.end(status)
            except StoppedError:
                running.give_back()
                raise
            except _NotOursError:
                ended = "cancelled"
            log.info("a backtest ended", backtest=str(id_), how=ended)
            return True

    def _begin(self, id_: UUID) -> Attempt | None:
        with transaction(self._engine) as connection:
            attempt = store.begin(connection, id_, CODE_VERSION, self._clock.now())
            if attempt is not None and attempt.number > MOST_ATTEMPTS:
                reason = f"it was begun {MOST_ATTEMPTS} times and never ended: has the machine enough memory?"
                store.fail(connection, attempt, reason, self._clock.now())
                log.warning("a backtest is given up", backtest=str(id_))
                return None
            return attempt


class _Running:
    """What one attempt says, and what is written of it."""

    def __init__(self, engine: Engine, clock: Clock, attempt: Attempt) -> None:
        self._engine = engine
        self._clock = clock
        self._attempt = attempt
        self._progress = Progress(0.0, 0, 0)
        self._examples: deque[Example] = deque()
        self._kept = 0
        self._last = Said()

    def hear(self, line: bytes) -> None:
        said = msgspec.json.decode(line, type=Said)
        self._progress = said.progress or self._progress
        self._examples.extend(said.examples)
        self._last = said

    def write(self) -> None:
        """How far it is and what it has found. Raises _NotOursError where nobody waits for it any more."""
        with transaction(self._engine) as connection:
            self._write(connection)

    def end(self, status: int) -> str:
        """With the report, or with why there is none; answers which."""
        with transaction(self._engine) as connection:
            self._write(connection)
            if status == 0 and (report := bytes(self._last.report)):
                store.finish(connection, self._attempt, report, self._clock.now())
                return "done"
            if status == 0 and self._last.lost:
                return "to be begun anew"
            reason = self._last.error if status == 0 and self._last.error else _died(status)
            store.fail(connection, self._attempt, reason, self._clock.now())
            return "failed"

    def give_back(self) -> None:
        with transaction(self._engine) as connection:
            if store.is_ours(connection, self._attempt):
                store.give_back(connection, self._attempt)

    def _write(self, connection: Connection) -> None:
        if not store.is_ours(connection, self._attempt):
            raise _NotOursError
        store.tell(connection, self._attempt, self._progress, self._clock.now())
        found = [self._examples.popleft() for _ in range(len(self._examples))][: MOST_EXAMPLES - self._kept]
        examples_store.keep(connection, self._attempt, self._kept, found)
        self._kept += len(found)


def _died(status: int) -> str:
    if status < 0:
        what = f"its process was ended by signal {-status}"
        return f"{what}: has the machine enough memory? Ask for a shorter range."
    return f"its process ended with status {status}; its last words are in the log of the worker"
