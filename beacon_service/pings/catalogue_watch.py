"""A thread of each process that makes a new version of the catalogue as soon as an edit is committed.

It only saves others the waiting. Whether a catalogue is the newest every transaction asks for itself, under the
configuration's lock; so whatever may become of this thread, nobody decides by an old one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import structlog

from beacon_service.configuration import store
from beacon_service.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from beacon_service.pings.catalogue import CatalogueCache

# An edit notifies whoever listens. What comes between the two, such as a proxy that lends connections for a transaction
# at a time, or a restore from a backup, is made up for by looking.
LOOK_EVERY_S = 0.5
# A server that does not answer must not keep a process that is told to end.
LONGEST_STOP_S = 5.0
# So is it known in `pg_stat_activity`.
NAME = "beacon-service catalogue"

log = structlog.get_logger()


class CatalogueWatch:
    """Keeps a catalogue at the newest version, on a connection of its own and in a thread of its own."""

    def __init__(self, catalogue: CatalogueCache, engine: Engine, url: str) -> None:
        """`url`: the database as libpq spells it; versions are read by the engine's connections."""
        self._catalogue = catalogue
        self._engine = engine
        self._url = url
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = False

    @property
    def is_watching(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """In the process that is to use the catalogue: one that is forked off has the object and not the thread."""
        if not self.is_watching:
            self._stopped.clear()
            # A daemon, as it must not keep a process that is told to end; there is nothing that it could leave undone.
            self._thread = threading.Thread(target=self._run, name="catalogue", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Once this returns the thread is gone, and so is its connection; unless the server keeps it waiting."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(LONGEST_STOP_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch()
            except psycopg.Error as error:
                if not self._lost:  # once, and not twice a second until the database is back
                    log.warning("edits of the configuration are not seen", error=type(error).__name__)
                self._lost = True
            except Exception:
                log.exception("the catalogue is not watched")
            self._stopped.wait(LOOK_EVERY_S)

    def _watch(self) -> None:
        """Until told to stop, or until the connection is lost."""
        with psycopg.connect(
            self._url,
            autocommit=True,
            application_name=NAME,
            connect_timeout=5,
            # A server that vanished without a word is noticed.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=4,
        ) as connection:
            # First listen and then look: what is committed between the two is noticed twice, and not never.
            connection.execute(f"LISTEN {store.CHANNEL}".encode())
            while not self._stopped.is_set():
                version = store.version(connection)
                if self._lost:
                    log.info("edits of the configuration are seen again")
                    self._lost = False
                try:
                    self._catalogue.refresh(self._engine, wanted=version)
                except Problem as problem:
                    log.warning("the catalogue is behind", wanted=version, error=problem.detail)
                    self._stopped.wait(LOOK_EVERY_S)
                else:
                    # What came while the version was made is told at once.
                    for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                        pass
