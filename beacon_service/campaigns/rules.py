"""What is wrong with an audience's rule as it was sent, each test by its place in the tree."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from beacon_service.campaigns.audience import COMPARE, KINDS, MAX_DEPTH, MAX_TESTS, TESTS, Path, measure
from beacon_service.configuration.schema import Flaw, is_id
from beacon_service.customers.events import DAYS_KEPT

MOST_VALUES = 1000
LONGEST_TEXT = 1024
# The integers that JavaScript and a double hold exactly, as attributes have them.
LARGEST_INTEGER = 2**53 - 1
# A year is as far back as anybody asks, and ten of them are ever.
MOST_DAYS = 3650
_WITHIN = ("within", "not_within")
_COMBINED = (
    'Send a test, such as {"attribute": "loyalty", "op": "eq", "value": "gold"}, or one of {"all": [...]}, '
    '{"any": [...]}, {"not": ...}.'
)

Flaws = Iterator[Flaw]


def rule_flaws(rule: Any) -> list[Flaw]:
    """Nothing, if `compile_rule` will take it."""
    found = list(_flaws(rule, (), MAX_DEPTH))
    if not found and measure(rule)[1] > MAX_TESTS:
        return [Flaw((), f"has more than {MAX_TESTS} tests", "Use `in` with a list instead of many `eq`.")]
    return found


def _flaws(rule: Any, path: Path, levels: int) -> Flaws:
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


def _test_flaws(test: dict[str, Any], path: Path) -> Flaws:
    kinds = [kind for kind in (*KINDS, "audience") if kind in test]
    if len(kinds) != 1:
        yield Flaw(path, "is not a rule", _COMBINED)
        return
    (kind,) = kinds
    required, optional = _FIELDS[kind]
    for name in sorted(test.keys() - required - optional - {kind}):
        yield Flaw((*path, name), f"says nothing of {kind}", "Leave it out, or correct its spelling.")
    missing = [name for name in sorted(required) if name not in test]
    for name in missing:
        yield Flaw((*path, name), "is missing", f"Send it beside {kind}.")
    if not missing:
        yield from _CHECKS[kind](test, path)


def _attribute_flaws(test: dict[str, Any], path: Path) -> Flaws:
    op = test["op"]
    if not _is_name(test["attribute"]):
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


def _consent_flaws(test: dict[str, Any], path: Path) -> Flaws:
    if test["consent"] not in ("marketing", "location"):
        yield Flaw((*path, "consent"), "is not a consent", "Send marketing or location.")
    if not isinstance(test.get("value", True), bool):
        yield Flaw((*path, "value"), "is neither true nor false", "Send true, false or nothing.")


def _visits_flaws(test: dict[str, Any], path: Path) -> Flaws:
    yield from _place_flaws(test["visits"], (*path, "visits"))
    yield from _count_flaws(test, path)


def _last_visit_flaws(test: dict[str, Any], path: Path) -> Flaws:
    yield from _place_flaws(test["last_visit"], (*path, "last_visit"))
    yield from _within_flaws(test, path)


def _events_flaws(test: dict[str, Any], path: Path) -> Flaws:
    yield from _event_type_flaws(test["events"], (*path, "events"))
    yield from _count_flaws(test, path)
    if "days" in test:
        yield from _days_flaws(test["days"], (*path, "days"), DAYS_KEPT)


def _last_event_flaws(test: dict[str, Any], path: Path) -> Flaws:
    yield from _event_type_flaws(test["last_event"], (*path, "last_event"))
    yield from _within_flaws(test, path)


def _list_flaws(test: dict[str, Any], path: Path) -> Flaws:
    if not _is_name(test["list"]):
        yield Flaw((*path, "list"), "is not a list's id", "Send its id, such as vip.")


def _audience_flaws(test: dict[str, Any], path: Path) -> Flaws:
    if not _is_name(test["audience"]):
        yield Flaw((*path, "audience"), "is not an audience's id", "Send its id, such as regulars.")


def _place_flaws(where: Any, path: Path) -> Flaws:
    do = 'Send {"site": "shop"} or {"zone": "shop/cafe"}.'
    if not isinstance(where, dict) or set(where) not in ({"site"}, {"zone"}):
        yield Flaw(path, "names neither a site nor a zone", do)
        return
    ((kind, name),) = where.items()
    parts = name.split("/") if isinstance(name, str) else []
    if len(parts) != {"site": 1, "zone": 2}[kind] or not all(map(is_id, parts)):
        yield Flaw((*path, kind), f"is not a {kind}'s id", do)


def _event_type_flaws(name: Any, path: Path) -> Flaws:
    if not _is_name(name):
        yield Flaw(path, "is not a type of event", "Send one such as purchase.")


def _count_flaws(test: dict[str, Any], path: Path) -> Flaws:
    if not isinstance(test["op"], str) or test["op"] not in COMPARE:
        yield Flaw((*path, "op"), "is not an operator for a count", f"Send one of: {', '.join(COMPARE)}.")
    if not _is_whole(test["value"], 0, LARGEST_INTEGER):
        yield Flaw((*path, "value"), "is not a count", "Send a whole number from 0.")


def _within_flaws(test: dict[str, Any], path: Path) -> Flaws:
    if not isinstance(test["op"], str) or test["op"] not in _WITHIN:
        yield Flaw((*path, "op"), "is not an operator for a time", f"Send one of: {', '.join(_WITHIN)}.")
    yield from _days_flaws(test["days"], (*path, "days"), MOST_DAYS)


def _days_flaws(days: Any, path: Path, most: int) -> Flaws:
    if not _is_whole(days, 1, most):
        yield Flaw(path, "is not a number of days", f"Send a whole number from 1 to {most}.")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and is_id(value)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, int):  # true and false are ints, and small enough
        return abs(value) <= LARGEST_INTEGER
    return isinstance(value, float)


# Beside the field that names the kind: (those that must be there, those that may).
_FIELDS: Mapping[str, tuple[set[str], set[str]]] = {
    "attribute": ({"op"}, {"value"}),
    "consent": (set(), {"value"}),
    "visits": ({"op", "value"}, set()),
    "last_visit": ({"op", "days"}, set()),
    "events": ({"op", "value"}, {"days"}),
    "last_event": ({"op", "days"}, set()),
    "list": (set(), set()),
    "audience": (set(), set()),
}
_CHECKS: Mapping[str, Callable[[dict[str, Any], Path], Flaws]] = {
    "attribute": _attribute_flaws,
    "consent": _consent_flaws,
    "visits": _visits_flaws,
    "last_visit": _last_visit_flaws,
    "events": _events_flaws,
    "last_event": _last_event_flaws,
    "list": _list_flaws,
    "audience": _audience_flaws,
}
