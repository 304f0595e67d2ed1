"""Logs as lines of JSON on stderr, for a collector to read.

What may not stand in them (places, ids, keys, addresses of people) is a matter of what is logged, in each
place; here is only how.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from beacon_service.settings import DatabaseSettings


def configure(settings: DatabaseSettings) -> None:
    """Send all logging of this process to stderr; safe to call twice."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            places_only,
            structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
    )

    scheduler = logging.getLogger("apscheduler")
    scheduler.handlers, scheduler.propagate = [_Lines()], False
    # What it skips is counted as missed.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


class _Lines(logging.Handler):
    """What a library says, as lines like ours: its sentence alone, since what it would put in may be a person's."""

    def emit(self, record: logging.LogRecord) -> None:
        about = {"logger": record.name, "exc_info": record.exc_info}
        structlog.get_logger().log(record.levelno, str(record.msg), **about)


def places_only(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of an exception its kind and the places that led to it; what it says may quote rows, and a person with them."""
    given = event.pop("exc_info", None)
    # A library may tell of one that is not being handled any more.
    problem = given[1] if isinstance(given, tuple) else sys.exception() if given else None
    if problem is not None:
        found = traceback.extract_tb(problem.__traceback__)
        event["error"] = type(problem).__name__
        event["traceback"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in found]
    return event


class _Stderr:
    """Writes a line to what sys.stderr is at that moment: a bound logger outlives a redirection."""

    def __init__(self, *_args: object) -> None:
        """Structlog hands over the logger's name; lines do not need it."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = exception = msg


def _line(event: dict[str, Any], **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
