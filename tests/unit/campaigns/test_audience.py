from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.campaigns.audience import KINDS, TESTS, compile_rule, each_test, measure, named_in
from beacon_service.campaigns.rules import rule_flaws
from beacon_service.customers.events import EventCount
from beacon_service.visits.model import Visit
from tests.factories.people_and_rules import NOW, people, person, rules, scalars
from tests.factories.people_and_rules import attribute_test as attribute_is

ANNA = {
    "loyalty": "gold",
    "age": 41,
    "newsletter": True,
    "likes": ["wine", "tea"],
    "since": "2024-05-01",
    "car": None,
}
MICROSECOND = timedelta(microseconds=1)


def holds(rule, attributes=ANNA, **about):
    return compile_rule(rule)(person(attributes=attributes, **about))


def ago(**time):
    return NOW - timedelta(**time)


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


def test_consents_are_asked_for_by_name():
    assert holds({"consent": "marketing"}, marketing=True)
    assert not holds({"consent": "marketing"}, location=True)
    assert holds({"consent": "location", "value": True}, location=True)
    assert holds({"consent": "location", "value": False}, marketing=True)


CAFE = {"zone": "shop/cafe"}
BOUGHT = {"purchase": EventCount(7, ago(hours=20), {"2026-06-02": 1, "2026-06-01": 2, "2026-05-01": 1})}


class TestVisits:
    @pytest.mark.parametrize(
        ("op", "value", "expected"), [("ge", 3, True), ("gt", 3, False), ("eq", 3, True)]
    )
    def test_the_present_one_counts(self, op, value, expected):
        here = {"shop/cafe": Visit(3, ago(minutes=5), open=1)}
        assert holds({"visits": CAFE, "op": op, "value": value}, visits=here) is expected

    def test_who_was_never_there_was_there_0_times(self):
        assert holds({"visits": CAFE, "op": "lt", "value": 1})
        assert holds(
            {"visits": {"site": "shop"}, "op": "eq", "value": 0}, visits={"shop/cafe": Visit(3, NOW)}
        )

    def test_the_last_visit_is_dated_by_its_end(self):
        left = {"shop/cafe": Visit(1, ago(days=9), left_at=ago(days=7))}
        week = {"last_visit": CAFE, "op": "within", "days": 7}
        assert holds(week, visits=left)
        assert not holds(week, visits={"shop/cafe": Visit(1, ago(days=9), left_at=ago(days=7) - MICROSECOND)})

    def test_the_present_one_is_not_the_last_so_that_who_comes_back_can_be_greeted(self):
        back = {"shop/cafe": Visit(2, NOW, open=1, before_at=ago(days=40))}
        month = {"last_visit": CAFE, "op": "not_within", "days": 30}
        assert holds(month, visits=back)
        assert not holds(month, visits={"shop/cafe": Visit(2, NOW, open=1, before_at=ago(days=3))})

    def test_who_was_never_there_was_not_there_lately(self):
        assert not holds({"last_visit": CAFE, "op": "within", "days": 3650})
        assert holds({"last_visit": CAFE, "op": "not_within", "days": 1})


class TestEvents:
    def test_all_there_ever_were(self):
        assert holds({"events": "purchase", "op": "eq", "value": 7}, events=BOUGHT)
        assert holds({"events": "call", "op": "eq", "value": 0}, events=BOUGHT)

    @pytest.mark.parametrize(("days", "number"), [(1, 0), (2, 1), (3, 3), (33, 3), (34, 4), (90, 4)])
    def test_those_of_the_last_days_today_included(self, days, number):
        asked = {"events": "purchase", "op": "eq", "value": number, "days": days}
        assert holds(asked, events=BOUGHT)

    def test_the_last_one(self):
        day = {"last_event": "purchase", "op": "within", "days": 1}
        assert holds(day, events=BOUGHT)
        assert not holds(day | {"last_event": "call"}, events=BOUGHT)
        assert holds(
            day | {"op": "not_within"}, events={"purchase": EventCount(1, ago(days=1) - MICROSECOND)}
        )


def test_lists_are_asked_for_by_name():
    assert holds({"list": "vip"}, lists=("staff", "vip"))
    assert not holds({"list": "vi"}, lists=("staff", "vip"))


def test_an_audience_stands_for_its_rule_and_an_unknown_one_for_nobody():
    named = {"gold": compile_rule(attribute_is("loyalty", "eq", "gold"))}
    assert compile_rule({"audience": "gold"}, named)(person(attributes=ANNA))
    assert not compile_rule({"audience": "silver"}, named)(person(attributes=ANNA))
    assert compile_rule({"not": {"audience": "silver"}}, named)(person(attributes=ANNA))


def test_a_rule_is_measured_by_depth_and_tests():
    gold = attribute_is("loyalty", "eq", "gold")

    assert measure(gold) == (1, 1)
    assert measure({"all": [gold, {"not": {"any": [gold, gold]}}]}) == (4, 3)


def test_the_tests_of_a_rule_are_found_with_their_places():
    rule = {"all": [{"list": "vip"}, {"not": {"any": [{"audience": "regulars"}, {"list": "staff"}]}}]}
    assert [path for path, _ in each_test(rule)] == [
        ("all", 0),
        ("all", 1, "not", "any", 0),
        ("all", 1, "not", "any", 1),
    ]
    assert (named_in(rule, "list"), named_in(rule, "audience")) == ({"vip", "staff"}, {"regulars"})


@given(rule=rules, who=people)
def test_a_rule_answers_yes_or_no_whoever_is_asked_about(rule, who):
    assert compile_rule(rule)(who) in {True, False}


@given(rule=rules)
def test_every_rule_that_is_tried_here_is_one_that_the_api_takes(rule):
    assert rule_flaws(rule) == []


@given(parts=st.lists(rules, max_size=3), who=people)
def test_not_all_is_any_not(parts, who):
    """De Morgan: the combinations mean what logic says they do."""
    negated = [{"not": part} for part in parts]

    assert compile_rule({"not": {"all": parts}})(who) == compile_rule({"any": negated})(who)
    assert compile_rule({"not": {"any": parts}})(who) == compile_rule({"all": negated})(who)


@given(value=scalars, who=people)
def test_a_value_is_never_both_equal_and_different(value, who):
    assert compile_rule(attribute_is("a", "eq", value))(who) != compile_rule(attribute_is("a", "ne", value))(
        who
    )


def test_every_kind_of_test_is_tried_here():
    assert set(KINDS) == {"attribute", "consent", "visits", "last_visit", "events", "last_event", "list"}
