"""What the engine makes of causes, beyond what the scenarios tell: names, memory, and what each pass may read."""

from datetime import timedelta

import pytest

from beacon_service.campaigns.ledger import Tally
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.shared import Shared
from beacon_service.engine import choose, follow, step
from beacon_service.visits.model import Presence, Visit
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    policy_document,
    square,
    trigger_document,
    zone_document,
)
from tests.factories.moments import NOW, grant
from tests.factories.steps import ANNA, OUTSIDE, PHONE, WATCH, Story, at, catalogue, ping, tick, world

SEAT = campaign_document("seat", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=30))
BYE = campaign_document("bye", trigger=trigger_document("shop/cafe", move="exited"))
COFFEE = campaign_document("coffee")


def cafe(*campaigns, **fields):
    return catalogue(zones=[zone_document("cafe", exit_hold_s=0, **fields)], campaigns=campaigns)


class TestNames:
    def test_a_timers_moment_is_the_same_whether_a_ping_or_a_tick_fires_it(self):
        by_tick = Story(cafe(SEAT)).then(ping(0)).then(tick(31, seed=5))
        by_ping = Story(cafe(SEAT)).then(ping(0)).then(ping(40, seed=6))
        (one,), (other,) = by_tick.decisions, by_ping.decisions
        assert one.moment.key == other.moment.key
        assert (one.moment.at, one.moment.channel) == (at(30), "inbox")
        assert (other.moment.at, other.moment.channel) == (at(30), "response")

    def test_a_late_tick_names_the_moment_as_a_punctual_one(self):
        punctual = Story(cafe(SEAT)).then(ping(0)).then(tick(30))
        late = Story(cafe(SEAT)).then(ping(0)).then(tick(100))
        assert punctual.decisions[0].moment.key == late.decisions[0].moment.key

    def test_moments_of_other_phones_pings_zones_and_moves_have_other_names(self):
        story = (
            Story(cafe(COFFEE, BYE))
            .then(ping(0))
            .then(ping(10, OUTSIDE))
            .then(ping(700))
            .then(ping(710, OUTSIDE))
        )
        other = Story(cafe(COFFEE, BYE)).then(ping(0, phone=WATCH)).then(ping(10, OUTSIDE, phone=WATCH))
        keys = [one.moment.key for one in (*story.decisions, *other.decisions)]
        assert len(keys) == 6
        assert len(set(keys)) == 6

    def test_the_same_step_twice_gives_the_same_ids(self):
        one, again = (Story(cafe(COFFEE)).then(ping(0)) for _ in range(2))
        assert [event.id for event in one.events] == [event.id for event in again.events]
        assert [decision.id for decision in one.decisions] == [decision.id for decision in again.decisions]

    def test_another_seed_gives_other_ids_and_the_same_moment(self):
        one, other = (Story(cafe(COFFEE)).then(ping(0, seed=seed)) for seed in (1, 2))
        assert one.decisions[0].id != other.decisions[0].id
        assert one.decisions[0].moment.key == other.decisions[0].moment.key


