import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from beacon_service.campaigns.audience import MAX_DEPTH, MAX_TESTS, compile_rule
from beacon_service.campaigns.building import campaign_of, policy_of
from beacon_service.campaigns.policy_schema import PolicyIn
from beacon_service.campaigns.rules import rule_flaws
from beacon_service.campaigns.schema import CampaignIn
from beacon_service.web.faults import faults_of
from tests.factories.brand import campaign_body
from tests.factories.people_and_rules import person

GOLD = {"attribute": "loyalty", "op": "eq", "value": "gold"}
ENTERED = {"move": "entered", "zones": [{"site": "shop", "zone": "cafe"}]}
APPROACHED = ENTERED | {"move": "approached", "within_m": 150}
ROLLING = {"kind": "rolling", "n": 1, "unit": "day"}
WEEKLY = {"kind": "calendar", "unit": "week"}
RULED = {"rule": "FREQ=DAILY", "starts_on": "2026-01-01", "from": "09:00", "to": "12:00"}
OFFER = campaign_body()["offers"][0]


def faults(**fields):
    with pytest.raises(ValidationError) as raised:
        CampaignIn.model_validate(campaign_body(**fields))
    return {fault["where"]: (fault["what"], fault["do"]) for fault in faults_of(raised.value, "json")}


def cap(**fields):
    return {"subject": "customer", "limit": 1, "window": ROLLING} | fields


def test_what_is_accepted_can_be_read_by_the_core():
    body = campaign_body(
        starts_at="2026-06-01T08:00:00Z",
        ends_at="2026-07-01T08:00:00+02:00",
        trigger={"move": "dwelled", "tags": ["food"], "site": "shop", "dwell_s": 20, "nth": 1},
        audience={"all": [GOLD, {"not": {"attribute": "staff", "op": "exists"}}]},
        dayparts=[{"days": ["mon", "sun"], "from": "09:00", "to": "12:30"}],
        caps=[cap(), cap(subject="site", window={"kind": "calendar", "unit": "week"}, tz="Asia/Tokyo")],
        budget={"per_day": 10},
        hold_out=1,
    )
    document = CampaignIn.model_validate(body).document("coffee")

    campaign = campaign_of(document | {"revision": 1})

    assert campaign.trigger.dwell_s == 20
    assert campaign.audience(person(attributes={"loyalty": "gold"}))
    assert campaign.ends_at.isoformat() == "2026-07-01T06:00:00+00:00"
    assert [found.tz for found in campaign.caps] == ["site", "Asia/Tokyo"]
    assert policy_of(PolicyIn.model_validate({"caps": [cap(limit=0)]}).document()).caps[0].limit == 0


def test_what_nothing_was_said_of_is_not_kept():
    """Documents from before a field was learned stay as they are, and the same body changes nothing."""
    document = CampaignIn.model_validate(campaign_body()).document("coffee")
    assert not document.keys() & {
        "kind",
        "tags",
        "blackouts",
        "min_gap_s",
        "suppression",
        "group",
        "fallback",
        "context",
    }
    assert document["trigger"].keys() == {"move", "zones", "tags", "site", "dwell_s", "nth"}
    assert not document["offers"][0].keys() & {"weight", "cost"}
    assert PolicyIn.model_validate({"caps": [cap()]}).document().keys() == {"caps", "hold_out"}


