"""Among equals: what is likelier taken up, nearer to the customer, or worth more; drawn so that a replay draws the same."""

from collections import Counter

import pytest

from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.model import Learning, Tries
from beacon_service.campaigns.score import affinities, context, propensity, slice_of
from beacon_service.ids import derived_uuid
from beacon_service.visits.model import Visit
from tests.factories.catalogue import offer_document, places, square, zone_document
from tests.factories.moments import NOW, campaign, chosen, question

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
        assert context(campaign(tags=["toys", "wine"]), {"wine": 0.75, "toys": 0.25}) == 1.75
        assert context(campaign(), {"wine": 0.75}) == 1.0
