"""Logs as lines of JSON on stderr, for a collector to read.

What may not stand in them (places, ids, keys, addresses of people) is a matter of what is logged, in each
place; here is only how.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from beacon_service.settings import DatabaseSettings


def configure(settings: DatabaseSettings) -> None:
    """Send all logging of this process to stderr; safe to call twice."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
    )


class _Stderr:
    """Writes a line to what sys.stderr is at that moment: a bound logger outlives a redirection."""

    def __init__(self, *_args: object) -> None:
        """Structlog hands over the logger's name; lines do not need it."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = exception = msg


def _line(event: dict[str, Any], **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
