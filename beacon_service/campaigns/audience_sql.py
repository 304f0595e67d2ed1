"""The same rules as SQL over `customers`, for questions about all of them at once.

`audience` says what a rule means; here it is said again in the other language, and a property test holds the two
together on a real PostgreSQL. Values never stand in the text: each is a parameter. Every test is made to answer true
or false, never null, so that `not` means not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from beacon_service.campaigns.audience import Rule, kind_of, place_of
from beacon_service.customers.events import first_day

OPERATORS: Mapping[str, str] = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a row of `customers`, in psycopg's form, and the parameters that it names."""

    sql: str
    params: Mapping[str, Any] = field(repr=False)


def condition(rule: Rule, now: datetime, named: Mapping[str, Rule] = MappingProxyType({})) -> Condition:
    """What holds of the customers that a well-formed rule holds for at `now`; `named`: audiences by their ids."""
    writer = _Writer(now, named)
    return Condition(writer.rule(rule), writer.params)


@dataclass(slots=True)
class _Writer:
    """One rule being written down; `params` grows with each value that it names."""

    now: datetime
    named: Mapping[str, Rule]
    params: dict[str, Any] = field(default_factory=dict)

    def rule(self, rule: Rule) -> str:
        if "all" in rule:
            return self._joined(rule["all"], " AND ", "true")
        if "any" in rule:
            return self._joined(rule["any"], " OR ", "false")
        if "not" in rule:
            return f"NOT {self.rule(rule['not'])}"
        if "audience" in rule:
            return self.rule(self.named[rule["audience"]]) if rule["audience"] in self.named else "false"
        return f"coalesce({_KINDS[kind_of(rule)](self, rule)}, false)"

    def _joined(self, parts: list[Rule], word: str, nothing: str) -> str:
        return "(" + (word.join(self.rule(part) for part in parts) or nothing) + ")"

    def value(self, value: Any, kind: str) -> str:
        """The place of a new parameter of that type."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s::{kind}"

    def json(self, value: Any) -> str:
        return self.value(json.dumps(value), "jsonb")


def _attribute(writer: _Writer, test: Rule) -> str:
    held = f"(attributes -> {writer.value(test['attribute'], 'text')})"
    op, value = test["op"], test.get("value", True)
    if op == "exists":
        return f"coalesce(jsonb_typeof({held}) <> 'null', false) = {writer.value(value, 'boolean')}"
    if op == "in":
        return f"{held} = ANY ({writer.value([json.dumps(one) for one in value], 'jsonb[]')})"
    if op == "contains":
        return _contains(writer, held, value)
    if op == "eq":
        return f"{held} = {writer.json(value)}"
    if op == "ne":
        return f"{held} IS DISTINCT FROM {writer.json(value)}"
    return _ordered(writer, held, OPERATORS[op], value)


def _ordered(writer: _Writer, held: str, operator: str, value: Any) -> str:
    """Numbers by size, texts by code point, as Python has it, whatever the database's collation."""
    if isinstance(value, str):
        compared = f"({held} #>> '{{}}') COLLATE \"C\" {operator} {writer.value(value, 'text')}"
        return f"CASE WHEN jsonb_typeof({held}) = 'string' THEN {compared} END"
    if isinstance(value, bool) or value is None:
        return "false"
    number = f"({writer.json(value)} #>> '{{}}')::numeric"
    return (
        f"CASE WHEN jsonb_typeof({held}) = 'number' THEN ({held} #>> '{{}}')::numeric {operator} {number} END"
    )


def _contains(writer: _Writer, held: str, value: Any) -> str:
    in_list = f"WHEN 'array' THEN {held} @> {writer.json([value])}"
    if not isinstance(value, str):
        return f"CASE jsonb_typeof({held}) {in_list} END"
    in_text = f"WHEN 'string' THEN strpos({held} #>> '{{}}', {writer.value(value, 'text')}) > 0"
    return f"CASE jsonb_typeof({held}) {in_list} {in_text} END"


def _consent(writer: _Writer, test: Rule) -> str:
    column = {"marketing": "marketing", "location": "location"}[test["consent"]]
    return f"{column} = {writer.value(test.get('value', True), 'boolean')}"


def _visits(writer: _Writer, test: Rule) -> str:
    number = f"(memory -> 'visits' -> {writer.value(place_of(test['visits']), 'text')} ->> 'number')::bigint"
    return f"coalesce({number}, 0) {OPERATORS[test['op']]} {writer.value(test['value'], 'bigint')}"


def _last_visit(writer: _Writer, test: Rule) -> str:
    visit = f"(memory -> 'visits' -> {writer.value(place_of(test['last_visit']), 'text')})"
    last_at = f"CASE WHEN coalesce(({visit} ->> 'open')::bigint, 0) > 0 THEN {visit} ->> 'before_at'"
    return _within(writer, f"({last_at} ELSE {visit} ->> 'left_at' END)::timestamptz", test)


def _within(writer: _Writer, at: str, test: Rule) -> str:
    since = writer.value(writer.now - timedelta(days=test["days"]), "timestamptz")
    return f"coalesce({at} >= {since}, false) = {writer.value(test['op'] == 'within', 'boolean')}"


def _events(writer: _Writer, test: Rule) -> str:
    count = f"(events -> {writer.value(test['events'], 'text')})"
    number = f"({count} ->> 'total')::bigint"
    if test.get("days") is not None:
        first = writer.value(first_day(writer.now, test["days"]), "text")
        days = f"jsonb_each_text({count} -> 'days') AS day (name, number)"
        number = f'(SELECT sum(day.number::bigint) FROM {days} WHERE day.name COLLATE "C" >= {first})'  # noqa: S608
    return f"coalesce({number}, 0) {OPERATORS[test['op']]} {writer.value(test['value'], 'bigint')}"


def _last_event(writer: _Writer, test: Rule) -> str:
    last_at = f"(events -> {writer.value(test['last_event'], 'text')} ->> 'last_at')::timestamptz"
    return _within(writer, last_at, test)


def _list(writer: _Writer, test: Rule) -> str:
    """The second half is what the index on `lists` is for."""
    return f"(lists @> {writer.value([test['list']], 'text[]')} AND lists <> '{{}}')"


_KINDS: Mapping[str, Callable[[_Writer, Rule], str]] = {
    "attribute": _attribute,
    "consent": _consent,
    "visits": _visits,
    "last_visit": _last_visit,
    "events": _events,
    "last_event": _last_event,
    "list": _list,
}
