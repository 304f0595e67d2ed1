"""What a cap counts: of a customer's own ledger, and which shared counts an offer adds to."""

from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.campaigns.building import policy_of
from beacon_service.campaigns.caps import (
    POLICY_OWNER,
    applies,
    budget_charges,
    charges,
    counted,
    ledger_span,
)
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.ledger import IMPLIED, Outcome
from beacon_service.campaigns.windows import calendar_start
from beacon_service.hours import DAYS, zone_of
from tests.factories.catalogue import cap_document, offer_document, policy_document
from tests.factories.moments import AMSTERDAM, NOW, campaign, cap, grant, question, standing

KINDS = ("decided", "delivered", "viewed", "clicked", "redeemed")
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
LIFETIME = {"kind": "lifetime"}
TODAY = {"kind": "calendar", "unit": "day"}


def used(asked, *ledger, owner="coffee", **where):
    return counted(asked, owner, ledger, standing(**where))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestRolling:
    def test_what_was_decided_within_the_duration_counts(self):
        assert used(cap(), grant(ago=DAY / 2), grant(ago=2 * DAY)) == 1

    def test_exactly_at_the_edge_no_longer_counts_and_a_microsecond_later_does(self):
        assert used(cap(), grant(ago=DAY)) == 0
        assert used(cap(), grant(ago=DAY - MICROSECOND)) == 1

    def test_what_is_decided_in_this_very_instant_counts(self):
        assert used(cap(), grant()) == 1

    def test_several_periods_are_one_long_duration(self):
        week_and_a_half = cap(window={"kind": "rolling", "n": 10, "unit": "day"})
        assert used(week_and_a_half, grant(ago=9 * DAY), grant(ago=11 * DAY)) == 1


class TestCalendar:
    def test_one_minute_apart_over_midnight_is_another_day(self):
        daily, before = cap(window=TODAY), grant(at=utc("2026-06-03 21:59"))  # 23:59 in Amsterdam
        assert used(daily, before, now=utc("2026-06-03 21:59:59")) == 1
        assert used(daily, before, now=utc("2026-06-03 22:01")) == 0

    def test_midnight_itself_counts_for_the_new_day(self):
        midnight = utc("2026-06-03 22:00")
        assert used(cap(window=TODAY), grant(at=midnight), now=midnight + DAY / 2) == 1
        assert used(cap(window=TODAY), grant(at=midnight - MICROSECOND), now=midnight + DAY / 2) == 0

    def test_the_calendar_is_the_sites_unless_the_cap_names_another(self):
        evening, at_night = grant(at=utc("2026-06-03 21:00")), utc("2026-06-03 23:00")
        assert used(cap(window=TODAY), evening, now=at_night) == 0
        assert used(cap(window=TODAY, tz="UTC"), evening, now=at_night) == 1
        assert used(cap(window=TODAY, tz="Asia/Tokyo"), evening, now=at_night) == 1

    def test_a_day_of_25_hours_is_one_day(self):
        first, last = utc("2026-10-24 22:00"), utc("2026-10-25 22:59")
        assert used(cap(window=TODAY), grant(at=first), now=last) == 1
        assert used(cap(window=TODAY), grant(at=first), now=last + timedelta(minutes=1)) == 0

    def test_a_day_of_23_hours_is_one_day(self):
        last = utc("2026-03-28 22:59")
        assert used(cap(window=TODAY), grant(at=last), now=utc("2026-03-28 23:00")) == 0
        assert (
            used(cap(window=TODAY), grant(at=last + timedelta(minutes=1)), now=utc("2026-03-29 21:59")) == 1
        )

    def test_sunday_and_monday_are_two_weeks(self):
        weekly, sunday = cap(window={"kind": "calendar", "unit": "week"}), grant(at=utc("2026-06-07 12:00"))
        assert used(weekly, sunday, now=utc("2026-06-07 21:59")) == 1
        assert used(weekly, sunday, now=utc("2026-06-07 22:00")) == 0

    def test_two_months_are_this_one_and_the_one_before(self):
        months = cap(window={"kind": "calendar", "n": 2, "unit": "month"})
        assert used(months, grant(at=utc("2026-04-30 22:00")), grant(at=utc("2026-04-30 21:59"))) == 1


