"""Each rule says no with its own reason, and the order of RULES settles which reason is told."""

from datetime import timedelta

import pytest

from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.decision import Reason
from beacon_service.campaigns.model import StockLevel
from beacon_service.campaigns.verdict import MAX_MOMENT_AGE, RULES, verdict
from beacon_service.hours import WeeklyHours, zone_of
from tests.factories.catalogue import (
    cap_document,
    offer_document,
    policy_document,
    trigger_document,
)
from tests.factories.moments import NOW, campaign, grant, question

GOLD = {"attribute": "tier", "op": "eq", "value": "gold"}
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
ONCE_IS_ENOUGH = {"dismissals": 1, "within_days": 1, "silence_days": 1}
AFTERNOON = {"days": ["wed"], "from": "12:00", "to": "18:00"}  # now is 14:00 on a Wednesday in Amsterdam
EVENING = {"days": ["wed"], "from": "18:00", "to": "22:00"}

EVENING_HOURS = WeeklyHours.read(["wed"], "18:00", "22:00")


def at(**ago):
    return (NOW - timedelta(**ago)).isoformat()


# What it takes to break each rule: (of the question, of the campaign). Together they break all.
BREAKS = {
    Reason.STALE: ({"at": NOW - MAX_MOMENT_AGE - MICROSECOND}, {}),
    Reason.LEFT: ({"still_so": False}, {}),
    Reason.VISIT: ({"visit": 2}, {"trigger": trigger_document("shop/cafe", nth=1)}),
    Reason.NO_CONSENT: ({"marketing": False}, {}),
    Reason.NOT_LIVE: ({}, {"status": "paused"}),
    Reason.CLOSED: ({"hours": [EVENING_HOURS]}, {}),
    Reason.DAYPART: ({}, {"dayparts": [EVENING]}),
    Reason.BLACKOUT: ({}, {"blackouts": [{"from": "2026-06-03", "to": "2026-06-03"}]}),
    Reason.AUDIENCE: ({}, {"audience": GOLD}),
    Reason.STOCK: ({}, {"offers": [offer_document(products=["beans"])]}),
    Reason.UNSUITABLE: ({"attributes": {"open_complaint": True}}, {}),
    Reason.QUIET: ({"policy": {"quiet": {"from": "12:00", "to": "18:00", "tz": "site", "then": "drop"}}}, {}),
    Reason.EXCLUDED: ({"groups": {"summer": "other"}}, {"group": "summer"}),
    Reason.GAP: ({"ledger": [grant(ago=HOUR)]}, {"min_gap_s": 7200}),
    Reason.SUPPRESSED: (
        {"ledger": [grant(ago=HOUR, outcomes=["dismissed"])]},
        {"suppression": ONCE_IS_ENOUGH},
    ),
    Reason.CAP: ({}, {"caps": [cap_document(0)]}),
    Reason.POLICY: ({"policy": {"caps": policy_document(cap_document(0))["caps"]}}, {}),
    Reason.BUDGET: ({"tallies": {"budget:coffee:total": 0}}, {"budget": {"total": 0}}),
    Reason.CODES: ({"tallies": {"codes:summer": 0}}, {"offers": [offer_document(codes={"pool": "summer"})]}),
}
ORDER = list(BREAKS)


def broken(*reasons):
    about = {}
    for reason in reasons:
        about |= BREAKS[reason][1]
    return verdict(asked_with(*(BREAKS[reason][0] for reason in reasons)), campaign(**about))


def asked_with(*parts):
    """A question of which all of that holds: policies add up, and so do ledgers."""
    policy = {name: value for part in parts for name, value in part.get("policy", {}).items()}
    ledger = [row for part in parts for row in part.get("ledger", [])]
    plain = {
        name: value for part in parts for name, value in part.items() if name not in {"policy", "ledger"}
    }
    return question(*ledger, policy=policy_document() | policy, **plain)


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
        verdicts = [rule(asked_with(of_question), campaign(**of_campaign)) for rule in RULES]
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


