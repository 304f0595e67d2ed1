"""What is wrong with an audience's rule as it was sent, each test by its place in the tree."""

from collections.abc import Iterator
from typing import Any

from beacon_service.campaigns.audience import MAX_DEPTH, MAX_TESTS, TESTS, measure
from beacon_service.configuration.schema import Flaw, is_id

Path = tuple[str | int, ...]

MOST_VALUES = 1000
LONGEST_TEXT = 1024
_COMBINED = "Send a test {attribute, op, value}, or one of {all: [...]}, {any: [...]}, {not: ...}."


def rule_flaws(rule: Any) -> list[Flaw]:
    """Nothing, if `compile_rule` will take it."""
    found = list(_flaws(rule, (), MAX_DEPTH))
    if not found and measure(rule)[1] > MAX_TESTS:
        return [Flaw((), f"has more than {MAX_TESTS} tests", "Use `in` with a list instead of many `eq`.")]
    return found


def _flaws(rule: Any, path: Path, levels: int) -> Iterator[Flaw]:
    if levels == 0:
        yield Flaw(path, f"nests more than {MAX_DEPTH} levels deep", "Write it flatter.")
    elif not isinstance(rule, dict):
        yield Flaw(path, "is not a rule", _COMBINED)
    elif set(rule) in ({"all"}, {"any"}):
        (name,) = rule
        if not isinstance(rule[name], list) or not rule[name]:
            yield Flaw((*path, name), "is not an array of rules", f"Send one rule or more in {name}.")
            return
        for number, part in enumerate(rule[name]):
            yield from _flaws(part, (*path, name, number), levels - 1)
    elif set(rule) == {"not"}:
        yield from _flaws(rule["not"], (*path, "not"), levels - 1)
    else:
        yield from _test_flaws(rule, path)


def _test_flaws(test: dict[str, Any], path: Path) -> Iterator[Flaw]:
    op = test.get("op")
    if not set(test) <= {"attribute", "op", "value"} or "attribute" not in test or "op" not in test:
        yield Flaw(path, "is not a rule", _COMBINED)
        return
    if not isinstance(test["attribute"], str) or not is_id(test["attribute"]):
        yield Flaw((*path, "attribute"), "is not an attribute's name", "Send its name, such as loyalty.")
    if not isinstance(op, str) or op not in TESTS:
        yield Flaw((*path, "op"), "is not an operator", f"Send one of: {', '.join(TESTS)}.")
    elif (do := _value_remedy(op, test)) is not None:
        yield Flaw((*path, "value"), f"does not suit {op}", do)


def _value_remedy(op: str, test: dict[str, Any]) -> str | None:
    """What to send as the value; None, if it is right."""
    value = test.get("value")
    if op == "exists":
        return None if isinstance(test.get("value", True), bool) else "Send true, false or nothing."
    if op == "in":
        sound = isinstance(value, list) and 0 < len(value) <= MOST_VALUES and all(map(_is_scalar, value))
        return None if sound else f"Send an array of 1 to {MOST_VALUES} texts, numbers or booleans."
    if op in {"lt", "le", "gt", "ge"}:
        return None if _is_scalar(value) and not isinstance(value, bool) else "Send a number or a text."
    return None if _is_scalar(value) else "Send a text, a number, true or false."


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return isinstance(value, bool | int | float)
