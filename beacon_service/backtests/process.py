"""The process of a backtest: what it does, and what it says.

`python -m beacon_service.backtests.process` finds on stdin what it is given, and says a line of JSON at a time: how far
it is, the examples that it finds, and at last its report or why there is none.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import structlog

from beacon_service.apart import begin_apart
from beacon_service.backtests.model import Asked, Example, Handle, NotRecordedError, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = structlog.get_logger()

# It reads for as long as it takes, and never locks a row.
CONNECTION = {
    "application_name": "beacon-service backtest",
    "connect_timeout": 5,
    "options": "-c timezone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
}


class Given(msgspec.Struct):
    """`url` is libpq's. It may hold a password: it is no argument, and in no file that has a name."""

    url: str
    asked: Asked


class Said(msgspec.Struct, omit_defaults=True):
    """A line of the process."""

    progress: Progress | None = None
    examples: tuple[Example, ...] = ()
    report: msgspec.Raw = msgspec.Raw()
    error: str | None = None
    lost: bool = False  # the database; it can be begun anew


def main(given: Given, say: Callable[[Said], None]) -> None:
    from beacon_service.backtests.backtest import backtest  # noqa: PLC0415 - whoever runs it need not load it

    handle = Handle(
        tell=lambda progress: say(Said(progress=progress)),
        keep=lambda examples: say(Said(examples=tuple(examples))),
        goes_on=lambda: True,  # who wants it to end ends the process
    )
    try:
        with _reading(given.url) as connection:
            report = backtest(connection, given.asked, handle)
    except NotRecordedError as refused:
        say(Said(error=str(refused)))
    except psycopg.OperationalError:
        log.warning("the database does not answer a backtest", exc_info=True)
        say(Said(lost=True))
    except MemoryError:
        say(Said(error="it needs more memory than there is: ask for a shorter range"))
    except Exception as problem:
        log.exception("a backtest failed")
        say(Said(error=f"a mistake of ours, {type(problem).__name__}; the worker's log tells where"))
    else:
        say(Said(report=msgspec.Raw(msgspec.json.encode(report | {"peak_mb": peak_mb()}))))


def peak_mb() -> int:
    """The most memory that this process had. (What `getrusage` tells begins with that of whoever started it.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


@contextmanager
def _reading(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that sees all as of one moment, for as long as it takes."""
    with psycopg.connect(url, **CONNECTION) as connection:  # type: ignore[arg-type]
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


if __name__ == "__main__":
    from beacon_service import logs
    from beacon_service.settings import DatabaseSettings

    say_line = begin_apart()
    logs.configure(DatabaseSettings.load())
    main(
        msgspec.json.decode(sys.stdin.buffer.read(), type=Given),
        lambda said: say_line(msgspec.json.encode(said)),
    )
