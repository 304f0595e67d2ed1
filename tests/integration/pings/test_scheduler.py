"""What operators see of the workers: every job with what it came to, and what waits for them with its lag."""

from datetime import timedelta

import psycopg
import pytest

from beacon_service.db import db, transaction
from beacon_service.job_log import GONE_AFTER, JobLog
from tests.factories.catalogue import campaign_document, trigger_document, zone_document


def fine():
    pass


def outage():
    raise psycopg.OperationalError("gone")


def mistake():
    raise KeyError("a mistake")


@pytest.fixture
def jobs(shop):
    return JobLog(shop.clock)


def tell(shop, jobs):
    with shop.app.app_context(), transaction(db.engine) as connection:
        jobs.tell(connection)


def seen(shop):
    answer = shop.client.get("/v1/scheduler", headers={"Authorization": f"Bearer {shop.secret}"})
    assert answer.status_code == 200, answer.text
    return answer.json


def test_each_job_is_told_with_its_runs_failures_and_misses(shop, jobs):
    for job, times in ((fine, 3), (outage, 2)):
        for _ in range(times):
            jobs.surviving(job)()
    jobs.missed("fine")
    with pytest.raises(KeyError):
        jobs.surviving(mistake)()
    tell(shop, jobs)
    told = {one["job"]: one for one in seen(shop)["jobs"]}
    assert {name: (one["runs"], one["failures"], one["missed"]) for name, one in told.items()} == {
        "fine": (3, 0, 1),
        "outage": (2, 2, 0),
        "mistake": (1, 1, 0),
    }
    assert told["fine"]["last_error"] is None
    assert told["outage"]["last_error"] == "the database does not answer"
    assert told["mistake"]["last_error"] == "KeyError"
    assert not any(one["gone"] for one in told.values())


def test_a_worker_that_is_gone_is_seen_for_a_day(shop, jobs):
    jobs.surviving(fine)()
    tell(shop, jobs)
    shop.clock.now_at += timedelta(minutes=2)
    assert [one["gone"] for one in seen(shop)["jobs"]] == [True]
    shop.clock.now_at += GONE_AFTER
    other = JobLog(shop.clock)
    other.worker = "another/1"
    other.surviving(fine)()
    tell(shop, other)
    assert [one["worker"] for one in seen(shop)["jobs"]] == ["another/1"]


def test_queues_are_told_with_how_long_the_oldest_has_been_due(shop):
    delayed = campaign_document("later", trigger=trigger_document("shop/cafe", delay_s=60))
    shop.configure(zones=[zone_document("cafe", dwell_s=[30])], campaigns=[delayed])
    assert all((one["due"], one["lag_s"]) == (0, 0.0) for one in seen(shop)["queues"])
    shop.ping(shop.phone("anna"), "1")
    shop.clock.now_at += timedelta(seconds=70)
    queues = {one["queue"]: (one["due"], one["lag_s"]) for one in seen(shop)["queues"]}
    assert queues["waiting"] == (1, 10.0)
    assert queues["timers"] == (1, 40.0)
    assert queues["outbox"] == (0, 0.0)
