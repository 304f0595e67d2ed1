"""The worker: timers, releases, and - in one of them, the leader - the housekeeping of each day.

Jobs only look for what is due and may run in any number of workers at once; a lost worker loses nothing, since
what it had not done is still due. When each of them runs is told in `schedule`.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import structlog

from beacon_service import duties, partitions
from beacon_service.apart import StoppedError
from beacon_service.backtests import store as backtests
from beacon_service.backtests.jobs import Backtesting
from beacon_service.db import make_engine, transaction
from beacon_service.delivery import outbox_store
from beacon_service.delivery.release import release_due
from beacon_service.delivery.senders import sending
from beacon_service.engine import Given
from beacon_service.errors import Contended
from beacon_service.job_log import JobLog
from beacon_service.leadership import Leadership
from beacon_service.pings import (
    beacon_watch,
    phone_levels,
    propensities,
    put_off,
    snapshots,
    triggers,
    waiting,
)
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.catalogue_watch import CatalogueWatch
from beacon_service.pings.records import CatalogueBehindError, InstallationMovedError
from beacon_service.pings.tick import MOST, tick
from beacon_service.positioning.jobs import MapLearning
from beacon_service.positioning.learner import LearningStopped
from beacon_service.service import random_seed
from beacon_service.settings import libpq_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from sqlalchemy import Engine

    from beacon_service.clock import Clock
    from beacon_service.db import Connection
    from beacon_service.settings import Settings

log = structlog.get_logger()

HOUSEKEEPING_EVERY_S = 600.0
# Within an hour somebody can be on the way to a beacon that fell silent; five minutes leave room for that.
BEACONS_EVERY_S = 300.0
# Models change with what people buy, and an edit makes every process load the change.
PHONES_EVERY_S = 86_400.0


class Worker:
    """The jobs of one worker process, each safe to run at any time and in several workers."""

    def __init__(self, settings: Settings, database_url: str, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._engine: Engine = make_engine(database_url, settings, connections=4)
        self._catalogue = CatalogueCache()
        self._watch = CatalogueWatch(self._catalogue, self._engine, libpq_url(database_url))
        self._leadership = Leadership(libpq_url(database_url))
        self._leads = False
        self.jobs = JobLog(clock)
        self._isolation = put_off.Isolation(self._engine, self.jobs.put_off)
        self._stopped = threading.Event()
        self._sending = sending(self._engine, clock, settings, self._stopped)
        self._busy_learning = threading.Lock()
        self._learning = MapLearning(self._engine, libpq_url(database_url), clock, self._stopped)
        self._busy_backtesting = threading.Lock()
        self._backtesting = Backtesting(self._engine, libpq_url(database_url), clock, self._stopped)
        self._kept_house_at = clock.now() - timedelta(seconds=HOUSEKEEPING_EVERY_S)
        self._watched_beacons_at = clock.now() - timedelta(seconds=BEACONS_EVERY_S)

    def watch_catalogue(self) -> None:
        """From now on an edit is made ready for when something falls due."""
        self._watch.start()

    def fire_timers(self) -> None:
        """Until nothing is due any more: a rush of timers must not wait for the next look."""
        while self._tick() == MOST:
            pass

    def decide_waiting(self) -> None:
        """What was delayed or held and is due now; a rush of it must not wait for the next look either."""
        while self._decide_waiting() == waiting.MOST:
            pass

    def notice_events(self) -> None:
        """What customers brought from elsewhere may trigger a campaign."""
        while self._notice_events() == triggers.MOST:
            pass

    def notice_absences(self) -> None:
        """Whoever leads: who has been away for as long as a campaign asks."""
        if self._leads:
            programme = self._catalogue.newest(self._engine).programme
            found = triggers.notice_absences(self._engine, programme, self._clock.now(), random_seed)
            log.info("noticed absences", found=found)

    def publish_propensities(self) -> None:
        """Whoever leads: what became of the offers of campaigns that learn."""
        if self._leads:
            programme = self._catalogue.newest(self._engine).programme
            propensities.publish(self._engine, programme, self._clock.now())

    def tell_jobs(self) -> None:
        """What all of these came to."""
        with transaction(self._engine) as connection:
            self.jobs.tell(connection)

    def release_expired(self) -> None:
        now = self._clock.now()
        put_off.isolated(
            self._isolation,
            put_off.RELEASES,
            now,
            lambda connection, only: release_due(connection, now, only=only),
        )

    def deliver(self) -> None:
        """Send what is due by webhook and push; at once if another turn is still at it."""
        self._sending.send_due()

    def lead(self) -> None:
        """Take or keep the lead; with it, keep house when it is time."""
        leads = False
        try:
            leads = self._leadership.held()
        finally:
            # In one step: what only the leader does is due at the same instants, and looks while the server is asked.
            self._leads = leads
        if not leads:
            return
        now = self._clock.now()
        if (now - self._kept_house_at).total_seconds() >= HOUSEKEEPING_EVERY_S:
            self.keep_house()
            self._kept_house_at = now
        if (now - self._watched_beacons_at).total_seconds() >= BEACONS_EVERY_S:
            # Set first: advice that could not be had waits for its next turn, and holds up nothing else.
            self._watched_beacons_at = now
            self.watch_beacons()
            self.learn_phones()

    def keep_house(self) -> None:
        """Partitions ahead, retention behind, the day's snapshot."""
        now = self._clock.now()
        first_kept = now.date() - timedelta(days=self._settings.retention_days)
        with transaction(self._engine) as connection:
            partitions.ensure(connection, now.date())
            snapshots.drop_before(connection, first_kept)
            outbox_store.keep_house(connection, before=now - timedelta(days=self._settings.retention_days))
            backtests.drop_before(connection, datetime.combine(first_kept, time(), tzinfo=UTC))
        dropped = self._drop_pings(first_kept)
        with transaction(self._engine) as connection:
            taken = snapshots.take(connection, now.date(), now)
        log.info("kept house", partitions_dropped=dropped, snapshot_taken=taken)

    def watch_beacons(self) -> None:
        """Judge beacons by what new pings say of them."""
        now, places = self._clock.now(), self._catalogue.newest(self._engine).places
        with transaction(self._engine) as connection:
            watched = beacon_watch.watch(connection, places, now)
        if watched is not None:
            log.info("watched beacons", pings=watched.pings, every=watched.every, **watched.states)

    def learn_phones(self) -> None:
        """Once a day, whoever leads: how much more or less each phone model hears."""
        now = self._clock.now()
        with transaction(self._engine) as connection:
            last = duties.last_ran_at(connection, phone_levels.DUTY)
            if last is not None and (now - last).total_seconds() < PHONES_EVERY_S:
                return
            duties.remember(connection, phone_levels.DUTY, now, None)
        learned = phone_levels.learn(self._engine, self._catalogue.newest(self._engine).places, now)
        log.info("learned phones", changed=len(learned))

    def learn_maps(self) -> None:
        """Whoever leads: all radio maps that were asked for, one after the other, each in a process of its own."""
        if not self._busy_learning.acquire(blocking=False):
            return
        try:
            while self._leads and self._learning.learn_next():
                pass
        except LearningStopped:
            log.info("learning is left to the next leader")
        finally:
            self._busy_learning.release()

    def run_backtests(self) -> None:
        """The backtest that waits longest, in a process of its own."""
        if not self._busy_backtesting.acquire(blocking=False):
            return
        try:
            if not self._stopped.is_set():
                self._backtesting.run_next()
        except StoppedError:
            log.info("a backtest is left to another worker")
        finally:
            self._busy_backtesting.release()

    def stop(self) -> None:
        """Begin no more of what takes long, and end what can be begun anew."""
        self._leads = False
        self._stopped.set()

    def close(self) -> None:
        self._watch.stop()
        self._sending.close()
        self._leadership.give_up()
        self._engine.dispose()

    def _drop_pings(self, first_kept: date) -> int:
        """How many days' were dropped; none while somebody reads them, until the next time."""
        try:
            with transaction(self._engine) as connection:
                return partitions.drop_before(connection, first_kept)
        except Contended:
            log.info("pings past their time are being read, and go later")
            return 0

    def _decide_waiting(self) -> int:
        return self._decide(
            lambda given: self._isolated(put_off.WAITING, given, waiting.decide_due), waiting.MOST
        )

    def _tick(self) -> int:
        return self._decide(lambda given: self._isolated(put_off.TIMERS, given, tick), MOST)

    def _notice_events(self) -> int:
        def look(given: Given) -> int:
            with transaction(self._engine) as connection:
                return triggers.notice_events(connection, given)

        return self._decide(look, triggers.MOST)

    def _isolated(
        self, queue: put_off.Queue, given: Given, look: Callable[[Connection, Given, int | None], int]
    ) -> int:
        return put_off.isolated(
            self._isolation, queue, given.now, lambda connection, only: look(connection, given, only)
        )

    def _decide(self, look: Callable[[Given], int], most: int) -> int:
        """One look at what is due; `most` where it is to be had again at once."""
        try:
            return look(Given(self._clock.now(), self._catalogue.current, random_seed))
        except CatalogueBehindError as behind:
            self._catalogue.refresh(self._engine, wanted=behind.version)
        except InstallationMovedError:
            pass  # it is still due, and the next look finds it where it is now
        return most
