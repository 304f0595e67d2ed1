"""Each rule says no with its own reason, and the order of RULES settles which reason is told."""

from datetime import timedelta

import pytest

from beacon_service.campaigns.decide import MAX_MOMENT_AGE, RULES, decide, verdict
from beacon_service.campaigns.model import Reason
from beacon_service.hours import WeeklyHours
from tests.factories.catalogue import cap_document, policy_document, trigger_document
from tests.factories.moments import NOW, campaign, grant, question

GOLD = {"attribute": "tier", "op": "eq", "value": "gold"}
MICROSECOND = timedelta(microseconds=1)
AFTERNOON = {"days": ["wed"], "from": "12:00", "to": "18:00"}  # now is 14:00 on a Wednesday in Amsterdam
EVENING = {"days": ["wed"], "from": "18:00", "to": "22:00"}

EVENING_HOURS = WeeklyHours.read(["wed"], "18:00", "22:00")


def at(**ago):
    return (NOW - timedelta(**ago)).isoformat()


# What it takes to break each rule: (of the question, of the campaign). Together they break all.
BREAKS = {
    Reason.STALE: ({"at": NOW - MAX_MOMENT_AGE - MICROSECOND}, {}),
    Reason.VISIT: ({"visit": 2}, {"trigger": trigger_document("shop/cafe", nth=1)}),
    Reason.NO_CONSENT: ({"marketing": False}, {}),
    Reason.NOT_LIVE: ({}, {"status": "paused"}),
    Reason.CLOSED: ({"hours": [EVENING_HOURS]}, {}),
    Reason.DAYPART: ({}, {"dayparts": [EVENING]}),
    Reason.AUDIENCE: ({}, {"audience": GOLD}),
    Reason.CAP: ({}, {"caps": [cap_document(0)]}),
    Reason.POLICY: ({"policy": policy_document(cap_document(0))}, {}),
    Reason.BUDGET: ({"tallies": {"budget:coffee:total": 0}}, {"budget": {"total": 0}}),
}
ORDER = list(BREAKS)


def broken(*reasons):
    asked, about = {}, {}
    for reason in reasons:
        of_question, of_campaign = BREAKS[reason]
        asked |= of_question
        about |= of_campaign
    return verdict(question(**asked), campaign(**about))


def claimed_by(asked, **fields):
    """The keys of the shared counts that an offer of the campaign would claim."""
    put = question(**fields)
    decide(put, [asked])
    return list(put.shared.claimed)


def test_where_nothing_speaks_against_it_the_verdict_is_none():
    assert broken() is None


@pytest.mark.parametrize("reason", ORDER)
def test_each_rule_says_no_with_its_own_reason(reason):
    assert broken(reason) is reason


@pytest.mark.parametrize(
    ("first", "second"),
    [(first, second) for place, first in enumerate(ORDER) for second in ORDER[place + 1 :]],
)
def test_of_two_broken_rules_the_first_is_told(first, second):
    assert broken(second, first) is first


def test_every_rule_is_in_this_table_in_the_order_of_the_rules():
    assert len(RULES) == len(ORDER)
    for place, reason in enumerate(ORDER):
        of_question, of_campaign = BREAKS[reason]
        verdicts = [rule(question(**of_question), campaign(**of_campaign)) for rule in RULES]
        assert [found for found in verdicts if found] == [reason]
        assert verdicts[place] is reason


def test_reasons_are_listed_in_the_order_of_the_rules():
    assert list(Reason)[: len(ORDER)] == ORDER


class TestFreshness:
    def test_a_moment_of_exactly_two_minutes_ago_is_fresh(self):
        assert timedelta(minutes=2) == MAX_MOMENT_AGE
        assert verdict(question(at=NOW - MAX_MOMENT_AGE), campaign()) is None

    def test_a_phone_that_runs_ahead_is_fresh(self):
        assert verdict(question(at=NOW + timedelta(seconds=30)), campaign()) is None


class TestVisits:
    @pytest.mark.parametrize(("visit", "reason"), [(1, Reason.VISIT), (3, None), (4, Reason.VISIT)])
    def test_only_the_visit_that_the_trigger_names(self, visit, reason):
        third = campaign(trigger=trigger_document("shop/cafe", nth=3))
        assert verdict(question(visit=visit), third) is reason

    def test_any_visit_where_it_names_none(self):
        assert verdict(question(visit=99), campaign()) is None


