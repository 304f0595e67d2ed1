from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import psycopg
import pytest
from sqlalchemy.orm import Session

from beacon_service.configuration import store
from beacon_service.configuration.model import Entry
from beacon_service.errors import ServiceUnavailable

AT = datetime(2026, 6, 3, 12, tzinfo=UTC)
# Long enough that a thread which could go on would have, short enough to wait for.
A_MOMENT_S = 0.3


def name_site(session, name, key="shop"):
    body = None if name is None else {"id": key, "name": name}
    return store.record(session, [Entry("site", key, body)], actor="a test", at=AT)


@pytest.fixture
def edit(engine):
    def commit(name, key="shop"):
        with Session(engine) as session, session.begin():
            return name_site(session, name, key)

    return commit


@pytest.fixture
def connection(test_cluster, worker_database, database_url):
    with test_cluster.connect(database=worker_database) as opened:
        opened.autocommit = False
        yield opened


def names(found):
    return {key: body and body["name"] for key, body in found.of("site")}


def test_each_edit_makes_the_next_version(edit, connection):
    assert [edit("Shop"), edit("Store"), edit("Mall", "mall")] == [1, 2, 3]

    found = store.read(connection)
    assert (found.version, names(found)) == (3, {"shop": "Store", "mall": "Mall"})


def test_documents_of_one_edit_share_its_version(engine, connection):
    with Session(engine) as session, session.begin():
        entries = [Entry("site", key, {"name": key}) for key in ("a", "b")]
        version = store.record(session, entries, actor="a test", at=AT)

    assert version == store.read(connection).version == 1


def test_the_log_tells_what_held_at_any_version(edit, connection):
    edit("Shop")
    edit("Store")
    edit(None)

    assert names(store.read(connection, upto=1)) == {"shop": "Shop"}
    assert names(store.read(connection, upto=2)) == {"shop": "Store"}
    assert names(store.read(connection, upto=3)) == {}


def test_a_reader_asks_for_what_changed_since_it_last_looked(edit, connection):
    edit("Shop")
    edit("Mall", "mall")
    edit(None, "mall")

    changed = store.read(connection, since=1)
    assert (changed.version, names(changed)) == (3, {"mall": None})
    assert (store.read(connection, since=3).version, names(store.read(connection, since=3))) == (3, {})


def test_an_edit_that_is_rolled_back_leaves_nothing(engine, edit, connection):
    with Session(engine) as session:
        name_site(session, "Shop")
        session.rollback()

    assert (edit("Store"), store.read(connection).version) == (1, 1)


def test_doubles_come_back_to_the_last_bit(engine, connection):
    numbers = [0.1, 1 / 3, 120.07345599999798, 30.29220458178285, 5e-324, -1e15, 4.0]
    with Session(engine) as session, session.begin():
        store.record(session, [Entry("zone", "shop/cafe", {"numbers": numbers})], actor="a test", at=AT)

    assert store.read(connection).bodies["zone", "shop/cafe"] == {"numbers": numbers}


def test_an_edit_waits_for_decisions_in_flight_and_later_decisions_see_it(edit, connection):
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [store.CATALOGUE_LOCK])
    with ThreadPoolExecutor(1) as pool:
        edited = pool.submit(edit, "Shop")
        with pytest.raises(TimeoutError):
            edited.result(timeout=A_MOMENT_S)
        assert store.read(connection).version == 0

        connection.commit()
        assert edited.result(timeout=5) == 1

    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [store.CATALOGUE_LOCK])
    assert store.read(connection).version == 1


def test_two_edits_at_once_get_consecutive_versions(engine, edit):
    first_has_recorded, may_commit = Event(), Event()

    def edit_slowly():
        with Session(engine) as session, session.begin():
            version = name_site(session, "Shop")
            first_has_recorded.set()
            may_commit.wait(timeout=5)
            return version

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(edit_slowly)
        assert first_has_recorded.wait(timeout=5)
        second = pool.submit(edit, "Store")
        with pytest.raises(TimeoutError):
            second.result(timeout=A_MOMENT_S)
        may_commit.set()

        assert [first.result(timeout=5), second.result(timeout=5)] == [1, 2]


def test_an_edit_gives_up_on_decisions_that_do_not_end(edit, connection, monkeypatch):
    monkeypatch.setattr(store, "LOCK_TIMEOUT", "50ms")
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [store.CATALOGUE_LOCK])

    with pytest.raises(ServiceUnavailable):
        edit("Shop")


def test_the_bound_on_waiting_for_the_lock_is_taken_back(engine):
    with Session(engine) as session:
        usual = session.connection().exec_driver_sql("SHOW lock_timeout").scalar()
        store.lock(session)
        assert (
            session.connection().exec_driver_sql("SHOW lock_timeout").scalar() == usual != store.LOCK_TIMEOUT
        )


def test_the_log_keeps_one_body_for_a_document_and_version(edit, connection):
    edit("Shop")

    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO catalogue_log SELECT kind, key, version, body, at, actor FROM catalogue_log"
        )