class TestVisitAndLifetime:
    def test_a_visit_counts_from_its_beginning_at_the_site(self):
        per_visit, begun = cap(window={"kind": "visit"}), NOW - timedelta(hours=1)
        ledger = [grant(at=begun), grant(at=begun - MICROSECOND)]
        assert used(per_visit, *ledger, visit_started_at=begun) == 1

    def test_a_lifetime_forgets_nothing(self):
        assert used(cap(window=LIFETIME), grant(ago=4000 * DAY), grant()) == 2


class TestWhatCounts:
    def test_only_the_campaigns_own_grants(self):
        assert used(cap(), grant("coffee"), grant("cake")) == 1

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_open_reservation_counts_as_everything_that_it_may_yet_become(self, kind):
        assert used(cap(counts=kind), grant(open=True)) == 1

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_closed_one_counts_as_what_it_became(self, kind):
        assert used(cap(counts=kind), grant()) == (kind == "decided")
        assert used(cap(counts=kind), grant(outcomes=[kind]) if kind != "decided" else grant()) == 1

    def test_a_dismissed_offer_was_neither_viewed_nor_clicked(self):
        dismissed = grant(outcomes=["dismissed"])
        assert [used(cap(counts=kind), dismissed) for kind in KINDS] == [1, 0, 0, 0, 0]

    @pytest.mark.parametrize("kind", KINDS)
    def test_who_was_held_out_counts_as_if_it_had_been_looked_at(self, kind):
        assert used(cap(counts=kind), grant(arm="held_out", policy=False)) == 1

    def test_it_is_counted_when_it_was_decided_not_when_it_was_redeemed(self):
        redeemed = cap(counts="redeemed", window={"kind": "calendar", "unit": "day"})
        assert used(redeemed, grant(ago=2 * DAY, outcomes=["redeemed"])) == 0

    def test_who_clicked_had_it_viewed_and_delivered(self):
        assert IMPLIED[Outcome.CLICKED] == Outcome.CLICKED | Outcome.VIEWED | Outcome.DELIVERED
        assert all(Outcome.DELIVERED in implied for implied in IMPLIED.values())
        assert set(IMPLIED) == set(Outcome)


class TestContactPolicy:
    def test_counts_the_offers_of_all_campaigns(self):
        assert used(cap(), grant("coffee"), grant("cake"), owner=POLICY_OWNER) == 2

    def test_leaves_out_campaigns_that_do_not_count_towards_it(self):
        assert used(cap(), grant("coffee"), grant("alarm", policy=False), owner=POLICY_OWNER) == 1

    def test_leaves_out_what_was_held_out_however_it_is_marked(self):
        held_out = [grant(arm="held_out", policy=False), grant(arm="held_out", policy=True)]
        assert used(cap(), *held_out, owner=POLICY_OWNER) == 0

    def test_a_campaign_that_is_called_policy_is_not_the_policy(self):
        assert used(cap(), grant("coffee"), grant("cake"), owner="policy") == 0
        asked = campaign("policy", caps=[total(window=LIFETIME)])
        policy = policy_of(policy_document(total(window=LIFETIME)))
        own, common = charges(asked, policy.caps, standing())
        assert not common.key.startswith(f"cap:{asked.id}:")
        assert not own.key.startswith(f"cap:{POLICY_OWNER}:")


def charged(*caps, policy=(), now=NOW, **fields):
    asked = campaign("coffee", caps=list(caps), **fields)
    return charges(asked, policy_of(policy_document(*policy)).caps, standing(now))


def total(limit=5, **fields):
    return cap_document(limit, subject="total", **fields)


