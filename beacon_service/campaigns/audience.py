"""Audiences: a rule over what is known of a customer, compiled once into a plain Python predicate.

A rule is {"all": [rules]}, {"any": [rules]}, {"not": rule} or a test; the table KINDS lists the kinds of test, and
docs/audiences.md tells them with examples. A predicate never raises, and answers the same as the SQL that
`audience_sql` makes of the rule: a property test holds the two together. An attribute that is missing, or of another
type than the test's value, does not match. Two tests look at absence: `exists`, and `ne`, which holds for everybody
who does not have the value, be it that they have none. Numbers compare with numbers and texts with texts, by code
point (so ISO 8601 dates compare as times); true is not 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import eq, ge, gt, le, lt, ne
from types import MappingProxyType
from typing import Any, TypeAlias

from beacon_service.campaigns.person import Person, Predicate
from beacon_service.customers.events import in_days
from beacon_service.visits.model import Visit

Rule: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Any], bool]  # of what is held
Path: TypeAlias = tuple[str | int, ...]
Named: TypeAlias = Mapping[str, Predicate]  # audiences by their ids

# A rule that a person can read is far below either; both bound what one decision may cost.
MAX_DEPTH = 8
MAX_TESTS = 100

_ABSENT = object()
_NONE: Named = MappingProxyType({})


def compile_rule(rule: Rule, named: Named = _NONE) -> Predicate:
    """The predicate that a well-formed rule stands for. Raises KeyError on a rule that is not.

    In an audience that is not among the `named` there is nobody.
    """
    if "all" in rule:
        return _all([compile_rule(part, named) for part in rule["all"]])
    if "any" in rule:
        return _any([compile_rule(part, named) for part in rule["any"]])
    if "not" in rule:
        return _not(compile_rule(rule["not"], named))
    if "audience" in rule:
        return named.get(rule["audience"], _is_nobody)
    return KINDS[kind_of(rule)](rule)


def kind_of(test: Rule) -> str:
    """Which of the KINDS a test is. Raises KeyError where it is none of them."""
    for kind in KINDS:
        if kind in test:
            return kind
    raise KeyError(*test)


def each_test(rule: Rule, path: Path = ()) -> Iterator[tuple[Path, Rule]]:
    """Each test of a well-formed rule with its place: {"not": test} has one at ("not",)."""
    if "not" in rule:
        yield from each_test(rule["not"], (*path, "not"))
        return
    name = next((name for name in ("all", "any") if name in rule), None)
    if name is None:
        yield path, rule
        return
    for number, part in enumerate(rule[name]):
        yield from each_test(part, (*path, name, number))


def named_in(rule: Rule, kind: str) -> set[str]:
    """The ids of the audiences, or of the lists, that a rule names itself."""
    return {test[kind] for _, test in each_test(rule) if kind in test}


def measure(rule: Rule) -> tuple[int, int]:
    """How deep a rule nests and how many tests it has: {"all": [test, test]} is (2, 2)."""
    parts = [rule["not"]] if "not" in rule else rule.get("all", rule.get("any"))
    if parts is None:
        return 1, 1
    sizes = [measure(part) for part in parts]
    return 1 + max((depth for depth, _ in sizes), default=0), sum(tests for _, tests in sizes)


def place_of(where: Rule) -> str:
    """What a customer's visits to a place are kept under: the site's id, or "site/zone"."""
    return str(where["site"] if "site" in where else where["zone"])


def _is_nobody(_: Person) -> bool:
    return False


def _all(parts: Sequence[Predicate]) -> Predicate:
    def holds(person: Person) -> bool:
        for part in parts:  # a generator inside all() would take twice as long  # noqa: SIM110
            if not part(person):
                return False
        return True

    return holds


def _any(parts: Sequence[Predicate]) -> Predicate:
    def holds(person: Person) -> bool:
        for part in parts:  # noqa: SIM110
            if part(person):
                return True
        return False

    return holds


def _not(part: Predicate) -> Predicate:
    return lambda person: not part(person)


def _attribute(rule: Rule) -> Predicate:
    test, attribute = TESTS[rule["op"]](rule.get("value", True)), rule["attribute"]
    return lambda person: test(person.attributes.get(attribute, _ABSENT))


def _consent(rule: Rule) -> Predicate:
    expected = rule.get("value", True)
    if rule["consent"] == "marketing":
        return lambda person: person.marketing is expected
    return lambda person: person.location is expected


def _visits(rule: Rule) -> Predicate:
    place, compare, value = place_of(rule["visits"]), COMPARE[rule["op"]], rule["value"]

    def holds(person: Person) -> bool:
        visit = person.visits.get(place)
        return bool(compare(0 if visit is None else visit.number, value))

    return holds


def _last_visit(rule: Rule) -> Predicate:
    place, within, span = place_of(rule["last_visit"]), rule["op"] == "within", timedelta(days=rule["days"])

    def holds(person: Person) -> bool:
        last_at = last_visit_at(person.visits.get(place))
        return (last_at is not None and last_at >= person.now - span) is within

    return holds


def last_visit_at(visit: Visit | None) -> datetime | None:
    """When the last visit to a place ended. One that goes on is not the last but the present one."""
    if visit is None:
        return None
    return visit.before_at if visit.open else visit.left_at


def _events(rule: Rule) -> Predicate:
    kind, compare, value, days = rule["events"], COMPARE[rule["op"]], rule["value"], rule.get("days")

    def holds(person: Person) -> bool:
        count = person.events.get(kind)
        if count is None:
            return bool(compare(0, value))
        if days is None:
            return bool(compare(count.total, value))
        number = person.counted.get((kind, days))
        if number is None:
            number = person.counted[kind, days] = in_days(count, days, person.now)
        return bool(compare(number, value))

    return holds


def _last_event(rule: Rule) -> Predicate:
    kind, within, span = rule["last_event"], rule["op"] == "within", timedelta(days=rule["days"])

    def holds(person: Person) -> bool:
        count = person.events.get(kind)
        return (count is not None and count.last_at >= person.now - span) is within

    return holds


def _list(rule: Rule) -> Predicate:
    name = rule["list"]
    return lambda person: name in person.lists


# A test is told by the one of these that it has. {"audience": id}, which stands for another rule, is beside them.
KINDS: Mapping[str, Callable[[Rule], Predicate]] = {
    "attribute": _attribute,
    "consent": _consent,
    "visits": _visits,
    "last_visit": _last_visit,
    "events": _events,
    "last_event": _last_event,
    "list": _list,
}


# What a value of JSON can be compared with, by its type; all others are like nothing but themselves.
_KINDS: Mapping[type, type] = {bool: bool, int: float, float: float, str: str}
_kind = _KINDS.get


def _equal(value: Any) -> Test:
    kind = _kind(type(value))
    if kind is float:
        # A large float comes back from the database as an integer, and Python holds the two apart to the last digit.
        number = float(value)
        return lambda held: _kind(type(held)) is float and float(held) == number
    return lambda held: _kind(type(held)) is kind and bool(held == value)


def _unequal(value: Any) -> Test:
    equal = _equal(value)
    return lambda held: not equal(held)


def _among(values: Sequence[Any]) -> Test:
    """One look, however many values there are; a list equals none of them."""
    pairs = frozenset(
        (kind := _kind(type(value)), float(value) if kind is float else value) for value in values
    )

    def test(held: Any) -> bool:
        kind = _kind(type(held))
        return kind is not None and (kind, float(held) if kind is float else held) in pairs

    return test


def _ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any], Test]:
    def compiled(value: Any) -> Test:
        kind = _kind(type(value))
        if kind is float:
            number = float(value)
            return lambda held: _kind(type(held)) is float and bool(compare(float(held), number))
        if kind is not str:
            return lambda _: False
        return lambda held: _kind(type(held)) is kind and bool(compare(held, value))

    return compiled


def _contains(value: Any) -> Test:
    equal = _equal(value)

    def test(held: Any) -> bool:
        if isinstance(held, str):
            return isinstance(value, str) and value in held
        return isinstance(held, list) and any(map(equal, held))

    return test


def _exists(expected: Any) -> Test:
    return lambda held: (held is not _ABSENT and held is not None) is expected


# What an operator and its value make of an attribute.
TESTS: Mapping[str, Callable[[Any], Test]] = {
    "eq": _equal,
    "ne": _unequal,
    "lt": _ordered(lt),
    "le": _ordered(le),
    "gt": _ordered(gt),
    "ge": _ordered(ge),
    "in": _among,
    "contains": _contains,
    "exists": _exists,
}

# Of counts, which are never absent: who did something never did it 0 times.
COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "eq": eq,
    "ne": ne,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
}
