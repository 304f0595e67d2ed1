"""Audiences: a rule over what is known of a customer, compiled once into one Python function.

A rule is {"all": [rules]}, {"any": [rules]}, {"not": rule} or a test; the table KINDS lists the kinds of test, and
docs/audiences.md tells them with examples. A predicate never raises, and answers the same as the SQL that
`audience_sql` makes of the rule: a property test holds the two together. An attribute that is missing, or of another
type than the test's value, does not match. Two tests look at absence: `exists`, and `ne`, which holds for everybody
who does not have the value, be it that they have none. Numbers compare with numbers and texts with texts, by code
point (so ISO 8601 dates compare as times); true is not 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from beacon_service.campaigns.person import Person, Predicate
from beacon_service.customers.events import in_days
from beacon_service.visits.model import Visit

Rule: TypeAlias = Mapping[str, Any]
# Writes how what is held, an expression, is compared with a value of the rule.
Operator: TypeAlias = Callable[["_Writer", str, Any], str]
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
    writer = _Writer(named)
    text = writer.rule(rule)
    values = tuple((type(value), value) for value in writer.values.values())  # 1 == True == 1.0
    return _predicate(f"lambda {', '.join(writer.values)}: lambda person: {text}", values)


@lru_cache(maxsize=10_000)
def _predicate(text: str, values: tuple[tuple[type, Any], ...]) -> Predicate:
    """One object for all campaigns that say the same: `Person.is_in` asks it once."""
    return _maker(text)(*(value for _, value in values))


@lru_cache(maxsize=1024)
def _maker(text: str) -> Callable[..., Predicate]:
    """What makes the predicates of one form of their values: marketers write many rules, and few forms of them."""
    made: Callable[..., Predicate] = eval(text, _VOCABULARY)  # noqa: S307 - the words are all our own
    return made


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


def last_visit_at(visit: Visit | None) -> datetime | None:
    """When the last visit to a place ended. One that goes on is not the last but the present one."""
    if visit is None:
        return None
    return visit.before_at if visit.open else visit.left_at


@dataclass(slots=True)
class _Writer:
    """One rule being written down as an expression of Python over `person`.

    One function that holds the whole rule takes a third of the time of functions that call each other. No word of the
    rule stands in the text: each of its values has a name in `values`.
    """

    named: Named
    values: dict[str, Any] = field(default_factory=dict)

    def rule(self, rule: Rule) -> str:
        if "all" in rule:
            return self._joined(rule["all"], " and ", "True")
        if "any" in rule:
            return self._joined(rule["any"], " or ", "False")
        if "not" in rule:
            return f"(not {self.rule(rule['not'])})"
        if "audience" in rule:
            known = self.named.get(rule["audience"])
            return "False" if known is None else f"{self.value(known)}(person)"
        return f"({KINDS[kind_of(rule)](self, rule)})"

    def _joined(self, parts: Sequence[Rule], word: str, nothing: str) -> str:
        return "(" + (word.join(self.rule(part) for part in parts) or nothing) + ")"

    def value(self, value: Any) -> str:
        """The name that is given to a value of the rule."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return name


def _attribute(writer: _Writer, test: Rule) -> str:
    held = f"person.attributes.get({writer.value(test['attribute'])}, ABSENT)"
    return TESTS[test["op"]](writer, held, test.get("value", True))


def _consent(writer: _Writer, test: Rule) -> str:
    given = "person.marketing" if test["consent"] == "marketing" else "person.location"
    return f"{given} is {writer.value(test.get('value', True))}"


def _visits(writer: _Writer, test: Rule) -> str:
    visit = f"person.visits.get({writer.value(place_of(test['visits']))})"
    number = f"(0 if (visit := {visit}) is None else visit.number)"
    return f"{number} {COMPARE[test['op']]} {writer.value(test['value'])}"


def _last_visit(writer: _Writer, test: Rule) -> str:
    visit = f"person.visits.get({writer.value(place_of(test['last_visit']))})"
    return _is_within(writer, f"last_visit_at({visit})", test)


def _events(writer: _Writer, test: Rule) -> str:
    number = f"event_number(person, {writer.value(test['events'])}, {writer.value(test.get('days'))})"
    return f"{number} {COMPARE[test['op']]} {writer.value(test['value'])}"


def _last_event(writer: _Writer, test: Rule) -> str:
    count = f"person.events.get({writer.value(test['last_event'])})"
    return _is_within(writer, f"(None if (count := {count}) is None else count.last_at)", test)


