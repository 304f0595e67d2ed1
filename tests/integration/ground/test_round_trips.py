"""What the hot path relies on: how many trips, what becomes of errors, and when a thing is committed."""

import time

import psycopg
import pytest

from beacon_service import db
from beacon_service.db import Statement
from beacon_service.errors import ServiceUnavailable

FIVE = [Statement("SELECT %(n)s::bigint", {"n": n}) for n in range(5)]
BEGUN = Statement("SELECT pg_current_xact_id()")


def write(version):
    return Statement("UPDATE catalogue SET version = %(version)s", {"version": version})


def version_seen_by_others(engine):
    with db.transaction(engine) as connection:
        return db.round_trip(connection, [Statement("SELECT version FROM catalogue")])[0][0][0]


def test_five_statements_and_their_begin_are_one_round_trip(engine, wire):
    with db.transaction(engine) as connection:
        answers = []
        sent = wire(connection, lambda: answers.extend(db.round_trip(connection, FIVE)))
    assert answers == [[(n,)] for n in range(5)]
    assert sent["Sync"] == 1
    assert sent["Execute"] == 6


def test_the_commit_travels_with_the_last_statements(engine, wire):
    with db.transaction(engine) as connection:
        db.round_trip(connection, FIVE)
        sent = wire(connection, lambda: db.finish(connection, [write(7), *FIVE]))
        assert version_seen_by_others(engine) == 7
    assert sent["Sync"] == 1
    assert sent["Execute"] == 7


def test_a_finished_transaction_costs_nothing_more(engine, wire):
    with db.transaction(engine) as connection:
        db.finish(connection, FIVE)
        assert wire(connection, connection.commit) == {}


def test_statements_are_prepared_once(engine, wire):
    with db.transaction(engine) as connection:
        first = wire(connection, lambda: db.round_trip(connection, FIVE))
        second = wire(connection, lambda: db.round_trip(connection, FIVE))
    assert first["Parse"] == 2  # BEGIN, and the one text that all five share
    assert "Parse" not in second


def test_small_and_large_numbers_share_one_prepared_statement(engine, wire):
    with db.transaction(engine) as connection:
        db.round_trip(connection, [FIVE[0]])
        large = Statement(FIVE[0].sql, {"n": 2**40})
        assert "Parse" not in wire(connection, lambda: db.round_trip(connection, [large]))


def test_what_is_not_finished_is_committed_at_the_end(engine):
    with db.transaction(engine) as connection:
        db.round_trip(connection, [write(3)])
        assert version_seen_by_others(engine) == 0
    assert version_seen_by_others(engine) == 3


def test_an_error_of_ours_rolls_back_and_keeps_the_prepared_statements(engine, wire):
    with pytest.raises(LookupError), db.transaction(engine) as connection:  # noqa: PT012 - the end of the block is what raises
        db.round_trip(connection, [write(3)])
        raise LookupError
    assert version_seen_by_others(engine) == 0
    with db.transaction(engine) as connection:
        sent = wire(connection, lambda: db.round_trip(connection, [write(4)]))
    assert sent.get("Parse", 0) <= 1  # BEGIN alone


def test_an_error_of_the_database_is_raised_and_undoes_the_whole(engine):
    broken = Statement("SELECT 1 / %(zero)s::bigint", {"zero": 0})
    with pytest.raises(psycopg.errors.DivisionByZero), db.transaction(engine) as connection:
        db.finish(connection, [write(3), broken, write(4)])
    assert version_seen_by_others(engine) == 0


def test_a_swallowed_error_cannot_pass_for_a_commit(engine):
    with pytest.raises(psycopg.errors.InFailedSqlTransaction), db.transaction(engine) as connection:  # noqa: PT012 - the end of the block is what raises
        with pytest.raises(psycopg.errors.DivisionByZero):
            db.round_trip(connection, [Statement("SELECT 1 / 0")])
        db.finish(connection, [])


def test_a_savepoint_undoes_a_part_and_keeps_the_prepared_statements(engine, wire):
    with db.transaction(engine) as connection:
        db.round_trip(connection, [write(1), Statement("SAVEPOINT budgets"), write(2)])
        again = [Statement("ROLLBACK TO SAVEPOINT budgets"), Statement("SELECT version FROM catalogue")]
        assert db.round_trip(connection, again) == [[], [(1,)]]
        sent = wire(connection, lambda: db.round_trip(connection, [write(5), *again]))
        assert sent["Sync"] == 1
        assert sent["Parse"] == 1  # the savepoint statement itself; the others are known
    assert version_seen_by_others(engine) == 1


def test_a_connection_that_the_server_closed_is_replaced_unseen(engine):
    with db.transaction(engine) as victim:
        pid = victim.info.backend_pid
        with db.transaction(engine) as other:
            db.finish(other, FIVE)
    with db.transaction(engine) as connection:
        if connection.info.backend_pid != pid:
            db.finish(
                connection, [Statement("SELECT pg_terminate_backend(%(pid)s::int, 2000)", {"pid": pid})]
            )
    for _ in range(3):
        assert version_seen_by_others(engine) == 0


def test_a_connection_lost_on_the_way_is_told_as_unavailable_and_the_next_one_works(engine, test_cluster):
    with pytest.raises(ServiceUnavailable), db.transaction(engine) as connection:  # noqa: PT012 - the end of the block is what raises
        db.round_trip(connection, [write(3)])
        with test_cluster.connect(database="postgres") as server:
            server.execute("SELECT pg_terminate_backend(%s, 2000)", [connection.info.backend_pid])
        db.finish(connection, [write(4)])
    assert version_seen_by_others(engine) == 0


def test_a_database_that_is_not_there_is_told_as_unavailable_at_once(settings):
    nowhere = db.make_engine("postgresql+psycopg://beacon@/beacon?host=/nonexistent", settings, connections=1)
    began_at = time.monotonic()
    with pytest.raises(ServiceUnavailable), db.transaction(nowhere):
        pass
    assert time.monotonic() - began_at < 2


def test_a_lock_that_someone_else_holds_too_long_is_told_as_unavailable(engine):
    short = [Statement("SET LOCAL lock_timeout = '50ms'"), write(2)]
    with db.transaction(engine) as holder:
        db.round_trip(holder, [write(1)])
        with pytest.raises(ServiceUnavailable), db.transaction(engine) as waiter:
            db.round_trip(waiter, short)


def test_what_is_prepared_survives_rollbacks_and_what_psycopg_does_in_between(engine):
    for _ in range(3):
        with db.transaction(engine) as connection:
            for _ in range(10):  # psycopg would prepare it by itself
                connection.execute("SELECT %s::text", ["psycopg's own"])
            assert db.round_trip(connection, [FIVE[4]]) == [[(4,)]]
            connection.rollback()
