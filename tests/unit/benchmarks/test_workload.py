"""The benchmark's yardstick must be right itself: what it expects of a ping follows from the walk alone."""

from collections import Counter
from itertools import pairwise

from shapely import Point, Polygon

from benchmarks import workload
from benchmarks.workload import Mix

PEOPLE = range(400, 500)


def walks(moving=0.2):
    return {person: workload.walk(person, seed=1, mix=Mix(moving)) for person in PEOPLE}


def test_every_ping_lies_well_inside_the_zone_that_it_is_expected_in():
    shapes = {zone: Polygon(workload.zone_ring(zone)) for zone in range(workload.ZONES)}
    three_times_accuracy_deg = 3 / workload.M_PER_DEGREE_LATITUDE
    for pings in walks().values():
        for ping in pings:
            point = Point(ping.longitude, ping.latitude)
            assert shapes[ping.zone].contains(point)
            assert shapes[ping.zone].exterior.distance(point) > three_times_accuracy_deg


def test_a_ping_enters_exactly_when_the_zone_changes():
    for pings in walks().values():
        zones = [None, *(ping.zone for ping in pings)]
        assert [ping.enters for ping in pings] == [a != b for a, b in pairwise(zones)]


def test_nobody_comes_back_to_a_zone_or_leaves_the_row():
    for pings in walks(moving=1.0).values():
        entered = [ping.zone for ping in pings if ping.enters]
        assert len(set(entered)) == len(entered) == workload.STEPS + 1
        assert len({zone // workload.COLUMNS for zone in entered}) == 1


def test_only_gold_customers_are_due_offers_and_only_up_to_the_cap():
    for person, pings in walks(moving=1.0).items():
        offers = sum(ping.offers for ping in pings)
        assert offers == (workload.OFFERS_PER_CUSTOMER_AND_DAY if workload.tier_of(person) == "gold" else 0)


def test_in_the_worst_case_every_ping_decides_and_the_contact_policy_refuses_the_last():
    for person in PEOPLE:
        pings = workload.walk(person, seed=1, mix=workload.WORST)
        assert all(ping.enters for ping in pings)
        allowed = workload.WORST.offers_per_day
        assert [ping.offers for ping in pings] == [step < allowed for step in range(workload.STEPS + 1)]
        assert not pings[-1].offers


def test_the_mix_is_eighty_fifteen_five():
    steps = [ping for pings in walks().values() for ping in pings if ping.step > 0]
    moving = sum(ping.enters for ping in steps) / len(steps)
    offering = sum(ping.offers for ping in steps) / len(steps)
    assert 0.17 < moving < 0.23
    assert 0.03 < offering < 0.06


def test_the_same_seed_walks_the_same_way_in_any_party():
    alone = workload.walk(407, seed=1, mix=Mix())
    together = workload.party(range(400, 420), seed=1, mix=Mix())
    assert [ping for ping in together if ping.person == 407] == alone
    assert workload.walk(407, seed=2, mix=Mix()) != alone


def test_each_zone_has_three_campaigns_and_the_winner_is_the_one_of_highest_priority():
    by_zone: dict[int, list[workload.CampaignPlan]] = {}
    for plan in workload.campaigns():
        by_zone.setdefault(plan.zone, []).append(plan)
    assert Counter(len(plans) for plans in by_zone.values()) == {3: workload.ZONES}
    for zone, plans in by_zone.items():
        assert max(plans, key=lambda plan: plan.priority).name == workload.winner(zone)
