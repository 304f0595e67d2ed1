"""A chain of shops is the benchmark's town over and over, and nobody is asked for twice."""

import itertools
from collections import Counter

import pytest
from shapely import Point
from shapely.geometry import shape

from benchmarks import workload
from benchmarks.growth import chain
from benchmarks.soak.phones import Phones, people_for, soaker
from benchmarks.workload import Mix

SHOPS = 25


def test_everybody_walks_well_inside_the_zones_of_one_shop():
    for person in range(20):
        shop = chain.shop_of(person, SHOPS, seed=1)
        for ping in chain.walk(person, SHOPS, seed=1, mix=Mix()):
            zone = shape(chain.polygon(shop, ping.zone))
            assert zone.contains(Point(ping.longitude, ping.latitude))


def test_shops_do_not_touch():
    corners = [
        shape(chain.polygon(shop, cell)) for shop in range(SHOPS) for cell in (0, chain.SHOP_ZONES - 1)
    ]
    boxes = [first.union(last).envelope for first, last in zip(corners[::2], corners[1::2], strict=True)]
    assert all(not one.intersects(other) for number, one in enumerate(boxes) for other in boxes[:number])


def test_people_are_spread_over_all_shops():
    assert len({chain.shop_of(person, SHOPS, seed=1) for person in range(200)}) == SHOPS


@pytest.mark.parametrize("customers", [2_000, 50_000])
def test_slots_share_nobody_and_every_fourth_is_gold(customers):
    people = [
        chain.walker(place, slot, customers)
        for slot in range(chain.SLOTS)
        for place in range(chain.walkers(slot, customers))
    ]
    assert len(set(people)) == len(people)
    assert max(people) < customers
    assert sum(workload.tier_of(person) == "gold" for person in people) == len(people) / 4


def test_neighbours_in_a_slot_are_far_apart_in_the_tables():
    blocks = [chain.walker(place, 0, 1_000_000) // 4 for place in range(0, 400, 4)]
    assert min(abs(a - b) for a, b in itertools.pairwise(blocks)) > 50_000


@pytest.mark.parametrize("count", [1, 2, 2_500, 12_500, 25_000])
def test_a_stride_comes_by_every_place(count):
    step = chain.stride(count)
    assert len({place * step % count for place in range(count)}) == count


def test_a_soak_has_people_enough_and_leaves_those_for_measuring_alone():
    customers = people_for(100, 60 * 60)
    walked = [soaker(place, customers) for place in range(500 + 100 * 60 * 60 // 21)]
    assert len(set(walked)) == len(walked)
    assert max(walked) < customers
    measured = {chain.walker(place, 0, customers) for place in range(chain.walkers(0, customers))}
    assert measured.isdisjoint(walked)


def test_phones_go_on_for_ever_each_ping_of_a_walk_in_its_order():
    phones = Phones(3, 50_000, 1)
    sent = [phones.next_ping(number % 3) for number in range(300)]
    steps: dict[int, list[int]] = {}
    for ping in sent:
        steps.setdefault(ping.person, []).append(ping.step)
    assert all(walked == list(range(len(walked))) for walked in steps.values())
    assert max(Counter((ping.person, ping.step) for ping in sent).values()) == 1


def test_phones_of_the_beginning_do_not_all_end_at_once():
    phones = Phones(100, 50_000, 1)
    firsts = [person for person in (phones.next_ping(n % 100).person for n in range(2_100)) if person]
    ended_after = {
        number // 100 for number, person in enumerate(firsts) if number >= 100 and person not in firsts[:100]
    }
    assert len(ended_after) > 15
