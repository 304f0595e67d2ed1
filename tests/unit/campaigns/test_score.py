"""Among equals: what is likelier taken up, nearer to the customer, or worth more; drawn so that a replay draws the same."""

from collections import Counter
from datetime import timedelta

import pytest
from shapely import Point

from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.model import Learning, Tries
from beacon_service.campaigns.score import affinities, affinity, distance, dwell, propensity, slice_of, stays
from beacon_service.ids import derived_uuid
from beacon_service.visits.model import Visit
from beacon_service.zones.tagged import Spot
from tests.factories.catalogue import offer_document, place, places, square, zone_document
from tests.factories.moments import NOW, campaign, chosen, moment, question

LEARNS = {"goal": "clicked"}
TWO = [offer_document("cup"), offer_document("cake")]


def asked(number=0, **fields):
    return question(key=derived_uuid("moment", number), seed=number, **fields)


def shown(**offers):
    """{"cup": (100, 10)}: shown so often to everybody, taken up so often."""
    return {"coffee": {offer: {"*": Tries(*tries)} for offer, tries in offers.items()}}


def test_without_anything_said_priority_and_id_decide():
    decision = decide(question(), [campaign("a"), campaign("b")])
    assert (decision.campaign, decision.scores) == ("a", {})


@pytest.mark.parametrize("field", ["value", "lever"])
def test_of_one_priority_the_higher_value_or_lever_wins(field):
    more = campaign("b", **{field: 2.0})
    decision = decide(question(), [campaign("a"), more])
    assert (decision.campaign, decision.scores) == ("b", {"a": 1.0, "b": 2.0})
    assert chosen(question(), campaign("a", priority=1), more)[0] == "a"


class TestLearning:
    def test_the_better_offer_is_shown_more_and_more_and_the_other_tried_now_and_then(self):
        learning = campaign(offers=TWO, learn=LEARNS)

        def split(**tries):
            won = Counter(decide(asked(n, learned=shown(**tries)), [learning]).offer.id for n in range(400))
            return won["cup"] / 400

        assert 0.4 < split() < 0.6
        assert 0.75 < split(cup=(20, 6), cake=(20, 3)) < 0.97
        assert split(cup=(2000, 600), cake=(2000, 300)) == 1.0

    def test_the_same_moment_draws_the_same(self):
        learning = campaign(offers=TWO, learn=LEARNS)
        first = [decide(asked(n), [learning]) for n in range(50)]
        again = [decide(asked(n), [learning]) for n in range(50)]
        assert [one.offer.id for one in first] == [one.offer.id for one in again]
        assert [one.scores for one in first] == [one.scores for one in again]
        assert len({one.offer.id for one in first}) == 2

    def test_a_draw_lies_where_the_tries_leave_room(self):
        draws = sorted(propensity(Tries(100, 10), n) for n in range(1000))
        assert 0.055 < draws[50] < 0.075
        assert 0.15 < draws[950] < 0.17

    def test_each_slice_of_the_audience_learns_for_itself(self):
        learning = campaign(offers=TWO, learn=LEARNS | {"by": "tier"})
        learned = {"coffee": {"cup": {"gold": Tries(900, 300)}, "cake": {"gold": Tries(900, 3)}}}
        gold = {
            decide(asked(n, learned=learned, attributes={"tier": "gold"}), [learning]).offer.id
            for n in range(50)
        }
        silver = {
            decide(asked(n, learned=learned, attributes={"tier": "silver"}), [learning]).offer.id
            for n in range(50)
        }
        assert (gold, silver) == ({"cup"}, {"cup", "cake"})

    def test_the_grant_says_which_slice_it_was(self):
        learning = campaign(offers=TWO, learn=LEARNS | {"by": "tier"})
        (granted,) = decide(question(attributes={"tier": "gold"}), [learning]).grants
        assert granted.slice == "gold"
        assert decide(question(), [campaign()]).grants[0].slice is None

    @pytest.mark.parametrize(
        ("attributes", "slice_"),
        [
            ({"tier": "gold"}, "gold"),
            ({"tier": True}, "True"),
            ({"tier": ["gold"]}, "*"),
            ({"tier": 1.5}, "*"),
            ({}, "*"),
        ],
    )
    def test_who_has_no_plain_value_is_learned_with_everybody_else(self, attributes, slice_):
        assert slice_of(Learning("clicked", "tier"), attributes) == slice_

    def test_what_is_less_likely_taken_up_must_be_worth_more(self):
        learned = {"a": {"coffee": {"*": Tries(1000, 100)}}, "b": {"coffee": {"*": Tries(1000, 300)}}}
        a, b = campaign("a", learn=LEARNS), campaign("b", learn=LEARNS)
        assert chosen(asked(learned=learned), a, b)[0] == "b"
        dear = campaign("a", learn=LEARNS, value=5.0)
        assert chosen(asked(learned=learned), dear, b)[0] == "a"


WORLD = places(
    zones=[
        zone_document("wine", tags=["wine"]),
        zone_document("toys", tags=["toys"], geometry=square(5, 5)),
        zone_document("clinic", tags=["wine"], sensitive=True, geometry=square(9, 9)),
    ]
)
VISITS = {
    "shop/wine": Visit(number=3, started_at=NOW),
    "shop/toys": Visit(number=1, started_at=NOW),
    "shop": Visit(number=4, started_at=NOW),
    "shop/clinic": Visit(number=50, started_at=NOW),
    "shop/gone": Visit(number=9, started_at=NOW),
}