def _is_within(writer: _Writer, last_at: str, test: Rule) -> str:
    since = f"person.now - {writer.value(timedelta(days=test['days']))}"
    return f"((at := {last_at}) is not None and at >= {since}) is {writer.value(test['op'] == 'within')}"


def _list(writer: _Writer, test: Rule) -> str:
    return f"{writer.value(test['list'])} in person.lists"


# A test is told by the one of these that it has. {"audience": id}, which stands for another rule, is beside them.
KINDS: Mapping[str, Callable[[_Writer, Rule], str]] = {
    "attribute": _attribute,
    "consent": _consent,
    "visits": _visits,
    "last_visit": _last_visit,
    "events": _events,
    "last_event": _last_event,
    "list": _list,
}


def _event_number(person: Person, kind: str, days: int | None) -> int:
    """How many there were in the last days, or ever; many campaigns ask the same."""
    count = person.events.get(kind)
    if count is None or days is None:
        return 0 if count is None else count.total
    number = person.counted.get((kind, days))
    if number is None:
        number = person.counted[kind, days] = in_days(count, days, person.now)
    return number


# What a value of JSON can be compared with, by its type; all others are like nothing but themselves.
_KINDS: Mapping[type, type] = {bool: bool, int: float, float: float, str: str}
# What is held, if it is of a kind, before the sign of a comparison.
_BOOLEAN = "type({}) is bool and held"
_NUMBER = "type({}) in NUMBERS and float(held)"
_TEXT = "type({}) is str and held"


def _comparable(value: Any) -> Any:
    """A large float comes back from the database as an integer, and Python holds the two apart to the last digit."""
    return float(value) if _KINDS.get(type(value)) is float else value


def _equal(writer: _Writer, held: str, value: Any) -> str:
    kind, named = _KINDS.get(type(value)), writer.value(_comparable(value))
    if kind is float:
        return f"{_NUMBER.format(f'held := {held}')} == {named}"
    return f"{held} {'is' if kind is bool else '=='} {named}"  # a text is equal to texts alone


def _ordered(operator: str) -> Operator:
    def written(writer: _Writer, held: str, value: Any) -> str:
        kind, named = _KINDS.get(type(value)), writer.value(_comparable(value))
        if kind not in {float, str}:
            return "False"
        look = _NUMBER if kind is float else _TEXT
        return f"{look.format(f'held := {held}')} {operator} {named}"

    return written


def _unequal(writer: _Writer, held: str, value: Any) -> str:
    return f"not ({_equal(writer, held, value)})"


def _among(writer: _Writer, held: str, values: Sequence[Any]) -> str:
    """A look for each kind, however many values there are; a list equals none of them."""
    looks = [
        f"{look.format('held')} in {writer.value(of_kind)}"
        for kind, look in ((str, _TEXT), (float, _NUMBER), (bool, _BOOLEAN))
        if (of_kind := frozenset(_comparable(one) for one in values if _KINDS.get(type(one)) is kind))
    ]
    return f"(held := {held}) is not ABSENT and ({' or '.join(looks) or 'False'})"


def _contains(writer: _Writer, held: str, value: Any) -> str:
    return f"contains({held}, {writer.value(value)})"


def _does_contain(held: Any, value: Any) -> bool:
    if isinstance(held, str):
        return isinstance(value, str) and value in held
    if not isinstance(held, list):
        return False
    kind, wanted = _KINDS.get(type(value)), _comparable(value)
    return any(_KINDS.get(type(one)) is kind and _comparable(one) == wanted for one in held)


def _exists(writer: _Writer, held: str, expected: Any) -> str:
    return f"((held := {held}) is not ABSENT and held is not None) is {writer.value(expected)}"


# Of counts, which are never absent: who did something never did it 0 times.
COMPARE: Mapping[str, str] = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

# What an operator and its value ask of an attribute.
TESTS: Mapping[str, Operator] = {
    "eq": _equal,
    "ne": _unequal,
    **{name: _ordered(COMPARE[name]) for name in ("lt", "le", "gt", "ge")},
    "in": _among,
    "contains": _contains,
    "exists": _exists,
}

# All that the text of a predicate may name beside the values of its rule.
_VOCABULARY: dict[str, Any] = {
    "__builtins__": {},
    "ABSENT": _ABSENT,
    "NUMBERS": frozenset({int, float}),
    "bool": bool,
    "contains": _does_contain,
    "event_number": _event_number,
    "float": float,
    "last_visit_at": last_visit_at,
    "str": str,
    "type": type,
}
