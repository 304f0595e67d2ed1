"""Radio maps that were asked for become radio maps in use: the job of whoever leads, or of a command.

Learning happens outside any transaction. A process that dies on the way leaves its map `learning` and loses the
lock on it, and the next begins it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from beacon_service.configuration.model import Edit
from beacon_service.db import transaction
from beacon_service.errors import Conflict, NotFound
from beacon_service.positioning import map_store, service, store
from beacon_service.positioning.learner import Given, LearnerDied, LearningStopped, learn_apart
from beacon_service.positioning.survey import SurveyError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sqlalchemy import Engine

    from beacon_service.clock import Clock
    from beacon_service.positioning.learner import Told
    from beacon_service.positioning.surveys import LearnedMap, MapKey

log = structlog.get_logger()

# A map whose learning ends its process (for want of memory, say) would do so for ever.
MOST_ATTEMPTS = 3


class MapLearning:
    """Learns maps of one database. `url` is libpq's: the lock has a connection of its own."""

    def __init__(
        self, engine: Engine, url: str, clock: Clock, stopped: threading.Event | None = None
    ) -> None:
        self._engine = engine
        self._url = url
        self._clock = clock
        self._stopped = stopped

    def learn_next(self) -> bool:
        """Learn the map that waits longest and is nobody's yet, and put into use what is to be; whether one was."""
        self.activate_ready()
        with transaction(self._engine) as connection:
            due = map_store.due(connection)
        learned = any(self.learn(key) for key in due)
        if learned:
            self.activate_ready()
        return learned

    def learn(self, key: MapKey, tell: Callable[[Told], None] = lambda _told: None) -> bool:
        """Learn this map, unless another process does; whether it was done here, be it in vain."""
        with map_store.learning_lock(self._url, key) as ours:
            if not ours:
                return False
            given = self._begin(key)
            if given is None:
                return False
            log.info("learning a radio map", site=key.site, number=key.number)

            def told(how: Told) -> None:
                with transaction(self._engine) as connection:
                    map_store.tell(connection, key, how.share, how.doing, self._clock.now())
                tell(how)

            try:
                self._finish(key, learn_apart(given, told, self._stopped))
            except LearningStopped:
                with transaction(self._engine) as connection:
                    map_store.give_back(connection, key)
                raise
            except SurveyError as error:
                self._fail(key, str(error))
            except LearnerDied as died:
                self._fail(key, f"{died}; its last words are in the log of the process that began it")
            return True

    def activate_ready(self) -> None:
        """Put into use the maps that are ready and meant to be; one that must not be used says why."""
        with transaction(self._engine) as connection:
            ready = map_store.to_activate(connection)
        for key, actor in ready:
            edit = Edit(actor, self._clock.now(), lambda _version: None)
            try:
                with Session(self._engine) as session:
                    service.activate(session, key, edit)
                    map_store.activation_tried(map_store.connection_of(session), key, None)
                    session.commit()
            except (Conflict, NotFound) as problem:
                with transaction(self._engine) as connection:
                    map_store.activation_tried(connection, key, problem.detail)
                log.warning(
                    "a radio map is not put into use", site=key.site, number=key.number, why=problem.detail
                )
            else:
                log.info("a radio map is in use", site=key.site, number=key.number)

    def _begin(self, key: MapKey) -> Given | None:
        with transaction(self._engine) as connection:
            begun = map_store.begin(connection, key, self._clock.now())
            if begun is None:
                return None
            attempts, numbers = begun
            reason = _hopeless(attempts, numbers, has_site=store.has_site(connection, key.site))
            if reason is not None:
                map_store.fail(connection, key, reason, self._clock.now())
                return None
            return Given.of(
                store.bodies(connection, key.site, numbers), store.ground(connection, key.site).floors
            )

    def _finish(self, key: MapKey, learned: LearnedMap) -> None:
        with transaction(self._engine) as connection:
            map_store.finish(connection, key, learned, self._clock.now())
        log.info("learned a radio map", site=key.site, number=key.number, bytes=len(learned.body))

    def _fail(self, key: MapKey, reason: str) -> None:
        with transaction(self._engine) as connection:
            map_store.fail(connection, key, reason, self._clock.now())
        log.warning("a radio map could not be learned", site=key.site, number=key.number, why=reason)


def _hopeless(attempts: int, surveys: list[int], *, has_site: bool) -> str | None:
    if not has_site:
        return "the site is gone"
    if not surveys:
        return "all surveys of the site were withdrawn"
    if attempts > MOST_ATTEMPTS:
        return f"learning was begun {MOST_ATTEMPTS} times and never ended: has the machine enough memory?"
    return None
