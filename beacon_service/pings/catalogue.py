"""The catalogue that this process decides by, brought up to date whenever a transaction finds it behind.

Mostly nobody finds it behind: `catalogue_watch` makes a new version as soon as an edit is committed. Whoever comes
before that is done waits for it, and begins it where nobody has; a version is made once, and one at a time.
"""

import gc
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy import Engine

from beacon_service.campaigns.programme import Programme
from beacon_service.configuration import store
from beacon_service.configuration.model import Documents
from beacon_service.db import Connection, transaction
from beacon_service.engine import Catalogue
from beacon_service.errors import Problem, ServiceUnavailable
from beacon_service.positioning.service import radio_map
from beacon_service.zones.catalogue import LoadMap, Places
from beacon_service.zones.model import SiteId

# What cannot be read will mostly be so a second later. All that wait for it try together, and not one after the other.
TRY_AGAIN_S = 1.0
# What lives until the next edit need not be walked by the garbage collector again and again. After an edit of a few
# documents there is little to walk, and to tell the collector of it would also keep for ever whatever is being made
# by others in that moment.
FREEZE_AFTER = 1_000

log = structlog.get_logger()


class _Failure(NamedTuple):
    """Of making a version; until then nobody tries that one again."""

    wanted: int
    until: float


class CatalogueCache:
    """Holds one version. Readers take `current` once and go on with it, whatever is loaded meanwhile.

    To be made in the process that uses it: one that is forked off while a version is being made would wait for ever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loading = threading.Lock()
        self._failure: _Failure | None = None
        self._unfrozen = (
            FREEZE_AFTER  # documents read since the last time; all of the first reading is worth it
        )
        self.current = Catalogue.of(0, Places(), Programme())

    def newest(self, engine: Engine) -> Catalogue:
        """The catalogue as it is now, for those who do not decide by it and so hold no lock that would tell."""
        with transaction(engine) as connection:
            version = store.version(connection)
        return self.refresh(engine, wanted=version)

    def refresh(self, engine: Engine, *, wanted: int) -> Catalogue:
        """The catalogue as of `wanted`, a version that a transaction saw, or as of a later one.

        Waits for whoever is making one. What was begun before the edit that is wanted does not suffice, and is
        followed by another; what was begun after it does. Raises ServiceUnavailable where it cannot be made: nobody
        then decides by an earlier one.
        """
        if self.current.version != wanted:
            with self._loading:
                if self.current.version != wanted:
                    self._load(engine, wanted)
        return self.current

    def _load(self, engine: Engine, wanted: int) -> None:
        failure, unread = self._failure, "The configuration cannot be read just now; send it again."
        if failure is not None and failure.wanted == wanted and self._clock() < failure.until:
            raise ServiceUnavailable(unread)
        began_at = self._clock()
        try:
            self._read(engine)
        except Problem:  # the database is away, and whoever comes when it is back need not wait
            raise
        except Exception as error:
            log.exception("the configuration cannot be read", version=wanted)
            now = self._clock()
            # Trying takes no more than half of the time, however long it takes.
            self._failure = _Failure(wanted, now + max(TRY_AGAIN_S, now - began_at))
            raise ServiceUnavailable(unread) from error
        self._failure = None

    def _read(self, engine: Engine) -> None:
        """All that changed since the version at hand.

        A database that is behind us was restored from a backup: then everything is loaded anew. `wanted` does not
        tell it, since others may have gone on to a later version while its transaction was under way.
        """
        held: Catalogue | None = self.current
        with transaction(engine) as connection:
            newest = store.version(connection)
            if held is not None and newest == held.version:
                return
            if held is not None and newest < held.version:
                held = None
            changes = store.read(connection, since=held.version if held else 0)
            maps = maps_of(connection, changes)
            places = (held.places if held else Places()).updated(changes, maps)
        programme = (held.programme if held else Programme()).updated(changes)
        self.current = Catalogue.of(changes.version, places, programme, held)
        self._unfrozen += len(changes.bodies)
        if self._unfrozen > FREEZE_AFTER:
            self._unfrozen = 0
            gc.collect()
            gc.freeze()


def maps_of(connection: Connection, changes: Documents) -> LoadMap:
    """Radio maps as these changes name them, loaded at once; one that is not what was put into use is none."""
    named = [(SiteId(site), body) for site, body in changes.of("radio_map") if body is not None]
    found = {
        (site, body["number"]): radio_map(connection, site, body["number"], body["sha256"])
        for site, body in named
    }
    return lambda site, number: found[site, number]