def day(text):
    return {"from": text, "to": text}


class TestBlackouts:
    @pytest.mark.parametrize(
        ("blackout", "reason"),
        [
            (day("2026-06-03"), Reason.BLACKOUT),
            ({"from": "2026-05-01", "to": "2026-06-03"}, Reason.BLACKOUT),
            (day("2026-06-02"), None),
            ({"from": "2026-06-04", "to": "2026-06-30"}, None),
        ],
    )
    def test_both_ends_are_days_without_offers(self, blackout, reason):
        assert verdict(question(), campaign(blackouts=[blackout])) is reason

    def test_the_day_is_the_one_on_the_sites_calendar(self):
        late = NOW.replace(hour=22, minute=30)  # half past midnight of the fourth in Amsterdam
        fourth = campaign(blackouts=[day("2026-06-04")])
        assert verdict(question(now=late, at=late), fourth) is Reason.BLACKOUT

    def test_the_policys_bind_those_who_obey_it(self):
        policy = policy_document() | {"blackouts": [day("2026-06-03")]}
        assert verdict(question(policy=policy), campaign()) is Reason.BLACKOUT
        assert verdict(question(policy=policy), campaign(obeys_policy=False)) is None


class TestSuitability:
    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            ({"open_complaint": True}, Reason.UNSUITABLE),
            ({"open_complaint": False}, None),
            ({"open_complaint": "true"}, None),
            ({"mood": "angry"}, Reason.UNSUITABLE),
            ({"mood": "glad"}, None),
            ({"mood": ["angry"]}, None),
            ({}, None),
        ],
    )
    def test_who_complains_or_is_angry_is_not_advertised_to(self, attributes, reason):
        assert verdict(question(attributes=attributes), campaign()) is reason

    def test_a_word_of_service_passes(self):
        assert verdict(question(attributes={"open_complaint": True}), campaign(kind="service")) is None


def quiet(**fields):
    hours = {"from": "21:00", "to": "08:00", "tz": "site", "then": "drop"} | fields
    return policy_document() | {"quiet": hours}


class TestQuietHours:
    @pytest.mark.parametrize(
        ("utc", "reason"),
        [("18:59", None), ("19:00", Reason.QUIET), ("05:59", Reason.QUIET), ("06:00", None)],
    )
    def test_they_are_on_the_sites_clock(self, utc, reason):
        at = NOW.replace(hour=int(utc[:2]), minute=int(utc[3:]))
        assert verdict(question(now=at, at=at, policy=quiet()), campaign()) is reason

    @pytest.mark.parametrize(
        ("tz", "zone", "reason"),
        [
            ("customer", "Asia/Tokyo", Reason.QUIET),  # 21:00 there
            ("customer", None, None),  # unknown: the site's
            ("organisation", "Asia/Tokyo", None),
            ("Asia/Tokyo", None, Reason.QUIET),
        ],
    )
    def test_or_on_whose_they_say(self, tz, zone, reason):
        asked = question(policy=quiet(tz=tz), customer_zone=zone_of(zone))
        assert verdict(asked, campaign()) is reason

    def test_who_need_not_obey_the_policy_may_speak(self):
        late = NOW.replace(hour=20)
        assert verdict(question(now=late, at=late, policy=quiet()), campaign(obeys_policy=False)) is None

    def test_what_goes_to_the_inbox_disturbs_nobody(self):
        late = NOW.replace(hour=20)
        decision = decide(question(now=late, at=late, policy=quiet(then="inbox")), [campaign()])
        assert (decision.campaign, decision.channel) == ("coffee", "inbox")
        assert decide(question(policy=quiet(then="inbox")), [campaign()]).channel == "response"


class TestGroups:
    def test_another_campaign_of_the_group_has_the_customer(self):
        summer = campaign("b", group="summer")
        assert verdict(question(groups={"summer": "a"}), summer) is Reason.EXCLUDED
        assert verdict(question(groups={"summer": "b"}), summer) is None
        assert verdict(question(groups={"winter": "a"}), summer) is None