class TestSharedCounts:
    def test_a_cap_per_customer_charges_nothing_shared(self):
        assert charged(cap_document(), policy=[cap_document()]) == ()

    def test_a_total_over_a_lifetime_is_one_count_kept_in_its_row(self):
        (charge,) = charged(total(window=LIFETIME))
        assert (charge.limit, charge.counts, charge.amount, charge.binding) == (5, "decided", 1, True)
        assert (charge.campaign, charge.site, charge.ledger) == ("coffee", None, False)
        assert (charge.after_at, charge.start_at) == (None, None)

    def test_a_calendar_period_is_a_row_of_its_own_and_the_next_another(self):
        daily = total(window={"kind": "calendar"})
        (today,), (evening,) = charged(daily), charged(daily, now=NOW + timedelta(hours=9))
        (tomorrow,) = charged(daily, now=NOW + DAY)
        assert today.key == evening.key != tomorrow.key
        assert (today.ledger, today.start_at) == (False, utc("2026-06-02 22:00"))

    def test_a_rolling_window_is_a_lock_and_counted_from_the_ledger(self):
        (now,), (later,) = charged(total()), charged(total(), now=NOW + DAY)
        assert now.key == later.key
        assert (now.ledger, now.after_at) == (True, NOW - DAY)

    def test_a_day_over_all_counts_as_well_for_sites_whose_day_began_at_another_time(self):
        asked = campaign(caps=[total(window=TODAY)])
        sites = (AMSTERDAM, zone_of("Asia/Tokyo"), zone_of("Europe/Paris"))
        here, tokyo = charges(asked, (), standing(utc("2026-06-03 12:00"), time_zones=sites))
        assert (here.start_at, here.binding) == (utc("2026-06-02 22:00"), True)
        assert (tokyo.start_at, tokyo.binding) == (utc("2026-06-02 15:00"), False)
        by_tokyo = charges(asked, (), standing(utc("2026-06-03 12:00"), time_zone=sites[1], time_zones=sites))
        assert [one.key for one in by_tokyo] == [tokyo.key, here.key]

    def test_what_is_given_at_a_site_counts_for_what_is_given_nowhere_by_the_organisations_day(self):
        asked = campaign(caps=[total(window=TODAY)])
        _, nowhere = charges(asked, (), standing(organisation_zone=zone_of("UTC")))
        (event,) = charges(asked, (), standing(time_zone=zone_of("UTC"), site=""))
        assert nowhere.key == event.key

    @pytest.mark.parametrize("tz", ["organisation", "Europe/Amsterdam"])
    def test_where_all_follow_one_clock_there_is_one_count(self, tz):
        asked = campaign(caps=[total(window=TODAY, tz=tz)])
        assert len(charges(asked, (), standing(time_zones=(AMSTERDAM, zone_of("Asia/Tokyo"))))) == 1

    def test_a_sites_own_day_is_nobody_elses(self):
        asked = campaign(
            caps=[cap_document(subject="site", window=TODAY)], budget={"per_day": 3, "per_site": True}
        )
        assert len(charges(asked, (), standing(time_zones=(AMSTERDAM, zone_of("Asia/Tokyo"))))) == 2

    def test_several_calendar_periods_at_once_are_counted_from_the_ledger_as_well(self):
        window = {"kind": "calendar", "n": 2, "unit": "day"}
        (charge,) = charged(total(window=window))
        assert (charge.ledger, charge.start_at) == (True, utc("2026-06-01 22:00"))

    def test_sites_that_begin_several_days_at_several_times_share_a_lock_and_no_count(self):
        asked = campaign(caps=[total(window={"kind": "calendar", "n": 2, "unit": "day"})])
        (here,), (there,) = (
            charges(asked, (), standing(time_zone=zone_of(name)))
            for name in ("Europe/Amsterdam", "Asia/Tokyo")
        )
        assert here.row == there.row
        assert len({here.row, here.key, there.key}) == 3

    def test_caps_of_one_definition_are_one_claim_on_the_lowest_limit(self):
        limits = [total(limit, window=LIFETIME) for limit in (3, 2, 4)]
        own, common = charged(*limits, policy=limits)
        assert (own.limit, common.limit) == (2, 2)

    def test_a_site_counts_alone(self):
        asked = campaign("coffee", caps=[cap_document(subject="site", window=LIFETIME)])
        (here,) = charges(asked, (), standing(site="shop"))
        (there,) = charges(asked, (), standing(site="mall"))
        assert (here.site, there.site) == ("shop", "mall")
        assert here.key != there.key

    def test_a_raised_limit_binds_the_same_count(self):
        (five,), (nine,) = charged(total(5, window=LIFETIME)), charged(total(9, window=LIFETIME))
        assert five.key == nine.key

    @pytest.mark.parametrize(
        "other",
        [
            total(window={"kind": "calendar", "unit": "day"}),
            total(window={"kind": "rolling", "n": 2, "unit": "day"}),
            total(window=LIFETIME, counts="redeemed"),
            cap_document(5, subject="site", window=LIFETIME),
        ],
    )
    def test_another_cap_is_another_count(self, other):
        (one,), (another,) = charged(total(window=LIFETIME)), charged(other)
        assert one.key != another.key

    def test_two_campaigns_never_share_a_cap_of_their_own(self):
        (mine,) = charged(total(window=LIFETIME))
        (yours,) = charges(campaign("cake", caps=[total(window=LIFETIME)]), (), standing())
        assert mine.key != yours.key

    def test_the_policys_total_is_one_count_for_all_campaigns(self):
        (mine,) = charged(policy=[total(window=LIFETIME)])
        policy = policy_of(policy_document(total(window=LIFETIME)))
        (yours,) = charges(campaign("cake"), policy.caps, standing())
        assert mine == yours
        assert mine.campaign is None

    def test_who_need_not_obey_the_policy_counts_towards_it_without_being_bound(self):
        (charge,) = charged(policy=[total(window=LIFETIME)], obeys_policy=False)
        assert charge.binding is False

    def test_who_does_not_count_towards_the_policy_charges_it_nothing(self):
        (looked_at,) = charged(policy=[total(window=LIFETIME)], counts_towards_policy=False)
        assert (looked_at.amount, looked_at.binding) == (0, True)


