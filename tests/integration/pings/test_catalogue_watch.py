"""An edit is in a process before a ping asks for it, and no ping is ever decided by what was before the edit."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.orm import Session

from beacon_service import cluster, migration
from beacon_service.campaigns import programme
from beacon_service.configuration import store
from beacon_service.configuration.model import Entry
from beacon_service.db import db, make_engine
from beacon_service.errors import ServiceUnavailable
from beacon_service.pings import catalogue, catalogue_watch
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.catalogue_watch import CatalogueWatch
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.settings import Settings, libpq_url
from tests.factories.catalogue import campaign_document, documents, square, zone_document

ROOT = Path(__file__).parents[3]
# An idle machine takes milliseconds; what a busy one takes says nothing of the code.
PATIENCE_S = 20.0


def wait_until(happened, what):
    ends_at = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < ends_at, what
        time.sleep(0.01)


def edit(engine, **kinds):
    """As the API would, but for its checks; the version that it made."""
    entries = [Entry(kind, key, body) for (kind, key), body in documents(**kinds).bodies.items()]
    with Session(engine) as session:
        version = store.record(session, entries, actor="test", at=datetime(2026, 6, 3, tzinfo=UTC))
        session.commit()
    return version


def moved(number):
    return zone_document("cafe", geometry=square(number, 0))


class Readings:
    """What is read of the log, each reading held up until it is let go."""

    def __init__(self, monkeypatch):
        self.since = []
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.held_up = False
        original = store.read

        def read(connection, *, since=0, upto=None):
            self.since.append(since)
            self.begun.release()
            found = original(connection, since=since, upto=upto)
            if self.held_up:
                assert self.go_on.acquire(timeout=PATIENCE_S)
            return found

        monkeypatch.setattr(catalogue.store, "read", read)


@pytest.fixture
def readings(monkeypatch):
    return Readings(monkeypatch)


@pytest.fixture
def cache():
    return CatalogueCache()


@contextmanager
def watching(cache, engine, url):
    watch = CatalogueWatch(cache, engine, libpq_url(url))
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


@pytest.fixture
def watched(cache, engine, settings):
    """The cache, kept at the newest version by a thread."""
    with watching(cache, engine, settings.database_url):
        yield cache


def listeners(url):
    with psycopg.connect(libpq_url(url)) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        return [pid for (pid,) in connection.execute(query, [catalogue_watch.NAME])]


def test_an_edit_is_there_without_anybody_asking(engine, watched):
    version = edit(engine, zones=[moved(0)])
    wait_until(lambda: watched.current.version == version, "the edit is in the process")
    assert "shop/cafe" in watched.current.places.zones


def test_an_edit_is_told_and_not_only_found_by_looking(engine, cache, settings, monkeypatch):
    monkeypatch.setattr(catalogue_watch, "LOOK_EVERY_S", 3 * PATIENCE_S)
    with watching(cache, engine, settings.database_url) as watch:
        wait_until(lambda: listeners(settings.database_url), "it listens")
        for number in range(3):
            version = edit(engine, zones=[moved(number)])
            wait_until(lambda version=version: cache.current.version == version, "the edit is in the process")
        watch._stopped.set()
        edit(engine, zones=[moved(4)])  # wakes it, long before its next look


def test_where_nobody_is_told_it_is_found_by_looking(engine, watched, monkeypatch):
    monkeypatch.setattr(catalogue_watch.store, "CHANNEL", "another_channel")
    version = edit(engine, zones=[moved(0)])
    wait_until(lambda: watched.current.version == version, "the edit is in the process")


def test_of_many_edits_in_a_row_the_last_is_there_in_the_end(engine, watched):
    for number in range(10):
        version = edit(engine, zones=[moved(number)])
    wait_until(lambda: watched.current.version == version, "the last edit")
    (west, *_) = watched.current.places.zones["shop/cafe"].geometry.bounds
    assert west == square(9)["coordinates"][0][0][0]


def test_whoever_comes_while_a_version_is_made_waits_for_that_one(engine, cache, readings):
    version = edit(engine, zones=[moved(0)])
    readings.held_up = True
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(cache.refresh, engine, wanted=version) for _ in range(6)]
        assert readings.begun.acquire(timeout=PATIENCE_S)
        time.sleep(0.1)
        assert not any(one.done() for one in asked)
        readings.go_on.release()
        assert {one.result(PATIENCE_S).version for one in asked} == {version}
    assert readings.since == [0]


def test_an_edit_while_a_version_is_made_is_waited_for_too(engine, cache, readings):
    first = edit(engine, zones=[moved(0)])
    readings.held_up = True
    with ThreadPoolExecutor(2) as threads:
        early = threads.submit(cache.refresh, engine, wanted=first)
        assert readings.begun.acquire(timeout=PATIENCE_S)
        time.sleep(0.2)  # it has read the log
        second = edit(engine, zones=[moved(1)])
        late = threads.submit(cache.refresh, engine, wanted=second)
        readings.go_on.release()
        assert early.result(PATIENCE_S).version >= first
        assert readings.begun.acquire(timeout=PATIENCE_S)
        assert not late.done()
        readings.go_on.release()
        assert late.result(PATIENCE_S).version == second
    assert readings.since == [0, first]


def test_a_transaction_that_saw_an_earlier_version_is_no_reason_to_load_everything(engine, cache, readings):
    first = edit(engine, zones=[moved(0)])
    cache.refresh(engine, wanted=first)
    second = edit(engine, zones=[moved(1)])
    held = cache.refresh(engine, wanted=second)

    assert cache.refresh(engine, wanted=first) is held
    assert readings.since == [0, first]


def test_a_database_that_was_restored_from_a_backup_is_loaded_anew(engine, watched, settings):
    edit(engine, zones=[moved(0), zone_document("later", geometry=square(9))])
    first = edit(engine, zones=[moved(1)])
    wait_until(lambda: watched.current.version == first, "both edits")
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        connection.execute("TRUNCATE catalogue_log")
        connection.execute("UPDATE catalogue SET version = 0")
    restored = edit(engine, zones=[moved(2)])
    wait_until(lambda: watched.current.version == restored, "what was restored")
    assert watched.current.places.zones.keys() == {"shop/cafe"}


@pytest.fixture
def unreadable(monkeypatch):
    """Campaigns called so make the reading fail, as a mistake of ours would; the list tells how often it was tried."""
    tries = []
    original = programme.campaign_of

    def campaign_of(body):
        if body["name"] == "unreadable":
            tries.append(body["id"])
            raise KeyError("nobody thought of this")
        return original(body)

    monkeypatch.setattr(programme, "campaign_of", campaign_of)
    return tries


def test_what_cannot_be_read_is_decided_by_nobody_and_tried_by_one(engine, unreadable):
    now = [100.0]
    cache = CatalogueCache(clock=lambda: now[0])
    before = cache.refresh(engine, wanted=edit(engine, zones=[moved(0)]))
    broken = edit(engine, campaigns=[campaign_document(name="unreadable")])

    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="cannot be read"):
            cache.refresh(engine, wanted=broken)
    assert (len(unreadable), cache.current) == (1, before)

    now[0] += catalogue.TRY_AGAIN_S
    with pytest.raises(ServiceUnavailable):
        cache.refresh(engine, wanted=broken)
    assert len(unreadable) == 2

    # An edit that mends it need not wait.
    mended = edit(engine, campaigns=[campaign_document(name="readable")])
    assert cache.refresh(engine, wanted=mended).programme.campaigns["coffee"].name == "readable"


def test_the_thread_outlives_what_cannot_be_read(engine, watched, unreadable):
    edit(engine, campaigns=[campaign_document(name="unreadable")])
    wait_until(lambda: unreadable, "it was tried")
    mended = edit(engine, campaigns=[campaign_document(name="readable")])
    wait_until(lambda: watched.current.version == mended, "the edit that mends it")


def test_a_connection_that_is_cut_is_made_again(engine, watched, settings):
    wait_until(lambda: listeners(settings.database_url), "it listens")
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        for pid in listeners(settings.database_url):
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    version = edit(engine, zones=[moved(0)])
    wait_until(lambda: watched.current.version == version, "the edit is in the process")


def test_once_stopped_there_is_no_thread_and_no_connection(engine, cache, settings):
    with watching(cache, engine, settings.database_url) as watch:
        watch.start()  # a second time changes nothing
        wait_until(lambda: len(listeners(settings.database_url)) == 1, "it listens")
    assert not watch.is_watching
    wait_until(lambda: not listeners(settings.database_url), "the server has seen it go")
    with watching(cache, engine, settings.database_url):
        version = edit(engine, zones=[moved(0)])
        wait_until(lambda: cache.current.version == version, "it may be started again")


def test_who_is_forked_off_begins_a_thread_of_its_own(engine, cache, settings):
    with watching(cache, engine, settings.database_url) as watch:
        wait_until(lambda: listeners(settings.database_url), "it listens")
        child = os.fork()
        if child == 0:
            had_it = watch.is_watching
            watch.start()
            os._exit(0 if watch.is_watching and not had_it else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert watch.is_watching


PROGRAM = """
import sys
from beacon_service.db import make_engine
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.catalogue_watch import CatalogueWatch
from beacon_service.settings import Settings, libpq_url