def test_a_context_is_read_by_the_core_and_silence_is_affinity():
    def context(**fields):
        body = CampaignIn.model_validate(campaign_body(**fields)).document("coffee")
        return campaign_of(body | {"revision": 1}).context

    assert context() == ("affinity",)
    assert context(context=["affinity"]) == ("affinity",)
    assert context(context=[]) == ()
    assert context(context=["distance", "dwell"], tags=["wine"]) == ("distance", "dwell")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"caps": [cap(scope="tag")]}, "/caps/0/tag"),
        ({"caps": [cap(scope="channel", tag="food", channel="push")]}, "/caps/0/tag"),
        ({"caps": [cap(channel="push")]}, "/caps/0/channel"),
        ({"caps": [cap(scope="tag", tag="food"), cap(scope="tag", tag="food", limit=2)]}, "/caps/1"),
        ({"caps": [cap(scope="channel", channel="radio")]}, "/caps/0/channel"),
        ({"quiet": {"from": "21:00"}}, "/quiet/to"),
        ({"quiet": {"from": "21:00", "to": "08:00", "then": "shout"}}, "/quiet/then"),
        ({"quiet": {"from": "21:00", "to": "08:00", "tz": "Mars/Base"}}, "/quiet/tz"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
    ],
)
def test_mistakes_of_a_policy_are_named_too(fields, where):
    with pytest.raises(ValidationError) as raised:
        PolicyIn.model_validate(fields)
    assert [fault["where"] for fault in faults_of(raised.value, "json")][:1] == [where]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"status": "live"}, "/status"),
        ({"priority": "high"}, "/priority"),
        ({"priority": 1.5}, "/priority"),
        ({"starts_at": "yesterday"}, "/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+05:00"}, "/starts_at"),
        ({"ends_at": "9999-12-31T23:59:59-05:00"}, "/ends_at"),
        ({"starts_at": "2026-06-01T08:00:00"}, "/starts_at"),
        ({"starts_at": "2026-06-02T08:00:00Z", "ends_at": "2026-06-01T08:00:00Z"}, "/ends_at"),
        ({"hold_out": 1.1}, "/hold_out"),
        ({"offers": []}, "/offers"),
        ({"offers": [OFFER | {"id": str(number)} for number in range(21)]}, "/offers"),
        ({"obeys_policy": "yes"}, "/obeys_policy"),
        ({"budget": {}}, "/budget"),
        ({"budget": {"total": -1}}, "/budget/total"),
        ({"colour": "red"}, "/colour"),
        ({"trigger": {"move": "entered"}}, "/trigger/zones"),
        ({"trigger": ENTERED | {"move": "passed"}}, "/trigger/move"),
        ({"trigger": ENTERED | {"move": "dwelled"}}, "/trigger/dwell_s"),
        ({"trigger": ENTERED | {"dwell_s": 20}}, "/trigger/dwell_s"),
        ({"trigger": ENTERED | {"site": "shop"}}, "/trigger/site"),
        ({"trigger": ENTERED | {"nth": 0}}, "/trigger/nth"),
        ({"trigger": {}}, "/trigger"),
        ({"trigger": ENTERED | {"event": "purchase"}}, "/trigger"),
        ({"trigger": {"event": "purchase", "absent_days": 30}}, "/trigger"),
        ({"trigger": {"event": "purchase", "tags": ["food"]}}, "/trigger/tags"),
        ({"trigger": {"absent_days": 30, "delay_s": 60}}, "/trigger/delay_s"),
        ({"trigger": {"absent_days": 0}}, "/trigger/absent_days"),
        ({"trigger": ENTERED | {"include_already_absent": True}}, "/trigger/include_already_absent"),
        ({"trigger": ENTERED | {"recheck": "still_in_zone"}}, "/trigger/recheck"),
        ({"trigger": ENTERED | {"delay_s": 0}}, "/trigger/delay_s"),
        ({"trigger": ENTERED | {"move": "approached"}}, "/trigger/within_m"),
        ({"trigger": APPROACHED | {"within_m": 9}}, "/trigger/within_m"),
        ({"trigger": APPROACHED | {"within_m": 5001}}, "/trigger/within_m"),
        ({"trigger": APPROACHED | {"within_m": 99.5}}, "/trigger/within_m"),
        ({"trigger": APPROACHED | {"zones": []}}, "/trigger/zones"),
        ({"trigger": APPROACHED | {"dwell_s": 20}}, "/trigger/dwell_s"),
        ({"trigger": APPROACHED | {"delay_s": 60, "recheck": "still_in_zone"}}, "/trigger/recheck"),
        ({"trigger": APPROACHED | {"recheck": "still_near"}}, "/trigger/recheck"),
        ({"trigger": ENTERED | {"within_m": 150}}, "/trigger/within_m"),
        ({"trigger": ENTERED | {"delay_s": 60, "recheck": "still_near"}}, "/trigger/recheck"),
        ({"trigger": {"event": "purchase", "within_m": 150}}, "/trigger/within_m"),
        ({"dayparts": [{"from": "09:00", "to": "12:00"}]}, "/dayparts/0"),
        ({"dayparts": [RULED | {"days": ["mon"]}]}, "/dayparts/0"),
        ({"dayparts": [RULED | {"starts_on": None}]}, "/dayparts/0/starts_on"),
        ({"dayparts": [RULED | {"rule": "FREQ=HOURLY"}]}, "/dayparts/0/rule"),
        ({"dayparts": [RULED | {"rule": "FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2"}]}, "/dayparts/0/rule"),
        ({"dayparts": [RULED | {"rule": "every now and then"}]}, "/dayparts/0/rule"),
        ({"blackouts": [{"from": "2026-12-26", "to": "2026-12-24"}]}, "/blackouts/0/to"),
        ({"blackouts": [{"from": "Christmas", "to": "2026-12-24"}]}, "/blackouts/0/from"),
        ({"caps": [cap(tz="customer", subject="site")]}, "/caps/0/tz"),
        ({"caps": [cap(window=ROLLING | {"week_start": "sun"})]}, "/caps/0/window/week_start"),
        ({"caps": [cap(), cap(subject="total"), cap(limit=5)]}, "/caps/2"),
        ({"caps": [cap(window=WEEKLY), cap(window=WEEKLY | {"week_start": "mon"})]}, "/caps/1"),
        ({"budget": {"total": 1, "pacing": "even"}}, "/budget/pacing"),
        ({"budget": {"total": 1, "of": "cost"}}, "/budget/of"),
        ({"min_gap_s": 0}, "/min_gap_s"),
        ({"suppression": {"dismissals": 1}}, "/suppression/within_days"),
        ({"group": "a b"}, "/group"),
        ({"context": ["dwell"]}, "/context/0"),
        ({"context": ["affinity", "distance"]}, "/context/1"),
        ({"context": ["dwell", "dwell"], "tags": ["wine"]}, "/context/1"),
        ({"context": ["weather"]}, "/context/0"),
        ({"kind": "spam"}, "/kind"),
        ({"offers": [OFFER, OFFER]}, "/offers/1/id"),
        ({"offers": [OFFER | {"weight": 0}]}, "/offers/0/weight"),
        ({"dayparts": [{"days": [], "from": "09:00", "to": "12:00"}]}, "/dayparts/0/days"),
        ({"dayparts": [{"days": ["monday"], "from": "09:00", "to": "12:00"}]}, "/dayparts/0/days/0"),
        ({"dayparts": [{"days": ["mon"], "from": "9:00", "to": "24:00"}]}, "/dayparts/0/from"),
        ({"caps": [cap(scope="all")]}, "/caps/0/scope"),
        ({"caps": [cap(scope="tag")]}, "/caps/0/scope"),
        ({"caps": [cap(subject="household")]}, "/caps/0/subject"),
        ({"caps": [cap(limit=-1)]}, "/caps/0/limit"),
        ({"caps": [cap(counts="seen")]}, "/caps/0/counts"),
        ({"caps": [cap(window={"kind": "visit"}, subject="total")]}, "/caps/0/window/kind"),
        ({"caps": [cap(window={"kind": "lifetime", "n": 3})]}, "/caps/0/window/n"),
        ({"caps": [cap(window=ROLLING | {"n": 0})]}, "/caps/0/window/n"),
        ({"caps": [cap(window={"kind": "calendar"}, tz="Mars/Olympus")]}, "/caps/0/tz"),
        ({"caps": [cap(tz="Asia/Tokyo")]}, "/caps/0/tz"),
        ({"audience": GOLD | {"op": "like"}}, "/audience/op"),
    ],
)
def test_each_mistake_is_named_by_its_place_with_what_to_do(fields, where):
    found = faults(**fields)

    matching = [one for place, one in found.items() if place == where or place.startswith(f"{where}/")]
    assert matching, found
    assert all(what and do for what, do in matching)


