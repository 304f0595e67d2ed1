"""Arrays go to the server in binary and arrive as what they were; jsonb comes back as bytes."""

import uuid
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from beacon_service import db
from beacon_service.db import Statement

NOON = datetime(2026, 6, 3, 12, 0, 0, 123456, tzinfo=UTC)
SOME_ID = uuid.UUID("0190a4d2-7b1e-7c3f-8a55-3f6f1f0e9d21")

ARRAYS = {
    "bigint[]": [1, 2**40, None],
    "integer[]": [1, -(2**31), None],
    "smallint[]": [1, -5, None],
    "real[]": [0.5, None],
    "date[]": [date(2026, 6, 3), date(1999, 12, 31), None],
    "text[]": ["café", "", None],
    "timestamptz[]": [NOON, None],
    "uuid[]": [SOME_ID, None],
    "bytea[]": [b"\x00\xff", None],
    "boolean[]": [True, False, None],
    "double precision[]": [1.5, None],
}


@pytest.mark.parametrize(("kind", "values"), ARRAYS.items(), ids=ARRAYS)
def test_an_array_arrives_as_it_was(engine, kind, values):
    with db.transaction(engine) as connection:
        answer = db.round_trip(connection, [Statement(f"SELECT %(values)b::{kind}", {"values": values})])
    assert answer == [[(values,)]]


@pytest.mark.parametrize(("kind", "values"), ARRAYS.items(), ids=ARRAYS)
def test_empty_arrays_and_arrays_of_nulls_arrive_too(engine, kind, values):
    sent = {"empty": [], "nulls": [None, None]}
    statement = Statement(f"SELECT %(empty)b::{kind}, %(nulls)b::{kind}", sent)
    with db.transaction(engine) as connection:
        assert db.round_trip(connection, [statement]) == [[([], [None, None])]]


def test_instants_come_back_in_utc(engine):
    with db.transaction(engine) as connection:
        [[(instant,)]] = db.round_trip(connection, [Statement("SELECT %(at)s::timestamptz", {"at": NOON})])
    assert instant == NOON
    assert instant.utcoffset().total_seconds() == 0


class Evidence(msgspec.Struct):
    zone: str
    at: datetime


def test_jsonb_takes_what_msgspec_encodes_and_comes_back_as_bytes(engine):
    evidence = Evidence("harbour/till", NOON)
    values = [Jsonb(evidence), None, Jsonb(msgspec.Raw(b'{"zone":"x"}'))]
    statement = Statement("SELECT unnest(%(values)b::jsonb[])", {"values": values})
    with db.transaction(engine) as connection:
        [[(first,), (nothing,), (third,)]] = db.round_trip(connection, [statement])
    assert msgspec.json.decode(first, type=Evidence) == evidence
    assert nothing is None
    assert msgspec.json.decode(third) == {"zone": "x"}


def test_an_array_of_jsonb_comes_back_as_bytes_too(engine):
    statement = Statement("SELECT array_agg(v) FROM (VALUES ('1'::jsonb), ('[2]'::jsonb)) AS t (v)")
    with db.transaction(engine) as connection:
        assert db.round_trip(connection, [statement]) == [[([b"1", b"[2]"],)]]


def test_sessions_still_see_jsonb_as_python_values(engine):
    with engine.connect() as connection:
        assert connection.exec_driver_sql("""SELECT '{"a": 1}'::jsonb""").scalar_one() == {"a": 1}


@pytest.mark.parametrize("value", [1, "text", NOON, SOME_ID, b"x", True, 1.5], ids=repr)
def test_a_value_without_a_cast_goes_as_psycopg_would_send_it(engine, value):
    with db.transaction(engine) as connection:
        assert db.round_trip(connection, [Statement("SELECT %s", [value])]) == [[(value,)]]


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    texts=st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    instants=st.lists(st.none() | st.datetimes(timezones=st.just(UTC))),
    days=st.lists(st.none() | st.dates()),
)
def test_whatever_an_array_holds_arrives(engine, numbers, texts, instants, days):
    statement = Statement(
        "SELECT %(numbers)s::bigint[], %(texts)s::text[], %(instants)s::timestamptz[], %(days)s::date[]",
        {"numbers": numbers, "texts": texts, "instants": instants, "days": days},
    )
    with db.transaction(engine) as connection:
        assert db.round_trip(connection, [statement]) == [[(numbers, texts, instants, days)]]