class TestBudgets:
    def test_a_budget_counts_what_is_delivered_in_all_and_a_day(self):
        in_all, today = charged(budget={"total": 100, "per_day": 10})
        assert [(one.limit, one.counts, one.campaign) for one in (in_all, today)] == [
            (100, "delivered", "coffee"),
            (10, "delivered", "coffee"),
        ]
        assert in_all.start_at is None
        assert today.start_at == utc("2026-06-02 22:00")
        assert in_all.key != today.key

    def test_a_day_of_the_budget_is_the_sites(self):
        asked = campaign("coffee", budget={"total": None, "per_day": 10})
        (night,) = charges(asked, (), standing(utc("2026-06-03 22:00")))
        (before,) = charges(asked, (), standing(utc("2026-06-03 21:59")))
        assert night.key != before.key

    def test_no_budget_charges_nothing(self):
        assert charged() == ()


class TestHowFarBackTheLedgerIsRead:
    def test_not_at_all_without_caps_per_customer(self):
        assert ledger_span([]) == timedelta(0)
        assert ledger_span([cap(subject="total", window=LIFETIME)]) == timedelta(0)

    @pytest.mark.parametrize("kind", ["lifetime", "visit"])
    def test_to_the_beginning_where_a_cap_looks_there(self, kind):
        assert ledger_span([cap(), cap(window={"kind": kind})]) is None

    @pytest.mark.parametrize("unit", ["minute", "hour", "day", "week", "month"])
    @pytest.mark.parametrize("n", [1, 2, 5, 13])
    def test_as_far_as_the_farthest_period_may_have_begun(self, unit, n):
        window = cap(window={"kind": "calendar", "n": n, "unit": unit}).window
        span = ledger_span(
            [
                cap(window={"kind": "rolling", "unit": "minute"}),
                cap(window={"kind": "calendar", "n": n, "unit": unit}),
            ]
        )
        days = (datetime(2026, 1, 1, 22, 59, 59, tzinfo=UTC) + day * DAY for day in range(366))
        assert all(now - span <= calendar_start(window, now, AMSTERDAM) for now in days)

    def test_a_rolling_window_never_reaches_farther(self):
        ninety = cap(window={"kind": "rolling", "n": 90, "unit": "day"})
        assert ledger_span([ninety]) >= 90 * DAY


