import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.campaigns.audience import TESTS, compile_rule, measure

ANNA = {
    "loyalty": "gold",
    "age": 41,
    "newsletter": True,
    "likes": ["wine", "tea"],
    "since": "2024-05-01",
    "car": None,
}


def holds(rule, attributes=ANNA):
    return compile_rule(rule)(attributes)


def attribute_is(attribute, op, value):
    return {"attribute": attribute, "op": op, "value": value}


@pytest.mark.parametrize(
    ("attribute", "op", "value", "expected"),
    [
        ("loyalty", "eq", "gold", True),
        ("loyalty", "eq", "silver", False),
        ("loyalty", "ne", "silver", True),
        ("age", "ge", 41, True),
        ("age", "gt", 41.0, False),
        ("age", "lt", 41.5, True),
        ("since", "lt", "2025-01-01", True),
        ("loyalty", "in", ["gold", "silver"], True),
        ("age", "in", [40, 42], False),
        ("likes", "contains", "wine", True),
        ("likes", "contains", "win", False),
        ("loyalty", "contains", "ol", True),
        ("newsletter", "exists", True, True),
        ("car", "exists", True, False),
        ("boat", "exists", False, True),
    ],
)
def test_each_test_compares_as_it_says(attribute, op, value, expected):
    assert holds(attribute_is(attribute, op, value)) is expected


@pytest.mark.parametrize("op", sorted(set(TESTS) - {"ne", "exists"}))
@pytest.mark.parametrize("value", [1, "1", True, None])
def test_a_missing_attribute_matches_nothing(op, value):
    assert not holds(attribute_is("boat", op, [value] if op == "in" else value))


def test_not_equal_holds_for_those_who_have_no_value():
    assert holds(attribute_is("boat", "ne", "yacht"))


@pytest.mark.parametrize(
    ("attribute", "op", "value"),
    [
        ("age", "lt", "50"),
        ("age", "eq", "41"),
        ("newsletter", "eq", 1),
        ("newsletter", "ge", 0),
        ("likes", "gt", 1),
    ],
)
def test_values_of_different_types_do_not_match(attribute, op, value):
    assert not holds(attribute_is(attribute, op, value))


def test_rules_combine():
    gold, young = attribute_is("loyalty", "eq", "gold"), attribute_is("age", "lt", 30)

    assert holds({"all": [gold, {"not": young}]})
    assert holds({"any": [young, gold]})
    assert not holds({"all": [gold, young]})


def test_a_rule_is_measured_by_depth_and_tests():
    gold = attribute_is("loyalty", "eq", "gold")

    assert measure(gold) == (1, 1)
    assert measure({"all": [gold, {"not": {"any": [gold, gold]}}]}) == (4, 3)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
attributes = st.dictionaries(st.sampled_from("abc"), scalars | st.lists(scalars, max_size=3))
plain_tests = st.builds(
    attribute_is, st.sampled_from("abc"), st.sampled_from(sorted(set(TESTS) - {"in", "exists"})), scalars
)
tests = (
    plain_tests
    | st.builds(attribute_is, st.sampled_from("abc"), st.just("in"), st.lists(scalars, max_size=3))
    | st.builds(attribute_is, st.sampled_from("abc"), st.just("exists"), st.booleans())
)
rules = st.recursive(
    tests,
    lambda parts: (
        st.fixed_dictionaries({"all": st.lists(parts, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(parts, max_size=3)})
        | st.fixed_dictionaries({"not": parts})
    ),
    max_leaves=8,
)


@given(rule=rules, attributes=attributes)
def test_a_rule_answers_yes_or_no_whatever_the_attributes_are(rule, attributes):
    assert holds(rule, attributes) in {True, False}


@given(parts=st.lists(rules, max_size=3), attributes=attributes)
def test_not_all_is_any_not(parts, attributes):
    """De Morgan: the combinations mean what logic says they do."""
    negated = [{"not": part} for part in parts]

    assert holds({"not": {"all": parts}}, attributes) == holds({"any": negated}, attributes)
    assert holds({"not": {"any": parts}}, attributes) == holds({"all": negated}, attributes)


@given(value=scalars, attributes=attributes)
def test_a_value_is_never_both_equal_and_different(value, attributes):
    assert holds(attribute_is("a", "eq", value), attributes) != holds(
        attribute_is("a", "ne", value), attributes
    )
