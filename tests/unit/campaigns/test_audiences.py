"""Campaigns mean what the audiences that they name mean, as of each version of the configuration."""

from hypothesis import given

from beacon_service.campaigns.audience import compile_rule
from beacon_service.campaigns.audiences import expanded, predicates, reached
from beacon_service.campaigns.programme import Programme
from beacon_service.configuration.model import Documents
from tests.factories.catalogue import campaign_document, documents
from tests.factories.people_and_rules import people, person, plain_rules

GOLD = {"attribute": "loyalty", "op": "eq", "value": "gold"}
VIP = {"list": "vip"}
ANNA = person(attributes={"loyalty": "gold"})
BEN = person(lists=("vip",))


def told(version=1, *, campaigns=(), deleted=(), **rules):
    found = documents(sites=(), campaigns=campaigns, deleted=[("audience", name) for name in deleted])
    named = {("audience", name): {"id": name, "name": name, "rule": rule} for name, rule in rules.items()}
    return Documents(version, {**found.bodies, **named})


def who_gets(programme, campaign="coffee"):
    holds = programme.campaigns[campaign].audience
    return [name for name, who in (("anna", ANNA), ("ben", BEN)) if holds(who)]


def asking(rule, **fields):
    return campaign_document("coffee", audience=rule, **fields)


def test_a_campaign_may_stand_before_the_audience_that_it_names():
    assert who_gets(Programme().updated(told(campaigns=[asking({"audience": "best"})], best=GOLD))) == [
        "anna"
    ]


def test_an_edit_of_an_audience_binds_the_campaigns_that_rest_on_it():
    before = Programme().updated(
        told(campaigns=[asking({"audience": "outer"})], outer={"audience": "inner"}, inner=GOLD)
    )
    after = before.updated(told(2, inner=VIP))
    assert (who_gets(before), who_gets(after)) == (["anna"], ["ben"])


def test_an_edit_of_a_campaign_leaves_what_it_names_in_force():
    before = Programme().updated(told(campaigns=[asking({"audience": "best"})], best=GOLD))
    after = before.updated(told(2, campaigns=[asking({"audience": "best"}, name="Another name")]))
    assert who_gets(after) == ["anna"]


def test_in_an_audience_that_was_deleted_there_is_nobody():
    before = Programme().updated(told(campaigns=[asking({"audience": "best"})], best=GOLD))
    assert who_gets(before.updated(told(2, deleted=["best"]))) == []


def test_a_campaign_that_names_audiences_no_more_is_let_go():
    before = Programme().updated(told(campaigns=[asking({"audience": "best"})], best=GOLD))
    after = before.updated(told(2, campaigns=[asking(VIP)])).updated(told(3, best=GOLD))
    assert who_gets(after) == ["ben"]


def test_a_circle_that_should_not_be_there_holds_for_nobody_and_ends():
    holds = predicates({"one": {"audience": "other"}, "other": {"audience": "one"}})
    assert not holds["one"](ANNA)
    assert reached({"audience": "one"}, {"one": {"audience": "other"}, "other": {"audience": "one"}}) == {
        "one",
        "other",
    }


def test_a_rule_is_as_large_as_what_it_names():
    rules = {"three": {"any": [GOLD, VIP, GOLD]}, "four": {"all": [VIP, {"not": {"audience": "three"}}]}}
    assert (
        expanded({"any": [{"audience": "four"}, {"audience": "three"}, {"audience": "unknown"}]}, rules) == 8
    )


def test_what_an_audience_rests_on_may_have_any_name():
    holds = predicates({"a": {"audience": "b"}, "b": {"audience": "c"}, "c": GOLD})
    assert [holds[name](ANNA) for name in "abc"] == [True] * 3


@given(inner=plain_rules, outer=plain_rules, who=people)
def test_a_name_means_what_it_stands_for(inner, outer, who):
    named = {"all": [outer, {"audience": "inner"}]}
    assert predicates({"inner": inner, "outer": named})["outer"](who) == compile_rule(
        {"all": [outer, inner]}
    )(who)
