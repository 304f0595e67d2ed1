"""A worker's process: when each of its jobs runs, until it is told to stop.

Two schedulers on one job store would fire twice, so there is no store: each worker's schedule lives in its memory,
and what must happen once is guarded by the database.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import psycopg
import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler

from beacon_service import cluster, logs
from beacon_service.clock import SystemClock
from beacon_service.safety import refuse_unsafe
from beacon_service.settings import libpq_url
from beacon_service.worker import Worker

if TYPE_CHECKING:
    from beacon_service.settings import Settings

log = structlog.get_logger()

RELEASE_EVERY_S = 1.0
TELL_EVERY_S = 5.0
PROPENSITIES_EVERY_S = 60.0
EVENTS_EVERY_S = 1.0
# Absences are of days, and most of them come about at midnight.
ABSENCES_EVERY_S = 300.0
# What leaves by webhook or push is on its way a quarter of a second after its decision, at most.
DELIVER_EVERY_S = 0.25
# How soon another worker takes over from a leader that died.
LEAD_EVERY_S = 2.0
# Whoever has walked a site wants to see what came of it, and a look costs one indexed query.
LEARN_EVERY_S = 2.0
BACKTEST_EVERY_S = 2.0


def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; jobs that run then are finished first."""
    logs.configure(settings)
    database_url = cluster.resolve_url(settings)
    with psycopg.connect(libpq_url(database_url)) as connection:
        refuse_unsafe(connection, settings)
    worker = Worker(settings, database_url, SystemClock())
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    worker.watch_catalogue()
    scheduler = _schedule(worker, settings)
    scheduler.start()
    log.info("working")
    stopped.wait()
    worker.stop()
    scheduler.shutdown(wait=True)
    worker.close()
    log.info("stopped")


def _schedule(worker: Worker, settings: Settings) -> BackgroundScheduler:
    """Each job alone at a time; looks that were missed are one look."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for job, seconds in (
        (worker.fire_timers, settings.worker_tick_ms / 1000),
        (worker.decide_waiting, settings.worker_tick_ms / 1000),
        (worker.notice_events, EVENTS_EVERY_S),
        (worker.release_expired, RELEASE_EVERY_S),
        (worker.lead, LEAD_EVERY_S),
        (worker.publish_propensities, PROPENSITIES_EVERY_S),
        (worker.notice_absences, ABSENCES_EVERY_S),
        (worker.tell_jobs, TELL_EVERY_S),
    ):
        scheduler.add_job(worker.jobs.surviving(job), "interval", seconds=seconds, id=job.__name__)
    # These take long at times; the next look then finds them busy and ends, instead of being told of as missed.
    for job, seconds in (
        (worker.learn_maps, LEARN_EVERY_S),
        (worker.run_backtests, BACKTEST_EVERY_S),
        (worker.deliver, DELIVER_EVERY_S),
    ):
        scheduler.add_job(
            worker.jobs.surviving(job), "interval", seconds=seconds, id=job.__name__, max_instances=2
        )
    scheduler.add_listener(
        lambda event: worker.jobs.missed(event.job_id), EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
    )
    return scheduler
