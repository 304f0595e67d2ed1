"""People as audiences know them, and rules over them: whatever can be, made by Hypothesis.

Few names and few instants, so that rules and people meet.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from beacon_service.campaigns.audience import COMPARE, TESTS
from beacon_service.campaigns.person import Person
from beacon_service.customers.events import EventCount
from beacon_service.visits.model import Visit

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
PLACES = ["shop", "shop/cafe", "mall"]
EVENTS = ["purchase", "call"]
LISTS = ["vip", "staff"]
AUDIENCES = ["regulars", "nobody"]  # the second is not defined anywhere


def person(**about):
    return Person(**({"now": NOW} | about))


def attribute_test(attribute, op, value):
    return {"attribute": attribute, "op": op, "value": value}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
common = st.sampled_from([0, 1, 1.0, -0.0, 2, "1", "", "a", "A", "ä", "ab", "\U0001f600", True, False])
scalars = common | numbers | texts
attributes = st.dictionaries(
    st.sampled_from("abc"), scalars | st.none() | st.lists(scalars | st.none(), max_size=3)
)

# On both sides of what a day, a week or ninety days back means, to the microsecond.
spans = st.sampled_from([timedelta(days=days) for days in (0, 1, 2, 7, 30, 89, 90, 91, 400)])
nudges = st.sampled_from(
    [timedelta(), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(hours=11)]
)
instants = st.builds(lambda span, nudge: NOW - span + nudge, spans, nudges)
visits = st.builds(
    Visit,
    number=st.integers(1, 4),
    started_at=instants,
    left_at=st.none() | instants,
    open=st.sampled_from([0, 0, 1]),
    before_at=st.none() | instants,
)
counts = st.builds(
    EventCount,
    total=st.integers(1, 5),
    last_at=instants,
    days=st.dictionaries(instants.map(lambda at: at.date().isoformat()), st.integers(1, 3), max_size=4),
)
people = st.builds(
    Person,
    now=st.just(NOW),
    attributes=attributes,
    marketing=st.booleans(),
    location=st.booleans(),
    visits=st.dictionaries(st.sampled_from(PLACES), visits),
    events=st.dictionaries(st.sampled_from(EVENTS), counts),
    lists=st.lists(st.sampled_from(LISTS), unique=True).map(lambda names: tuple(sorted(names))),
)

places = st.sampled_from([{"site": "shop"}, {"site": "mall"}, {"zone": "shop/cafe"}])
compared = st.fixed_dictionaries({"op": st.sampled_from(sorted(COMPARE)), "value": st.integers(0, 5)})
days = st.sampled_from([1, 2, 7, 30, 89, 90])
within = st.fixed_dictionaries({"op": st.sampled_from(["within", "not_within"]), "days": days})


def _with(kind, named, rest):
    return st.builds(lambda name, fields: {kind: name} | fields, named, rest)


attribute_tests = (
    st.builds(attribute_test, st.sampled_from("abc"), st.sampled_from(["eq", "ne", "contains"]), scalars)
    | st.builds(
        attribute_test,
        st.sampled_from("abc"),
        st.sampled_from(["lt", "le", "gt", "ge"]),
        numbers | texts | st.just(1),
    )
    | st.builds(
        attribute_test, st.sampled_from("abc"), st.just("in"), st.lists(scalars, min_size=1, max_size=3)
    )
    | st.builds(attribute_test, st.sampled_from("abc"), st.just("exists"), st.booleans())
)
tests = (
    attribute_tests
    | st.builds(
        lambda kind, value: {"consent": kind, "value": value},
        st.sampled_from(["marketing", "location"]),
        st.booleans(),
    )
    | _with("visits", places, compared)
    | _with("last_visit", places, within)
    | _with("events", st.sampled_from(EVENTS), compared)
    | _with("events", st.sampled_from(EVENTS), st.builds(lambda one, n: one | {"days": n}, compared, days))
    | _with("last_event", st.sampled_from(EVENTS), within)
    | st.sampled_from(LISTS).map(lambda name: {"list": name})
)


def rules_of(leaves):
    return st.recursive(
        leaves,
        lambda parts: (
            st.fixed_dictionaries({"all": st.lists(parts, min_size=1, max_size=3)})
            | st.fixed_dictionaries({"any": st.lists(parts, min_size=1, max_size=3)})
            | st.fixed_dictionaries({"not": parts})
        ),
        max_leaves=8,
    )


plain_rules = rules_of(tests)
rules = rules_of(tests | st.sampled_from(AUDIENCES).map(lambda name: {"audience": name}))
assert set(TESTS) >= {"eq", "ne", "contains", "lt", "le", "gt", "ge", "in", "exists"}
