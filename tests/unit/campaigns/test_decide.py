"""One decision for a moment: who wins, who is held out, why the others lost, and what is claimed and granted."""

from datetime import timedelta

import pytest

from beacon_service.campaigns.building import campaign_of
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.decision import Reason
from beacon_service.ids import derived_uuid, draw
from tests.factories.catalogue import campaign_document, cap_document, offer_document, policy_document
from tests.factories.moments import NOW, campaign, chosen, grant, question, shared

LIFETIME = {"kind": "lifetime"}
CUSTOMERS = range(2000)


def total(limit):
    return cap_document(limit, subject="total", window=LIFETIME)


class TestRanking:
    def test_the_highest_priority_wins_and_the_others_are_outranked(self):
        winner, lost = chosen(question(), campaign("a"), campaign("b", priority=2), campaign("c", priority=1))
        assert winner == "b"
        assert lost == {"a": "outranked", "c": "outranked"}

    def test_ties_go_to_the_smaller_id_whatever_the_order(self):
        a, b = campaign("a"), campaign("b")
        assert decide(question(), [a, b]).campaign == decide(question(), [b, a]).campaign == "a"

    def test_a_negative_priority_is_below_none(self):
        assert chosen(question(), campaign("a", priority=-1), campaign("b"))[0] == "b"

    def test_a_rule_beats_any_priority(self):
        winner, lost = chosen(question(), campaign("a", priority=9, status="paused"), campaign("b"))
        assert winner == "b"
        assert lost == {"a": "not_live"}

    def test_nobody_wins_where_every_rule_says_no(self):
        decision = decide(question(marketing=False), [campaign("a"), campaign("b")])
        assert (decision.campaign, decision.offer, decision.expires_at, decision.revision) == (None,) * 4
        assert decision.reasons == {"a": "no_consent", "b": "no_consent"}
        assert decision.grants == ()


class TestTheOffer:
    def test_it_carries_the_revision_and_expires_as_long_from_now_as_it_says(self):
        asked = campaign("a", revision=4, offers=[offer_document("cup", expires_after_s=90)])
        decision = decide(question(), [asked])
        assert (decision.campaign, decision.revision, decision.offer.id) == ("a", 4, "cup")
        assert decision.expires_at == NOW + timedelta(seconds=90)

    def test_it_is_one_grant_that_stays_open_until_it_expires(self):
        (granted,) = decide(question(), [campaign("a", counts_towards_policy=False), campaign("b")]).grants
        assert (granted.campaign, granted.arm, granted.offer_id) == ("a", "offered", "coffee")
        assert (granted.policy, granted.closes_at) == (False, NOW + timedelta(hours=1))

    def test_the_decisions_id_follows_from_moment_seed_and_now(self):
        asked = question(key=derived_uuid("one"))
        assert decide(asked, []).id == decide(question(key=derived_uuid("one")), [campaign()]).id
        others = [question(key=derived_uuid("two")), question(key=derived_uuid("one"), seed=2)]
        assert len({decide(one, []).id for one in (asked, *others)}) == 3

    def test_caps_are_told_as_they_were_counted(self):
        asked = campaign("a", caps=[cap_document(3), total(9)], budget={"total": 7})
        keys = {"cap:a:campaign.total.decided.lifetime.1.day.site:all:": 4, "budget:a:total": 6}
        decision = decide(question(grant("a"), tallies=keys), [asked])
        assert decision.counts == (
            ("a", "a:campaign.customer.decided.rolling.1.day.site", 1, 3),
            ("a", "cap:a:campaign.total.decided.lifetime.1.day.site:all:", 4, 9),
            ("a", "budget:a:total", 6, 7),
        )

    def test_a_cap_of_none_at_all_binds_who_never_had_anything(self):
        asked = campaign("a", caps=[cap_document(3, window=LIFETIME), cap_document(0)])
        decision = decide(question(), [asked])
        assert decision.reasons == {"a": "cap"}
        assert [(used, limit) for _, _, used, limit in decision.counts] == [(0, 3), (0, 0)]


