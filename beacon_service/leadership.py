"""Which of the workers leads: what must happen once, such as the housekeeping of each day, is done by that one."""

from __future__ import annotations

import psycopg
import structlog

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