class TestGaps:
    @pytest.mark.parametrize(("gap_s", "reason"), [(3600, None), (3601, Reason.GAP)])
    def test_as_long_since_its_own_last_offer(self, gap_s, reason):
        asked = question(grant(ago=HOUR), grant(ago=3 * HOUR), grant("other", ago=MICROSECOND))
        assert verdict(asked, campaign(min_gap_s=gap_s)) is reason

    def test_and_since_any_that_counts_towards_the_policy(self):
        policy = policy_document() | {"min_gap_s": 3601}
        assert verdict(question(grant("other", ago=HOUR), policy=policy), campaign()) is Reason.GAP
        assert verdict(question(grant("other", ago=HOUR, policy=False), policy=policy), campaign()) is None
        unbound = campaign(obeys_policy=False)
        assert verdict(question(grant("other", ago=HOUR), policy=policy), unbound) is None


TWICE = {"dismissals": 2, "within_days": 7, "silence_days": 3}


class TestSuppression:
    @pytest.mark.parametrize(
        ("days_ago", "clicked_days_ago", "reason"),
        [
            ((2, 1), None, Reason.SUPPRESSED),
            ((4, 3), None, None),  # the silence is over
            ((9, 1), None, None),  # too far apart
            ((1,), None, None),
            ((3, 1), 2, None),  # a click between them
            ((3, 2), 1, None),  # and one after them
            ((2, 1), 4, Reason.SUPPRESSED),
        ],
    )
    def test_dismissed_so_often_without_a_click_it_is_silent_for_a_while(
        self, days_ago, clicked_days_ago, reason
    ):
        rows = [grant(ago=timedelta(days=days), outcomes=["dismissed"]) for days in days_ago]
        if clicked_days_ago is not None:
            rows.append(grant(ago=timedelta(days=clicked_days_ago), outcomes=["viewed", "clicked"]))
        assert verdict(question(*rows), campaign(suppression=TWICE)) is reason

    def test_the_policys_is_about_all_that_count_towards_it(self):
        rows = [grant(name, ago=timedelta(days=1), outcomes=["dismissed"]) for name in ("a", "b")]
        policy = policy_document() | {"suppression": TWICE}
        assert verdict(question(*rows, policy=policy), campaign()) is Reason.SUPPRESSED
        assert verdict(question(*rows, policy=policy), campaign(obeys_policy=False)) is None
        assert verdict(question(*rows), campaign("a", suppression=TWICE)) is None


class TestStock:
    @pytest.mark.parametrize(
        ("levels", "reason"),
        [
            ({"shop/beans": (1, HOUR), "shop/milk": (5, HOUR)}, None),
            ({"shop/beans": (0, HOUR), "shop/milk": (5, HOUR)}, Reason.STOCK),
            ({"shop/beans": (1, HOUR)}, Reason.STOCK),
            ({"mall/beans": (1, HOUR), "mall/milk": (1, HOUR)}, Reason.STOCK),
            ({"shop/beans": (1, 24 * HOUR), "shop/milk": (5, HOUR)}, None),
            ({"shop/beans": (1, 24 * HOUR + MICROSECOND), "shop/milk": (5, HOUR)}, Reason.STOCK),
        ],
    )
    def test_all_that_it_is_about_must_be_there_by_a_count_of_today(self, levels, reason):
        stock = {key: StockLevel(quantity, NOW - ago) for key, (quantity, ago) in levels.items()}
        both = campaign(offers=[offer_document(products=["beans", "milk"])])
        assert verdict(question(stock=stock), both) is reason

    def test_how_old_the_count_may_be_is_the_offers_affair(self):
        asked = campaign(offers=[offer_document(products=["beans"], stock_max_age_s=60)])
        old = {"shop/beans": StockLevel(1, NOW - HOUR)}
        assert verdict(question(stock=old), asked) is Reason.STOCK
