"""Which of the workers leads: what must happen once, such as the housekeeping of each day, is done by that one.

And which of them has a single piece of work that takes long.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger()

# Held by the leader's own connection: when that is gone, so is the leadership. "LEADER" in ASCII.
LEADER_LOCK = 0x4C4541444552


class Leadership:
    """Whether this process is the one leader, by an advisory lock on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[bool]] | None = None

    def held(self) -> bool:
        """Ask the server, not our memory: a connection that broke has lost the lock."""
        if self._connection is not None and self._is_alive(self._connection):
            return True
        self.give_up()
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        if row is None or not row[0]:
            connection.close()
            return False
        self._connection = connection
        log.info("leading")
        return True

    def give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @staticmethod
    def _is_alive(connection: psycopg.Connection[tuple[bool]]) -> bool:
        try:
            connection.execute("SELECT true")
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def held_alone(url: str, work: str) -> Iterator[bool]:
    """Whether that work is ours alone; it is until the block ends or its connection breaks.

    A process that dies takes its lock with it, so that another may begin anew at once.
    """
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [work]).fetchone()
        try:
            yield row is not None and row[0]
        finally:
            # The server notices the end of a connection some moments later, and until then nobody else may begin.
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_advisory_unlock_all()")