class TestStatusAndDates:
    @pytest.mark.parametrize("status", ["draft", "paused", "ended"])
    def test_only_what_is_published_is_live(self, status):
        assert verdict(question(), campaign(status=status)) is Reason.NOT_LIVE

    def test_it_begins_at_its_start_and_is_over_at_its_end(self):
        assert verdict(question(), campaign(starts_at=at())) is None
        assert verdict(question(), campaign(starts_at=at(microseconds=-1))) is Reason.NOT_LIVE
        assert verdict(question(), campaign(ends_at=at())) is Reason.NOT_LIVE
        assert verdict(question(), campaign(ends_at=at(microseconds=-1))) is None

    def test_dates_are_held_against_the_servers_clock_not_the_moments(self):
        begun_since = campaign(starts_at=at(seconds=30))
        assert verdict(question(at=NOW - timedelta(seconds=60)), begun_since) is None


class TestOpeningHours:
    def test_without_hours_a_place_is_always_open(self):
        assert verdict(question(hours=None), campaign()) is None

    def test_one_stretch_of_several_is_enough(self):
        afternoon = WeeklyHours.read(["wed"], "12:00", "18:00")
        assert verdict(question(hours=[EVENING_HOURS, afternoon]), campaign()) is None

    def test_they_are_read_on_the_sites_clock_at_the_time_of_the_moment(self):
        until_two = WeeklyHours.read(["wed"], "08:00", "14:00")  # until now, which in UTC is noon
        assert verdict(question(hours=[until_two]), campaign()) is Reason.CLOSED
        assert verdict(question(hours=[until_two], at=NOW - MICROSECOND), campaign()) is None


class TestDayparts:
    def test_one_of_several_is_enough(self):
        assert verdict(question(), campaign(dayparts=[EVENING, AFTERNOON])) is None

    def test_they_are_read_on_the_sites_clock(self):
        until_two = {"days": ["wed"], "from": "08:00", "to": "14:00"}  # over by now, which in UTC is noon
        assert verdict(question(), campaign(dayparts=[until_two])) is Reason.DAYPART


class TestAudience:
    @pytest.mark.parametrize(("tier", "reason"), [("gold", None), ("silver", Reason.AUDIENCE)])
    def test_a_rule_over_the_customers_attributes(self, tier, reason):
        assert verdict(question(attributes={"tier": tier}), campaign(audience=GOLD)) is reason


class TestCaps:
    def test_below_the_limit_it_holds_and_at_the_limit_it_does_not(self):
        twice = campaign(caps=[cap_document(2)])
        assert verdict(question(grant()), twice) is None
        assert verdict(question(grant(), grant()), twice) is Reason.CAP

    def test_all_of_them_must_hold(self):
        both = campaign(caps=[cap_document(9), cap_document(1, window={"kind": "lifetime"})])
        assert verdict(question(grant(ago=timedelta(days=3))), both) is Reason.CAP

    def test_a_total_is_held_against_the_shared_count(self):
        capped = campaign(caps=[cap_document(3, subject="total", window={"kind": "lifetime"})])
        (key,) = claimed_by(capped)
        assert verdict(question(tallies={key: 2}), capped) is None
        assert verdict(question(tallies={key: 3}), capped) is Reason.CAP

    def test_a_shared_count_that_is_not_known_is_taken_to_suffice_but_in_the_last_round(self):
        capped = campaign(caps=[cap_document(3, subject="total", window={"kind": "lifetime"})])
        assert verdict(question(), capped) is None
        assert verdict(question(final=True), capped) is Reason.CAP


class TestContactPolicy:
    def test_offers_of_other_campaigns_use_it_up(self):
        asked = question(grant("cake"), policy=policy_document(cap_document(1)))
        assert verdict(asked, campaign()) is Reason.POLICY

    def test_who_need_not_obey_it_is_not_asked(self):
        asked = question(grant("cake"), policy=policy_document(cap_document(1)))
        assert verdict(asked, campaign(obeys_policy=False)) is None

    def test_a_total_of_the_policy_binds_who_obeys(self):
        policy = policy_document(cap_document(3, subject="total", window={"kind": "lifetime"}))
        (key,) = claimed_by(campaign(), policy=policy)
        assert verdict(question(policy=policy, tallies={key: 3}), campaign()) is Reason.POLICY
        assert verdict(question(policy=policy, tallies={key: 3}), campaign(obeys_policy=False)) is None


class TestBudgets:
    def test_the_last_offer_of_a_budget_is_given_and_no_more(self):
        asked = campaign(budget={"total": 3})
        assert verdict(question(tallies={"budget:coffee:total": 2}), asked) is None
        assert verdict(question(tallies={"budget:coffee:total": 3}), asked) is Reason.BUDGET

    def test_in_the_last_round_what_is_unknown_is_used_up(self):
        assert verdict(question(final=True), campaign(budget={"total": 3})) is Reason.BUDGET