settings = Settings(database_url=sys.argv[1])
cache = CatalogueCache()
CatalogueWatch(cache, make_engine(sys.argv[1], settings, connections=1), libpq_url(sys.argv[1])).start()
while cache.current.version == 0:
    pass
print("seen")
"""


def test_a_process_ends_though_its_thread_watches(engine, settings):
    edit(engine, zones=[moved(0)])
    command = [sys.executable, "-c", PROGRAM, settings.database_url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "seen\n"), done.stderr[-2000:]


@pytest.fixture
def own_cluster():
    """A server of this test alone, to be stopped."""
    home = Path(tempfile.mkdtemp(prefix=f"beacon-test-{os.getpid()}-", dir="/tmp"))
    made = cluster.Cluster(home, unsafe=True)
    cluster.start(made)
    migration.upgrade(made.url())
    yield made
    cluster.stop(made)
    shutil.rmtree(home, ignore_errors=True)


def test_a_server_that_was_restarted_is_watched_again(own_cluster, cache):
    url = Settings(database_url=own_cluster.url()).database_url
    engine = make_engine(url, Settings(database_url=url), connections=2)
    with watching(cache, engine, url):
        before = edit(engine, zones=[moved(0)])
        wait_until(lambda: cache.current.version == before, "an edit before")
        cluster.stop(own_cluster)
        time.sleep(2 * catalogue_watch.LOOK_EVERY_S)
        cluster.start(own_cluster)
        version = edit(engine, zones=[moved(1)])
        wait_until(lambda: cache.current.version == version, "an edit after")
    engine.dispose()


@pytest.fixture
def serving(shop):
    """The shop as a web process serves it."""
    with shop.app.app_context():
        engine = db.engine
    with watching(shop.app.extensions[CATALOGUE], engine, shop.app.extensions["beacon"].database_url):
        yield shop


def test_every_ping_is_decided_by_what_was_edited_before_it_was_sent(serving, readings, monkeypatch):
    """Edits and pings at once, while each version takes its time to be made."""
    original = catalogue.Catalogue.of

    def slow(*arguments):
        time.sleep(0.02)
        return original(*arguments)

    monkeypatch.setattr(catalogue.Catalogue, "of", slow)
    serving.configure(zones=[zone_document()], campaigns=[campaign_document()])
    phones = [serving.phone(f"p{number}") for number in range(3)]
    with serving.app.app_context():
        engine = db.engine
    edited = threading.Event()
    newest = [1]
    sent = []

    def keep_editing():
        for number in range(20):
            newest[0] = edit(
                engine, zones=[moved(number % 2 / 10)], campaigns=[campaign_document(revision=number + 2)]
            )
            time.sleep(0.1)
        edited.set()

    def keep_sending(phone):
        number = 0
        while not edited.is_set():
            before = newest[0]
            # Where edits outrun it, a ping is refused; then nothing was decided.
            if serving.post(phone, serving.ping_body(f"{number}")).status_code == 200:
                sent.append((before, phone, f"{number}"))
            number += 1

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(keep_editing), *(threads.submit(keep_sending, phone) for phone in phones)]
        for one in running:
            one.result(60)
    decided_by = {
        (phone, ping_id): version
        for phone, ping_id, version in serving.rows(
            "SELECT i.id, p.ping_id, p.catalogue_version FROM pings p JOIN installations i ON i.key = p.installation_key"
        )
    }
    assert len(sent) > 25
    assert [one for one in sent if decided_by[one[1:]] < one[0]] == []
    assert len(readings.since) == len(set(readings.since)), "each version is read once, whoever waits for it"
    along_seq = [version for (version,) in serving.rows("SELECT catalogue_version FROM pings ORDER BY seq")]
    assert along_seq == sorted(along_seq)


def test_a_ping_that_cannot_have_the_newest_is_told_to_come_again(serving, unreadable):
    serving.configure(zones=[zone_document()], campaigns=[campaign_document()])
    phone = serving.phone()
    serving.ping(phone, "before")
    serving.configure(sites=[], campaigns=[campaign_document(name="unreadable")])
    answers = [serving.post(phone, serving.ping_body(f"{number}")) for number in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert len(serving.rows("SELECT FROM pings")) == 1
    serving.configure(sites=[], campaigns=[campaign_document(name="readable")])
    serving.ping(phone, "after")