class TestHoldOut:
    def test_who_is_held_out_of_the_winner_is_asked_for_the_next(self):
        winner, lost = chosen(
            question(), campaign("a", priority=1, hold_out=1.0), campaign("b"), campaign("c")
        )
        assert winner == "b"
        assert lost == {"a": "held_out", "c": "outranked"}

    def test_held_out_of_all_of_them_nothing_is_offered(self):
        winner, lost = chosen(question(), campaign("a", hold_out=1.0), campaign("b", hold_out=1.0))
        assert winner is None
        assert lost == {"a": "held_out", "b": "held_out"}

    def test_only_the_campaigns_that_would_have_won_are_drawn_for(self):
        decision = decide(question(), [campaign("a"), campaign("b", hold_out=1.0)])
        assert (decision.campaign, decision.draws) == ("a", {})
        assert decision.reasons == {"b": "outranked"}

    def test_a_held_out_grant_is_closed_at_once_and_charges_nothing_shared(self):
        asked = question(policy=policy_document(total(5)))
        held_out = campaign("a", hold_out=1.0, caps=[total(5)], budget={"total": 5})
        (granted,) = decide(asked, [held_out]).grants
        assert (granted.arm, granted.offer_id, granted.policy) == ("held_out", None, False)
        assert (granted.closes_at, granted.charges) == (NOW, ())
        assert asked.shared.claimed == {}

    def test_the_winner_after_a_hold_out_leaves_two_grants_at_one_moment(self):
        decision = decide(question(), [campaign("a", hold_out=1.0), campaign("b")])
        assert [(one.campaign, one.arm) for one in decision.grants] == [("a", "held_out"), ("b", "offered")]

    def test_an_arm_once_given_stands_whatever_the_share_is_now(self):
        out, never = campaign("a", hold_out=1.0), campaign("a", hold_out=0.0)
        decision = decide(question(arms={"a": "offered"}), [out])
        assert (decision.campaign, decision.draws) == ("a", {})
        decision = decide(question(arms={"a": "held_out"}), [never])
        assert (decision.campaign, decision.reasons) == (None, {"a": "held_out"})

    def test_the_draw_is_told_with_the_share_that_it_was_held_against(self):
        decision = decide(question(customer_key=7), [campaign("a", hold_out=0.25)])
        assert decision.draws == {"a": (draw("hold_out", "a", 7), 0.25)}

    @pytest.mark.parametrize("share", [0.1, 0.5])
    def test_about_so_many_customers_are_held_out_and_each_for_good(self, share):
        asked = campaign("a", hold_out=share)
        arms = [decide(question(customer_key=key), [asked]).campaign for key in CUSTOMERS]
        again = [decide(question(customer_key=key, visit=9), [asked]).campaign for key in CUSTOMERS]
        assert arms == again
        # Four standard deviations of a fair draw.
        assert arms.count(None) == pytest.approx(share * 2000, abs=4 * (2000 * share * (1 - share)) ** 0.5)


class TestGlobalHoldOut:
    def test_it_ends_the_moment_for_every_campaign_that_might_have_won(self):
        asked = question(policy=policy_document(hold_out=1.0))
        decision = decide(asked, [campaign("a"), campaign("b"), campaign("c", status="ended")])
        assert decision.campaign is None
        assert decision.reasons == {"a": "global_hold_out", "b": "global_hold_out", "c": "not_live"}
        assert (decision.grants, decision.draws) == ((), {"*": (draw("global_hold_out", 7), 1.0)})

    def test_it_is_not_drawn_for_where_nobody_would_have_won(self):
        asked = question(marketing=False, policy=policy_document(hold_out=1.0))
        assert decide(asked, [campaign("a")]).draws == {}

    def test_a_campaigns_own_draw_is_another_one(self):
        asked = [question(customer_key=key, policy=policy_document(hold_out=0.5)) for key in CUSTOMERS]
        draws = [decide(one, [campaign("a", hold_out=0.5)]).draws for one in asked]
        both = [one for one in draws if len(one) == 2]
        held_out = sum(one["a"][0] < 0.5 for one in both)
        assert held_out == pytest.approx(len(both) / 2, abs=4 * (len(both) / 4) ** 0.5)