class TestFirstPass:
    def test_never_reads_what_was_decided_remembered_or_consented_to(self):
        causes = [ping(0), ping(5, phone=WATCH), tick(40), ping(50, OUTSIDE), ping(700)]
        plain = follow(cafe(SEAT), world(), causes, at(700))
        memory = Memory(visits={"shop/cafe": Visit(9, at(-9), open=3)}, arms={"seat": "held_out"})
        told = world(memory=memory, ledger=[grant("seat")] * 5, marketing=False)
        assert follow(cafe(SEAT), told, causes, at(700)) == plain

    def test_each_installation_is_followed_as_if_it_were_alone(self):
        of_phone, of_watch = [ping(0), ping(50, OUTSIDE)], [ping(5, phone=WATCH), ping(45, phone=WATCH)]
        mixed = [of_phone[0], *of_watch, of_phone[1]]
        together, presences = follow(cafe(SEAT), world(), mixed, at(50))
        phone, phones = follow(cafe(SEAT), world(), of_phone, at(50))
        watch, watches = follow(cafe(SEAT), world(), of_watch, at(50))
        assert together == (phone[0], *watch, phone[1])
        assert presences == {**phones, **watches}

    @pytest.mark.parametrize("about", [{"location": False}, {"presences": {PHONE: Presence(last_at=at(1))}}])
    def test_a_ping_that_is_not_accepted_changes_no_presence(self, about):
        (one,), presences = follow(cafe(), world(**about), [ping(0)], NOW)
        assert one.status in {"rejected", "late"}
        assert (one.moves, presences) == ((), {})

    def test_presence_keeps_the_lag_and_the_ping_that_timers_will_rest_on(self):
        _, presences = follow(cafe(), world(), [ping(0, id_="x")], at(3))
        assert presences[PHONE].lag == timedelta(seconds=3)
        assert presences[PHONE].ping == ("2026-06-03", "x")

    def test_a_tick_that_finds_nothing_due_changes_nothing(self):
        story = Story(cafe(SEAT)).then(ping(0))
        (one,), presences = follow(story.catalogue, story.world, [tick(29)], at(29))
        assert (one.moves, presences) == ((), {})


class TestMemory:
    def test_a_sensitive_stay_leaves_no_visit_behind(self):
        story = Story(cafe(sensitive=True)).then(ping(0)).then(ping(10, OUTSIDE))
        assert story.moves == []
        assert "shop/cafe" not in story.memory.visits
        assert [len(one.moves) for one in story.followed] == [1, 1]

    def test_an_ordinary_stay_leaves_its_visit_and_the_sites(self):
        story = Story(cafe()).then(ping(0)).then(ping(10, OUTSIDE))
        gone = Visit(number=1, started_at=at(0), left_at=at(10))
        assert story.memory.visits == {"shop/cafe": gone, "shop": gone}

    def test_of_a_zone_that_was_deleted_nobody_is_told_any_more(self):
        story = Story(cafe(COFFEE, BYE)).then(ping(0))
        emptied = catalogue(version=2, campaigns=[COFFEE, BYE])
        story.then(ping(10), catalogue=emptied).then(tick(1000))
        assert story.moves == ["entered cafe"]
        assert set(story.memory.visits) == {"shop"}
        assert len(story.decisions) == 1

    def test_a_phone_in_a_sensitive_zone_silences_the_customers_others(self):
        zones = [
            zone_document("cafe"),
            zone_document("clinic", geometry=square(4, 0), sensitive=True, exit_hold_s=0),
        ]
        story = Story(catalogue(zones=zones, campaigns=[COFFEE]))
        story.then(ping(0, (4.5, 0.5))).then(ping(10, phone=WATCH))
        assert (story.moves, story.decisions) == (["entered cafe"], [])

    def test_the_arm_of_a_hold_out_is_kept_with_the_customer(self):
        story = Story(cafe(campaign_document("coffee", hold_out=1.0), campaign_document("tea", hold_out=0.0)))
        story.then(ping(0))
        assert story.memory.arms == {"coffee": "held_out"}
        story.then(ping(10, OUTSIDE)).then(ping(700), catalogue=cafe(COFFEE))
        assert story.decisions[-1].reasons == {"coffee": "held_out"}

    def test_visits_are_remembered_where_nothing_was_decided_too(self):
        story = Story(cafe(), marketing=False).then(ping(0))
        assert story.memory.visits["shop/cafe"].open == 1