class TestScopes:
    """Caps of one offer of several, of a tag, and of a channel."""

    def test_a_cap_of_an_offer_counts_that_offer_alone(self):
        once = cap(scope="offer")
        rows = grant(offer="coffee"), grant(offer="coffee"), grant(offer="tea")
        assert used(once, *rows, offer="coffee") == 2
        assert used(once, *rows, offer="tea") == 1
        assert used(once, *rows, offer="cake") == 0

    def test_held_out_of_a_campaign_is_held_out_of_each_of_its_offers(self):
        assert used(cap(scope="offer"), grant(arm="held_out", offer=None), offer="tea") == 1

    def test_a_cap_of_a_tag_counts_what_carries_it(self):
        food = policy_of(policy_document() | {"caps": [cap_document(scope="tag") | {"tag": "food"}]}).caps[0]
        rows = (
            grant("a", tags=("food", "new")),
            grant("b", tags=("drinks",)),
            grant("c", tags=("food",), policy=False),
        )
        assert used(food, *rows, owner=POLICY_OWNER) == 1

    def test_a_cap_of_a_channel_counts_what_went_out_by_it(self):
        pushes = policy_of(
            policy_document() | {"caps": [cap_document(scope="channel") | {"channel": "push"}]}
        ).caps[0]
        rows = grant("a", channel="push"), grant("b", channel="response"), grant("c", channel="push")
        assert used(pushes, *rows, owner=POLICY_OWNER) == 2

    @pytest.mark.parametrize(
        ("about", "where", "bound"),
        [
            ({"scope": "tag", "tag": "food"}, {}, True),
            ({"scope": "tag", "tag": "drinks"}, {}, False),
            ({"scope": "channel", "channel": "push"}, {"channel": "push"}, True),
            ({"scope": "channel", "channel": "push"}, {"channel": "inbox"}, False),
            ({"scope": "all"}, {}, True),
        ],
    )
    def test_it_binds_only_whom_it_is_about(self, about, where, bound):
        policy = policy_of({"caps": [cap_document() | about], "hold_out": 0.0})
        assert applies(policy.caps[0], campaign(tags=["food"]), standing(**where)) is bound

    def test_shared_ones_name_what_they_count(self):
        caps = [
            cap_document(9, subject="total") | {"scope": "tag", "tag": "food"},
            cap_document(9, subject="total") | {"scope": "channel", "channel": "response"},
            cap_document(9, subject="total") | {"scope": "channel", "channel": "push"},
        ]
        policy = policy_of({"caps": caps, "hold_out": 0.0})
        asked = campaign(tags=["food"], caps=[cap_document(9, subject="total", scope="offer")])
        found = charges(asked, policy.caps, standing(offer="coffee"))
        assert [(one.offer, one.tag, one.channel) for one in found] == [
            ("coffee", None, None),
            (None, "food", None),
            (None, None, "response"),
        ]
        assert len({one.key for one in found}) == 3


class TestWhoseCalendar:
    def test_it_may_be_the_customers_or_the_organisations(self):
        evening, at_night = grant(at=utc("2026-06-03 21:00")), utc("2026-06-03 23:00")
        customers = cap(window=TODAY, tz="customer")
        assert used(customers, evening, now=at_night, customer_zone=zone_of("UTC")) == 1
        assert used(customers, evening, now=at_night) == 0  # unknown: the site's
        organisations = cap(window=TODAY, tz="organisation")
        assert used(organisations, evening, now=at_night, organisation_zone=zone_of("UTC")) == 1
        assert used(organisations, evening, now=at_night, organisation_zone=AMSTERDAM) == 0

    @pytest.mark.parametrize(("starts", "counted_"), [("mon", 1), ("sun", 0), ("sat", 1)])
    def test_a_week_begins_on_the_day_that_it_says(self, starts, counted_):
        weekly = cap(window={"kind": "calendar", "unit": "week", "week_start": starts})
        saturday = grant(at=utc("2026-06-06 12:00"))
        assert used(weekly, saturday, now=utc("2026-06-07 12:00")) == counted_

    def test_weeks_that_begin_on_other_days_are_other_counts(self):
        names = [
            cap(window={"kind": "calendar", "unit": "week", "week_start": day}).definition for day in DAYS
        ]
        assert len(set(names)) == 7