class TestSharedCounts:
    def test_the_winner_claims_all_that_its_offer_adds_to(self):
        asked = question(policy=policy_document(total(5)))
        decision = decide(
            asked, [campaign("a", caps=[total(5)], budget={"total": 5}), campaign("b", caps=[total(5)])]
        )
        assert [key.split(":")[:2] for key in asked.shared.claimed] == [
            ["cap", "a"],
            ["cap", "*policy"],
            ["budget", "a"],
        ]
        assert decision.grants[0].charges == tuple(asked.shared.claimed.values())

    def test_what_one_moment_claims_the_next_of_the_same_step_finds_used(self):
        between, last_cup = shared({"budget:a:total": 1}), campaign("a", priority=1, budget={"total": 2})
        first = decide(question(shared=between), [last_cup, campaign("b")])
        second = decide(question(shared=between), [last_cup, campaign("b")])
        assert (first.campaign, second.campaign) == ("a", "b")
        assert second.reasons == {"a": "budget"}
        assert ("a", "budget:a:total", 2, 2) in second.counts

    @pytest.mark.parametrize(
        ("fields", "tally", "reason"),
        [
            ({"caps": [total(1)]}, "cap:a:campaign.total.decided.lifetime.1.day.site:all:", Reason.CAP),
            ({"budget": {"total": 1}}, "budget:a:total", Reason.BUDGET),
            ({}, "cap:*policy:all.total.decided.lifetime.1.day.site:all:", Reason.POLICY),
        ],
    )
    def test_who_lost_for_a_shared_count_is_named_among_the_refusals(self, fields, tally, reason):
        asked = question(tallies={tally: 1}, policy=policy_document(total(1)))
        decision = decide(asked, [campaign("a", **fields)])
        assert (decision.reasons, decision.refusals) == ({"a": reason.value}, ("a",))

    def test_who_lost_for_a_cap_of_the_customers_own_is_not(self):
        decision = decide(question(grant("a")), [campaign("a", caps=[cap_document(1), total(9)])])
        assert (decision.reasons, decision.refusals) == ({"a": "cap"}, ())

    def test_a_campaign_that_need_not_obey_the_policy_counts_beyond_its_limit(self):
        tally = "cap:*policy:all.total.decided.lifetime.1.day.site:all:"
        asked = question(tallies={tally: 1}, policy=policy_document(total(1)))
        decision = decide(asked, [campaign("a", obeys_policy=False)])
        assert decision.campaign == "a"
        assert [(charge.key, charge.binding) for charge in decision.grants[0].charges] == [(tally, False)]


class TestTheChannel:
    def test_an_offer_goes_to_the_app_as_its_cause_allows(self):
        for allowed in ("response", "inbox"):
            assert decide(question(channel=allowed), [campaign()]).channel == allowed

    def test_a_campaign_by_webhook_or_push_goes_that_way_whatever_the_cause(self):
        for channel in ("webhook", "push"):
            assert decide(question(channel="inbox"), [campaign(channel=channel)]).channel == channel

    def test_what_was_saved_before_there_were_channels_goes_to_the_app(self):
        document = campaign_document()
        assert "channel" not in document
        assert campaign_of(document).channel == "app"

    def test_without_an_offer_there_is_no_channel(self):
        assert decide(question(), []).channel is None


class TestVariants:
    OFFERS = (offer_document("a"), offer_document("b", weight=3.0))

    def offer_of(self, customer, **fields):
        asked = campaign(offers=list(self.OFFERS), **fields)
        return decide(question(customer_key=customer), [asked]).offer.id

    def test_customers_are_split_by_weight_and_each_keeps_the_one_that_is_theirs(self):
        chosen_ = [self.offer_of(customer) for customer in CUSTOMERS]
        assert 0.70 < chosen_.count("b") / len(chosen_) < 0.80
        assert chosen_ == [self.offer_of(customer) for customer in CUSTOMERS]

    def test_another_campaign_splits_them_anew(self):
        def split(name):
            asked = campaign(name, offers=list(self.OFFERS))
            return [decide(question(customer_key=one), [asked]).offer.id for one in CUSTOMERS]

        same = sum(one == other for one, other in zip(split("x"), split("y"), strict=True))
        assert 0.55 < same / len(CUSTOMERS) < 0.70  # 0.75 * 0.75 + 0.25 * 0.25

    def test_the_grant_says_which(self):
        decision = decide(question(customer_key=1), [campaign(offers=list(self.OFFERS), tags=["food"])])
        (granted,) = decision.grants
        assert granted.offer_id == decision.offer.id
        assert (granted.tags, granted.channel) == (("food",), "response")


class TestFallbacks:
    def test_one_speaks_only_where_nobody_else_does(self):
        always = campaign("always", priority=100, fallback=True)
        assert chosen(question(), always, campaign("a"))[0] == "a"
        assert chosen(question(), always, campaign("a", status="paused"))[0] == "always"

    def test_held_out_of_all_others_one_gets_it(self):
        winner, lost = chosen(question(), campaign("z", fallback=True), campaign("a", hold_out=1.0))
        assert (winner, lost) == ("z", {"a": "held_out"})


class TestGroupsAndHoldOut:
    def test_whom_one_of_a_group_holds_out_the_others_leave_alone(self):
        a = campaign("a", priority=1, group="summer", hold_out=1.0)
        decision = decide(question(), [a, campaign("b", group="summer"), campaign("c", priority=-1)])
        assert (decision.campaign, decision.reasons) == ("c", {"a": "held_out", "b": "excluded"})
        nobody = decide(question(), [a, campaign("b", group="summer")])
        assert (nobody.campaign, nobody.reasons) == (None, {"a": "held_out", "b": "excluded"})
