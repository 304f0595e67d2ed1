"""The clock is a port: everything that asks for the time is handed one.

Rules on time (caps, dayparts, dwell) can only be tested and replayed if "now" is an argument. The shell reads
a `Clock` once per request or tick and passes the instant on; nothing below it looks at the wall.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Answers with the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)