class TestAffinity:
    def test_it_is_the_part_of_visits_to_zones_of_a_tag_and_sensitive_ones_are_none(self):
        assert affinities(VISITS, WORLD.zones) == {"wine": 0.75, "toys": 0.25}
        assert affinities({}, WORLD.zones) == {}

    def test_of_equals_the_campaign_wins_whose_tags_the_customer_likes(self):
        about = {"visits": VISITS, "zones": WORLD.zones}
        toys, wine = campaign("a", tags=["toys"]), campaign("b", tags=["wine"])
        decision = decide(question(**about), [toys, wine])
        assert (decision.campaign, decision.scores) == ("b", {"a": 1.25, "b": 1.75})

    def test_the_most_liked_of_several_tags_counts(self):
        assert affinity(["toys", "wine"], {"wine": 0.75, "toys": 0.25}) == 1.75
        assert affinity([], {"wine": 0.75}) == 1.0


def ago(**about):
    return NOW - timedelta(**about)


class TestDwell:
    @pytest.mark.parametrize(
        ("seconds", "factor"), [(0, 1.0), (30, 1.2), (120, 1.5), (600, 1.83), (1e9, 2.0)]
    )
    def test_the_longer_the_more_and_never_twice_as_much(self, seconds, factor):
        assert dwell(seconds) == pytest.approx(factor, abs=0.005)

    def test_it_is_the_longest_stay_of_this_visit_in_a_zone_of_the_tag(self):
        visits = {
            "shop": Visit(number=4, started_at=ago(minutes=30)),
            "shop/wine": Visit(number=3, started_at=ago(minutes=20), left_at=ago(minutes=15)),
            "shop/toys": Visit(number=1, started_at=ago(minutes=2), open=1),
            "shop/clinic": Visit(number=1, started_at=ago(minutes=29), open=1),
            "shop/gone": Visit(number=1, started_at=ago(minutes=29), open=1),
        }
        at_the_till = moment(visit_started_at=ago(minutes=30))
        assert stays(at_the_till, visits, WORLD.zones, NOW) == {"wine": 300.0, "toys": 120.0}
        came_later = moment(visit_started_at=ago(minutes=10))
        assert stays(came_later, visits, WORLD.zones, NOW) == {"toys": 120.0}
        assert stays(moment(site="mall"), visits, WORLD.zones, NOW) == {}

    def test_of_what_waited_it_is_how_long_it_is_now(self):
        visits = {"shop/toys": Visit(number=1, started_at=ago(minutes=2), open=1)}
        about = {"visits": visits, "zones": WORLD.zones, "now": NOW + timedelta(minutes=8)}
        toys = campaign(tags=["toys"], context=["dwell"])
        assert question(**about).context(toys) == {"dwell": 1.5}
        waited = question(**about, good_until=NOW + timedelta(hours=1))
        assert waited.context(toys) == {"dwell": pytest.approx(1.0 + 600 / 720)}


class TestDistance:
    @pytest.mark.parametrize(
        ("metres", "factor"), [(0, 2.0), (5, 1.8), (20, 1.5), (100, 1.17), (1e9, 1.0), (None, 1.0)]
    )
    def test_the_nearer_the_more_and_nothing_where_there_is_none(self, metres, factor):
        assert distance(metres) == pytest.approx(factor, abs=0.005)

    def test_the_nearest_of_the_tags_counts(self):
        spot = Spot(Point(*place(0.5, 0.5)), None)
        both = campaign(tags=["toys", "wine"], context=["distance"])
        assert question(tagged=WORLD.tagged, spot=spot).context(both) == {"distance": 2.0}

    def test_who_is_nowhere_is_near_to_nothing(self):
        wine = campaign(tags=["wine"], context=["distance"])
        assert question(tagged=WORLD.tagged).context(wine) == {"distance": 1.0}


class TestContext:
    about = {  # noqa: RUF012 - a test's own
        "visits": {"shop/wine": Visit(number=1, started_at=ago(minutes=2), open=1)},
        "zones": WORLD.zones,
        "tagged": WORLD.tagged,
        "spot": Spot(Point(*place(0.5, 0.5)), None),
    }

    def test_who_says_nothing_of_it_is_weighed_by_affinity_alone_and_told_as_before(self):
        decision = decide(question(**self.about), [campaign("a"), campaign("b", tags=["wine"])])
        assert (decision.campaign, decision.scores) == ("b", {"a": 1.0, "b": 2.0})

    def test_its_aspects_multiply_and_each_is_told(self):
        all_of_it = campaign("b", tags=["wine"], context=["affinity", "dwell", "distance"])
        decision = decide(question(**self.about), [campaign("a", value=5.0), all_of_it])
        assert decision.campaign == "b"
        assert decision.scores == {
            "a": 5.0,
            "b": 6.0,
            "b/affinity": 2.0,
            "b/dwell": 1.5,
            "b/distance": 2.0,
        }

    def test_a_campaign_may_ask_for_none(self):
        assert question(**self.about).score(campaign(tags=["wine"], context=[])) == 1.0
