"""Rows of a ledger are multiplied from rows that the service wrote."""

import pytest

from benchmarks.growth.history import MADE, OF_PINGS, OVERRIDES, Span, multiplied, parts


def test_columns_that_nothing_is_said_of_are_the_samples_own():
    statement = multiplied("moves", ["event_id", "zone"], {"event_id": "made.id"}, "FROM growth.{table}")
    assert statement == 'INSERT INTO moves ("event_id", "zone") SELECT made.id, t."zone" FROM growth.moves'


def test_a_column_that_the_table_does_not_have_is_found():
    with pytest.raises(AssertionError, match="moves has no"):
        multiplied("moves", ["zone"], {"gone": "1"}, MADE)


def test_parts_follow_one_another_and_begin_where_offers_do():
    found = list(parts(Span(100, 2_350), 1_002))
    assert found == [(100, 1_100), (1_100, 2_100), (2_100, 2_350)]
    assert all(first % 4 == 0 for first, _ in found)


def test_a_decision_and_its_grant_have_the_same_names_customer_and_time():
    decision, grant = OVERRIDES["decisions"], OVERRIDES["grants"]
    for column in ("decision_id", "moment_key", "customer_key", "decided_at", "seq"):
        assert decision[column] == grant[column]
    assert OVERRIDES["moves"]["event_id"] != decision["decision_id"]


def test_whatever_is_unique_is_made_anew():
    assert {"decision_id", "moment_key"} <= OVERRIDES["decisions"].keys()
    assert {"installation_key", "ping_id", "received_on"} <= OF_PINGS.keys()