class TestWithinOneStep:
    def test_what_an_earlier_ping_was_granted_counts_for_the_next(self):
        zones = [zone_document("cafe", exit_hold_s=0), zone_document("bar", geometry=square(4, 0))]
        once = campaign_document(
            "once", trigger=trigger_document("shop/cafe", "shop/bar"), caps=[cap_document(1)]
        )
        story = Story(catalogue(zones=zones, campaigns=[once])).then(ping(0), ping(10, (4.5, 0.5)))
        assert [(one.campaign, one.reasons) for one in story.decisions] == [
            ("once", {}),
            (None, {"once": "cap"}),
        ]

    def test_the_contact_policy_counts_it_as_well(self):
        zones = [zone_document("cafe", exit_hold_s=0), zone_document("bar", geometry=square(4, 0))]
        campaigns = [COFFEE, campaign_document("beer", trigger=trigger_document("shop/bar"))]
        policy = policy_document(cap_document(1))
        story = Story(catalogue(zones=zones, campaigns=campaigns, policy=policy))
        story.then(ping(0), ping(10, (4.5, 0.5)))
        assert [one.reasons for one in story.decisions] == [{}, {"beer": "policy"}]

    def test_each_ping_may_bring_an_offer_of_its_own(self):
        zones = [zone_document("cafe", exit_hold_s=0), zone_document("bar", geometry=square(4, 0))]
        campaigns = [COFFEE, campaign_document("beer", trigger=trigger_document("shop/bar"))]
        story = Story(catalogue(zones=zones, campaigns=campaigns)).then(ping(0), ping(10, (4.5, 0.5)))
        assert [one.campaign for one in story.decisions] == ["coffee", "beer"]

    def test_both_passes_at_once_give_what_they_give_apart(self):
        capped = cafe(campaign_document("coffee", budget={"total": 1}), BYE)
        causes, tallies = [ping(0), ping(10, OUTSIDE)], {"budget:coffee:total": Tally(0)}
        whole = step(capped, world(), causes, at(10), tallies)
        followed, presences = follow(capped, world(), causes, at(10))
        told, memories = choose(capped, world(), followed, at(10), Shared(tallies))
        assert (whole.followed, whole.presences) == (followed, presences)
        assert (whole.told, whole.memories) == (told, memories)
        assert list(whole.shared.claimed) == ["budget:coffee:total"]

    def test_deciding_again_with_nothing_left_changes_the_decision_and_nothing_else(self):
        """A shared count that falls short is asked for in a second round; presence and visits stand."""
        capped = cafe(campaign_document("coffee", budget={"total": 1}))
        followed, _ = follow(capped, world(), [ping(0)], NOW)
        hopeful, memories = choose(capped, world(), followed, NOW, Shared({}))
        final, again = choose(capped, world(), followed, NOW, Shared({"budget:coffee:total": Tally(1)}))
        assert (hopeful[0].decisions[0].campaign, final[0].decisions[0].campaign) == ("coffee", None)
        assert (final[0].events, again) == (hopeful[0].events, memories)

    def test_who_the_moment_is_of_is_told_with_it(self):
        (decision,) = Story(cafe(COFFEE)).then(ping(0)).decisions
        moment = decision.moment
        assert (moment.customer_key, moment.installation_key) == (ANNA, PHONE)
        assert (moment.site, moment.zone, moment.move, moment.visit) == ("shop", "cafe", "entered", 1)


class TestCatalogue:
    def test_a_stay_arms_the_thresholds_of_its_zone_and_of_published_campaigns(self):
        draft = SEAT | {"status": "draft"}
        assert cafe(SEAT, dwell_s=[60]).dwells == {"shop/cafe": (30, 60)}
        assert cafe(draft, dwell_s=[60]).dwells == {"shop/cafe": (60,)}
        assert cafe().dwells == {}

    def test_the_ledger_is_read_as_far_back_as_any_cap_looks(self):
        daily = campaign_document("daily", caps=[cap_document(1)])
        assert cafe(daily).ledger_since(NOW) <= NOW - timedelta(days=1)
        ever = campaign_document("ever", caps=[cap_document(1, window={"kind": "lifetime"})])
        assert cafe(daily, ever).ledger_since(NOW).year == 1970
        assert cafe().ledger_since(NOW) == NOW
