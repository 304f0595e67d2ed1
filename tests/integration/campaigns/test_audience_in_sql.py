"""One rule, two languages: what the predicate says of a person is what PostgreSQL says of the same person's row."""

import json

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from beacon_service.campaigns.audience import compile_rule
from beacon_service.campaigns.audience_sql import condition
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.person import Person
from beacon_service.customers.events import EventCount
from beacon_service.pings import loading
from beacon_service.pings.records import Presented
from beacon_service.visits.model import Visit
from tests.factories.people_and_rules import NOW, people, person, plain_rules, rules
from tests.factories.people_and_rules import attribute_test as attribute_is

INSERT = """
INSERT INTO customers (id, anonymous, attributes, marketing, location, memory, events, lists, created_at)
VALUES (%s, false, %s, %s, %s, %s, %s, %s, %s) RETURNING key
"""


@pytest.fixture(scope="module")
def elsewhere(test_cluster):
    """A connection to a database that sorts texts as English dictionaries do: "a" before "B"."""
    with test_cluster.connect(database="postgres") as server:
        server.execute("CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        with test_cluster.connect(database="english") as made:
            yield made
        server.execute("DROP DATABASE english WITH (FORCE)")


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url.replace("+psycopg", ""), prepare_threshold=None) as made:
        yield made


def stored(connection, who, number):
    memory, events = map(msgspec.to_builtins, (Memory(visits=dict(who.visits)), who.events))
    row = [
        f"c{number}",
        Jsonb(dict(who.attributes)),
        who.marketing,
        who.location,
        Jsonb(memory),
        Jsonb(events),
    ]
    ((key,),) = connection.execute(INSERT, [*row, list(who.lists), NOW])
    return key


def as_the_engine_has_them(connection, keys):
    """What a step of the engine loads of these customers, as audiences see it."""
    found = [Presented(key, f"of-{key}", key, b"", revoked=False) for key in keys]
    world = loading.load(connection, found, [], today=NOW.date(), ledger_since=NOW).world
    return {
        key: Person(
            NOW,
            one.attributes,
            one.marketing,
            one.location,
            world.memories[key].visits,
            one.events,
            one.lists,
        )
        for key, one in world.customers.items()
    }


def in_sql(connection, rule, named):
    asked = condition(rule, NOW, named)
    return dict(connection.execute(f"SELECT key, {asked.sql} FROM customers", asked.params))


def in_python(everybody, rule, named):
    holds = compile_rule(rule, {name: compile_rule(meaning) for name, meaning in named.items()})
    return {key: holds(who) for key, who in everybody.items()}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    crowd=st.lists(people, min_size=1, max_size=8),
    asked=st.lists(rules, min_size=1, max_size=6),
    regulars=plain_rules,
)
@example(
    crowd=[person(attributes={"a": one}) for one in (1, 1.0, True, "1", [1], [], None, "", 1e300, 0.1)],
    asked=[
        attribute_is("a", op, value) for op in ("eq", "ne", "lt", "ge", "contains") for value in (1, "1", 0.1)
    ],
    regulars={"list": "vip"},
)
@example(
    # PostgreSQL gives it back as the integer 112125938170697020, which is not its value to the last digit.
    crowd=[person(attributes={"a": 1.1212593817069702e17}), person(attributes={"a": 1e300})],
    asked=[
        attribute_is("a", op, [value] if op == "in" else value)
        for op in ("eq", "ne", "lt", "ge", "in")
        for value in (1.1212593817069702e17, 1e300)
    ],
    regulars={"list": "vip"},
)
@example(
    crowd=[person(events={"call": EventCount(2, NOW, {day: 1})}) for day in ("2026-06-02", "2026-06-01")],
    asked=[{"events": "call", "op": "ge", "value": 1, "days": days} for days in (1, 2, 3)],
    regulars={"list": "vip"},
)
@example(
    crowd=[person(visits={"shop": Visit(1, NOW, open=1)}), person()],
    asked=[{"not": {"last_visit": {"site": "shop"}, "op": "within", "days": 1}}],
    regulars={"list": "vip"},
)
def test_the_predicate_and_the_sql_agree_on_everybody(connection, crowd, asked, regulars):
    keys = [stored(connection, who, number) for number, who in enumerate(crowd)]
    try:
        everybody = as_the_engine_has_them(connection, keys)
        assert len(everybody) == len(crowd)
        named = {"regulars": regulars}
        for rule in asked:
            assert in_sql(connection, rule, named) == in_python(everybody, rule, named), rule
    finally:
        connection.pgconn.exec_(b"ROLLBACK")  # psycopg's own deallocates what the engine has prepared


@pytest.mark.parametrize("value", ["B", "ä", "b", "", "a\U0001f600"])
@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "contains"])
def test_texts_compare_by_code_point_whatever_the_databases_collation(elsewhere, op, value):
    assert elsewhere.execute("SELECT 'a' < 'B'").fetchone() == (True,), (
        "the database is not what the test needs"
    )
    rule = attribute_is("a", op, value)
    asked = condition(rule, NOW)
    for held in ("a", "B", "b", "Z", "z", "ä", "e\u0301", "\u00e9"):
        row = "(SELECT %(held)s::jsonb AS attributes) AS customers"
        params = asked.params | {"held": json.dumps({"a": held})}
        ((answer,),) = elsewhere.execute(f"SELECT {asked.sql} FROM {row}", params)
        assert answer == compile_rule(rule)(person(attributes={"a": held})), held