@pytest.mark.parametrize(
    "link",
    [
        "http://shop.example/",
        "javascript:alert(1)",
        "https://",
        "https://shop example/",
        "//shop.example",
        "https:x",
    ],
)
def test_links_are_https(link):
    offer = campaign_body()["offers"][0]

    assert set(faults(offers=[offer | {"link": link}])) == {"/offers/0/link"}
    assert set(faults(offers=[offer | {"image_url": link}])) == {"/offers/0/image_url"}


def test_mistakes_in_several_places_are_told_at_once():
    found = faults(
        name="",
        trigger=ENTERED | {"move": "dwelled"},
        caps=[cap(limit=-1), cap(tz="Asia/Tokyo")],
        audience={"all": [GOLD, {"attribute": "age", "op": "lt", "value": True}, "gold"]},
    )

    assert set(found) == {
        "/name",
        "/trigger/dwell_s",
        "/caps/0/limit",
        "/caps/1/tz",
        "/audience/all/1/value",
        "/audience/all/2",
    }


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ({}, ()),
        ("gold", ()),
        ({"all": []}, ("all",)),
        ({"any": GOLD}, ("any",)),
        ({"all": [GOLD], "any": [GOLD]}, ()),
        ({"not": [GOLD]}, ("not",)),
        (GOLD | {"attribute": "a b"}, ("attribute",)),
        (GOLD | {"value": ["gold"]}, ("value",)),
        (GOLD | {"value": None}, ("value",)),
        (GOLD | {"op": "in"}, ("value",)),
        (GOLD | {"op": "exists"}, ("value",)),
        (GOLD | {"op": ["eq"]}, ("op",)),
    ],
)
def test_a_rule_is_checked_test_by_test(rule, where):
    assert [flaw.path for flaw in rule_flaws(rule)] == [where]


def nested(levels):
    rule = GOLD
    for _ in range(levels - 1):
        rule = {"not": rule}
    return rule


def test_a_rule_has_a_bounded_size():
    assert rule_flaws(nested(MAX_DEPTH)) == []
    assert len(rule_flaws(nested(MAX_DEPTH + 1))) == len(rule_flaws(nested(60))) == 1
    assert rule_flaws({"any": [GOLD] * MAX_TESTS}) == []
    assert len(rule_flaws({"any": [GOLD] * (MAX_TESTS + 1)})) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["gold", "eq", "in", ""]),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "attribute", "op", "value", "list", "events"]),
            values,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    rule=json_values, attributes=st.dictionaries(st.sampled_from(["gold", "eq"]), st.integers() | st.text())
)
@settings(max_examples=300)
def test_a_rule_without_flaws_compiles_and_answers(rule, attributes):
    if not rule_flaws(rule):
        assert compile_rule(rule)(person(attributes=attributes)) in {True, False}
