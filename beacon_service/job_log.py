"""What a worker's jobs came to, for people to see: kept in memory, and told to the database every few seconds.

A row per worker and job: how often it ran and failed, when last and how long, how often it was due while it still
ran or the process slept, and how much of its work it put off because that failed. Workers that are gone stay to be
seen for a day.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy.exc
import structlog

from beacon_service.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from beacon_service.clock import Clock
    from beacon_service.pipeline import Connection

log = structlog.get_logger()

GONE_AFTER = timedelta(days=1)
LONGEST_ERROR = 300

_TELL = """
INSERT INTO job_runs (worker, job, runs, failures, missed, put_off, last_began_at, last_ms, last_error, told_at)
SELECT %(worker)s, given.*, %(now)s FROM unnest(
    %(jobs)s::text[], %(runs)s::bigint[], %(failures)s::bigint[], %(missed)s::bigint[], %(put_off)s::bigint[],
    %(began)s::timestamptz[], %(lasted)s::double precision[], %(errors)s::text[]
) AS given
ON CONFLICT (worker, job) DO UPDATE SET runs = excluded.runs, failures = excluded.failures, missed = excluded.missed,
    put_off = excluded.put_off,
    last_began_at = excluded.last_began_at, last_ms = excluded.last_ms, last_error = excluded.last_error,
    told_at = excluded.told_at
"""


@dataclass(slots=True)
class Runs:
    """One job's, since the process began."""

    runs: int = 0
    failures: int = 0
    missed: int = 0
    put_off: int = 0
    last_began_at: datetime | None = None
    last_ms: float | None = None
    last_error: str | None = None


class JobLog:
    """Of one worker process."""

    def __init__(self, clock: Clock) -> None:
        self.worker = f"{socket.gethostname()}/{os.getpid()}"
        self._clock = clock
        self._jobs: dict[str, Runs] = {}
        self._writing = threading.Lock()

    def surviving(self, job: Callable[[], None]) -> Callable[[], None]:
        """A job for which a database that is away is a pause, not an end: what is due stays due.

        Whatever else it raises is told, and raised.
        """
        kept = self._jobs.setdefault(job.__name__, Runs())

        def run() -> None:
            kept.last_began_at, error = self._clock.now(), None
            try:
                job()
            except (ServiceUnavailable, psycopg.OperationalError, sqlalchemy.exc.OperationalError):
                error = "the database does not answer"
                log.warning(error, job=job.__name__)
            except Exception as problem:
                error = type(problem).__name__
                raise
            finally:
                self._ended(kept, error)

        return run

    def missed(self, job: str) -> None:
        """It was due while it still ran."""
        with self._writing:
            self._jobs.setdefault(job, Runs()).missed += 1

    def put_off(self, job: str, rows: int) -> None:
        """So much of its work failed, and waits for its next turn."""
        with self._writing:
            self._jobs.setdefault(job, Runs()).put_off += rows

    def tell(self, connection: Connection) -> None:
        """The caller commits."""
        now, jobs = self._clock.now(), dict(self._jobs)
        told = list(jobs.values())
        connection.execute(
            _TELL,
            {
                "worker": self.worker,
                "now": now,
                "jobs": list(jobs),
                "runs": [one.runs for one in told],
                "failures": [one.failures for one in told],
                "missed": [one.missed for one in told],
                "put_off": [one.put_off for one in told],
                "began": [one.last_began_at for one in told],
                "lasted": [one.last_ms for one in told],
                "errors": [one.last_error for one in told],
            },
        )
        connection.execute("DELETE FROM job_runs WHERE told_at < %s", [now - GONE_AFTER])

    def _ended(self, kept: Runs, error: str | None) -> None:
        assert kept.last_began_at is not None, "it began"
        with self._writing:
            kept.runs += 1
            kept.failures += error is not None
            kept.last_error = error[:LONGEST_ERROR] if error else None
            kept.last_ms = (self._clock.now() - kept.last_began_at) / timedelta(milliseconds=1)
