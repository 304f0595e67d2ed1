"""Audiences: a rule over a customer's attributes, compiled once into a plain Python predicate.

A rule is {"all": [rules]}, {"any": [rules]}, {"not": rule} or a test {"attribute", "op", "value"}. A
predicate never raises: an attribute that is missing, or of another type than the test's value, does not
match. Two tests look at absence: `exists`, and `ne`, which holds for everybody who does not have the value,
be it that they have none. Numbers compare with numbers and texts with texts (so ISO 8601 dates compare as
times); true is not 1.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from beacon_service.campaigns.model import Predicate

Rule: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Any, Any], bool]

# A rule that a person can read is far below either; both bound what one decision may cost.
MAX_DEPTH = 8
MAX_TESTS = 100

_ABSENT = object()


def compile_rule(rule: Rule) -> Predicate:
    """The predicate that a well-formed rule stands for. Raises KeyError on a rule that is not."""
    if "all" in rule:
        return _all([compile_rule(part) for part in rule["all"]])
    if "any" in rule:
        return _any([compile_rule(part) for part in rule["any"]])
    if "not" in rule:
        return _not(compile_rule(rule["not"]))
    return _test(TESTS[rule["op"]], rule["attribute"], rule.get("value", True))


def measure(rule: Rule) -> tuple[int, int]:
    """How deep a rule nests and how many tests it has: {"all": [test, test]} is (2, 2)."""
    parts = [rule["not"]] if "not" in rule else rule.get("all", rule.get("any"))
    if parts is None:
        return 1, 1
    sizes = [measure(part) for part in parts]
    return 1 + max((depth for depth, _ in sizes), default=0), sum(tests for _, tests in sizes)


def _all(parts: Sequence[Predicate]) -> Predicate:
    return lambda attributes: all(part(attributes) for part in parts)


def _any(parts: Sequence[Predicate]) -> Predicate:
    return lambda attributes: any(part(attributes) for part in parts)


def _not(part: Predicate) -> Predicate:
    return lambda attributes: not part(attributes)


def _test(test: Test, attribute: str, value: Any) -> Predicate:
    return lambda attributes: test(attributes.get(attribute, _ABSENT), value)


def _kind(value: Any) -> type | None:
    """What a value can be compared with; None: with nothing but its like."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _equal(held: Any, value: Any) -> bool:
    return _kind(held) is _kind(value) and bool(held == value)


def _ordered(compare: Callable[[Any, Any], Any]) -> Test:
    def test(held: Any, value: Any) -> bool:
        return _kind(held) is _kind(value) and _kind(held) in {float, str} and bool(compare(held, value))

    return test


def _contains(held: Any, value: Any) -> bool:
    if isinstance(held, str):
        return isinstance(value, str) and value in held
    return isinstance(held, list) and any(_equal(item, value) for item in held)


TESTS: Mapping[str, Test] = {
    "eq": _equal,
    "ne": lambda held, value: not _equal(held, value),
    "lt": _ordered(lt),
    "le": _ordered(le),
    "gt": _ordered(gt),
    "ge": _ordered(ge),
    "in": lambda held, values: any(_equal(held, value) for value in values),
    "contains": _contains,
    "exists": lambda held, expected: (held is not _ABSENT and held is not None) is expected,
}
