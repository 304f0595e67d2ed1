"""Backtests as they are asked for, and how they are doing. Values only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from beacon_service.backtests.model import Asked

Status = Literal["queued", "running", "done", "failed", "cancelled"]

# What is kept of a backtest for people to open; its report counts all.
MOST_EXAMPLES = 1_000
# Each keeps a processor busy for minutes, one after the other in each worker.
MOST_AT_ONCE = 5
LONGEST = timedelta(days=31)


class Request(msgspec.Struct, frozen=True):
    """What is asked, with the names of the campaigns that were asked for as if they were published."""

    asked: Asked
    drafts: tuple[str, ...] = ()


class By(NamedTuple):
    """Who asks, and when."""

    actor: str
    at: datetime
    id: UUID  # of what is asked for
    first_kept_at: datetime  # what was before is dropped


class State(NamedTuple):
    """A backtest as it is just now."""

    id: UUID
    status: Status
    request: Request
    requested_at: datetime
    actor: str
    begun_at: datetime | None
    ended_at: datetime | None
    attempts: int
    share: float
    steps: int
    decisions: int
    told_at: datetime | None
    error: str | None
    report: Mapping[str, Any] | None
    code_version: str | None

    def remaining_s(self, now: datetime) -> float | None:
        """Seconds that it will still run, by what it took so far; None where nothing is known of it yet."""
        if self.status != "running" or self.begun_at is None or self.told_at is None or self.share <= 0.0:
            return None
        took_s = (self.told_at - self.begun_at) / timedelta(seconds=1)
        since_s = (now - self.told_at) / timedelta(seconds=1)
        return max(0.0, took_s * (1.0 - self.share) / self.share - since_s)


class Attempt(NamedTuple):
    """A backtest that a worker has begun; its number tells it from those before it."""

    id: UUID
    number: int
    request: Request