class TestBudgetsBySiteByCostAndByTheClock:
    def test_each_site_may_have_one_of_its_own(self):
        asked = campaign(budget={"total": 5, "per_day": 2, "per_site": True})
        here, there = (budget_charges(asked, standing(site=site)) for site in ("shop", "mall"))
        assert [one.site for one in here] == ["shop", "shop"]
        assert not {one.key for one in here} & {one.key for one in there}

    def test_it_may_be_of_what_the_offers_cost(self):
        offers = [offer_document("small", cost=150), offer_document("large", cost=400)]
        asked = campaign(budget={"total": 1000, "of": "cost"}, offers=offers)
        for offer, cost in (("small", 150), ("large", 400)):
            (charge,) = budget_charges(asked, standing(offer=offer))
            assert (charge.amount, charge.limit, charge.money) == (cost, 1000, True)

    def test_what_they_cost_is_another_count_than_how_many_they_are(self):
        offers, cost = (
            budget_charges(campaign(budget={"total": 9, "per_day": 9, "of": of}), standing())
            for of in ("offers", "cost")
        )
        assert not {one.key for one in offers} & {one.key for one in cost}

    @pytest.mark.parametrize(
        ("utc_time", "limit"),
        [
            ("2026-06-02 22:00", 2),  # midnight in Amsterdam, and a quarter of an hour ahead
            ("2026-06-03 04:00", 27),
            ("2026-06-03 10:00", 52),
            ("2026-06-03 21:45", 100),
            ("2026-06-03 21:59", 100),
        ],
    )
    def test_an_even_one_is_given_out_as_the_day_goes_by(self, utc_time, limit):
        asked = campaign(budget={"per_day": 100, "pacing": "even"})
        assert budget_charges(asked, standing(utc(utc_time)))[0].limit == limit

    def test_a_day_of_25_hours_is_paced_over_25(self):
        asked = campaign(budget={"per_day": 1000, "pacing": "even"})
        noon = budget_charges(asked, standing(utc("2026-10-25 11:00")))[0]  # 13 of 25 hours are over
        assert noon.limit == 530


class TestWhoObeysWithoutCounting:
    POLICY = policy_of(
        {"caps": [cap_document(2, subject="total", window=LIFETIME) | {"scope": "all"}], "hold_out": 0}
    )

    def verdict(self, used, **fields):
        asked = campaign(**fields)
        (charge,) = charges(asked, self.POLICY.caps, standing())
        body = {"caps": [cap_document(2, subject="total", window=LIFETIME) | {"scope": "all"}], "hold_out": 0}
        decision = decide(question(policy=body, tallies={charge.key: used}), [asked])
        return decision.campaign, sum(
            one.amount for one in (decision.grants[0].charges if decision.grants else ())
        )

    def test_one_is_bound_and_adds_nothing(self):
        quiet = {"counts_towards_policy": False}
        assert self.verdict(1, **quiet) == ("coffee", 0)
        assert self.verdict(2, **quiet) == (None, 0)

    def test_who_counts_adds_and_who_need_not_obey_is_not_bound(self):
        assert self.verdict(1) == ("coffee", 1)
        assert self.verdict(2) == (None, 0)
        assert self.verdict(2, obeys_policy=False) == ("coffee", 1)

    def test_who_does_neither_asks_for_nothing(self):
        free = campaign(counts_towards_policy=False, obeys_policy=False)
        assert charges(free, self.POLICY.caps, standing()) == ()
