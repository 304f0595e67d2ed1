"""Where zones share a floor one is in the likeliest: who is whose rival, who enters, and who is held until then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from beacon_service.visits.evidence import (
    AHEAD,
    INSIDE,
    LIKELIEST,
    SETTLES_S,
    TO_AND_FRO,
    UNCONTESTED,
    Contest,
    contest,
    evidence,
)
from beacon_service.visits.model import Stay
from tests.factories.catalogue import floor_document, places, square, zone_document
from tests.factories.presence import at, follow, seen, told

BAR = (3.0, 1.0)


def arcade(**bar):
    """Three shops side by side on one floor, each of 13.6 m by 22 m."""
    shops = [
        zone_document(name, floor="ground", geometry=square(2 * n, 0, columns=2, rows=2), **fields)
        for n, (name, fields) in enumerate((("cafe", {}), ("bar", bar), ("deli", {})))
    ]
    return places(floors=[floor_document()], zones=shops)


ARCADE = arcade()


def zone(name, world=ARCADE):
    return world.zones[f"shop/{name}"]


def by_map(accuracy_m=3.0, rested_s=0.0, **zones):
    located = seen(accuracy_m=accuracy_m, source="radio_map", floor="ground", **zones)
    return structs.replace(located, rested_s=rested_s)


def by_beacons(**zones):
    return seen(floor="ground", **zones)


def by_position(**zones):
    return seen(source="position", floor="ground", **zones)


def among(name, probability, *, held=(), world=ARCADE, **others):
    likely = [(zone(other, world), p) for other, p in ({name: probability} | others).items()]
    return contest(zone(name, world), probability, likely, {one.zone: one for one in map(stay_in, held)})


def stay_in(name, instead_of="", turns=0):
    return Stay(f"shop/{name}", "inside", at(0), at(0), instead_of=instead_of, turns=turns)


def inside(presence):
    return {stay.zone.removeprefix("shop/") for stay in presence.stays if stay.state == "inside"}


def test_rivals_are_the_other_zones_that_a_ping_names():
    assert among("cafe", 0.4, bar=0.3, deli=0.1) == Contest(0.3, 0.0, pytest.approx(0.2))
    found = among("cafe", 0.4, bar=0.3, deli=0.1, held=["deli"])
    assert (found.incumbent, found.instead_of) == (0.1, "shop/deli")
    assert among("cafe", 0.4) == Contest(0.0, 0.0, pytest.approx(0.6))


def test_one_is_not_ones_own_rival():
    assert among("cafe", 0.4, held=["cafe"]) == Contest(0.0, 0.0, pytest.approx(0.6), held=True)


@pytest.mark.parametrize(("other", "rival"), [(0.4, 0.4), (0.4009, 0.4009), (0.41, 0.0), (0.9, 0.0)])
def test_zones_whose_shares_add_up_to_more_than_one_overlap_and_are_no_rivals(other, rival):
    """Of two zones that exclude each other both cannot be likely; a thousandth is rounding."""
    found = among("cafe", 0.6, bar=other, held=["bar"])
    assert (found.rival, found.incumbent) == (rival, rival)


def test_zones_nested_otherwise_are_no_rivals():
    world = places(
        floors=[floor_document()],
        zones=[
            zone_document("hall", floor="ground", geometry=square(0, 0, columns=8, rows=4)),
            zone_document("cafe", floor="ground", geometry=square(0, 0, columns=2, rows=2)),
            zone_document("table", floor="ground", geometry=square(0, 0)),
        ],
    )
    found = among("cafe", 0.4, hall=0.5, table=0.5, held=["hall", "table"], world=world)
    assert found == Contest(0.0, 0.0, pytest.approx(0.6))


def test_what_is_left_over_is_nowhere_and_never_less_than_nothing():
    assert among("cafe", 0.3, bar=0.3, deli=0.3).nowhere == pytest.approx(0.1)
    assert among("cafe", 0.8, bar=0.8).nowhere == 0.0


@pytest.mark.parametrize("source", [by_map, by_beacons])
def test_the_likeliest_of_its_rivals_is_entered_and_no_other(source):
    ping = source(cafe=0.3, bar=0.4, deli=0.29)
    presence, moves = follow([(0, ping), (5, ping), (10, ping)], ARCADE)
    assert [move.zone for move in moves] == ["shop/bar"]
    assert inside(presence) == {"bar"}


def test_a_belief_enters_at_once_and_beacons_are_confirmed():
    """A belief has weighed all pings before it; what beacons say of one moment may be a stray level."""
    assert told(follow([(0, by_map(cafe=0.5, bar=0.3))], ARCADE)[1]) == ["cafe entered 0"]
    ping = by_beacons(cafe=0.5, bar=0.3)
    assert told(follow([(0, ping), (5, ping)], ARCADE)[1]) == ["cafe entered 5"]


@pytest.mark.parametrize(("cafe", "moves"), [(LIKELIEST, ["cafe entered 0"]), (LIKELIEST - 0.01, [])])
def test_the_likeliest_of_many_must_not_be_a_mere_guess(cafe, moves):
    ping = by_map(cafe=cafe, bar=0.19, deli=0.15, **{f"z{n}": 0.12 for n in range(4)})
    shops = [
        zone_document(name, floor="ground", geometry=square(2 * n, 0, columns=2, rows=2))
        for n, name in enumerate(("cafe", "bar", "deli", "z0", "z1", "z2", "z3"))
    ]
    assert told(follow([(0, ping)], places(floors=[floor_document()], zones=shops))[1]) == moves


@pytest.mark.parametrize(("cafe", "moves"), [(0.5, ["cafe entered 0"]), (0.49, [])])
def test_nowhere_is_a_rival_too(cafe, moves):
    assert told(follow([(0, by_map(cafe=cafe))], ARCADE)[1]) == moves


@pytest.mark.parametrize(("share", "moves"), [(INSIDE, ["cafe entered 5"]), (INSIDE - 0.01, [])])
def test_a_position_asks_for_more_in_than_out(share, moves):
    """It says nothing of walls, however unlikely each neighbour is."""
    ping = by_position(cafe=share, bar=0.3, deli=0.2)
    assert told(follow([(0, ping), (5, ping)], ARCADE)[1]) == moves


@pytest.mark.parametrize(("ahead", "entered"), [(AHEAD - 0.02, False), (AHEAD + 0.02, True)])
def test_another_zone_must_be_clearly_likelier_than_the_one_that_one_is_in(ahead, entered):
    pings = [(second, by_map(cafe=0.3, bar=round(0.3 * ahead, 4))) for second in range(1, 30)]
    presence, moves = follow([(0, by_map(cafe=0.95)), *pings], ARCADE)

    assert inside(presence) == ({"bar"} if entered else {"cafe"})
    assert [one for one in told(moves) if "bar" in one] == (["bar entered 1"] if entered else [])


@pytest.mark.parametrize(
    ("rested_s", "ahead", "moves"),
    [
        (0.0, 2 * AHEAD - 0.1, 1),
        (SETTLES_S, 2 * AHEAD - 0.1, 0),
        (SETTLES_S, 2 * AHEAD + 0.1, 1),
        (600.0, 5.0, 0),
        # A zone that is as good as impossible is not held on to for an hour's rest.
        (3600.0, 20.0, 1),
    ],
)
def test_the_longer_a_phone_rests_the_more_it_takes_to_move_it_next_door(rested_s, ahead, moves):
    cafe = min(0.16, round(0.88 / ahead, 4))
    ping = by_map(cafe=cafe, bar=round(cafe * ahead, 4), rested_s=rested_s)
    _, told_of = follow([(0, by_map(cafe=0.95)), (20, ping)], ARCADE)
    assert told(told_of) == ["cafe entered 0", *["bar entered 20"] * moves]


@pytest.mark.parametrize("source", [by_map, by_beacons])
def test_who_is_held_though_another_zone_is_a_little_likelier_is_there_for_hours(source):
    """It is no doubt that would run out after seven minutes: that zone was not overtaken."""
    pings = [(0, source(cafe=0.95)), *((5 * n, source(cafe=0.4, bar=0.55)) for n in range(1, 2000))]
    _, moves = follow(pings, ARCADE)
    assert [one.split(" ")[:2] for one in told(moves)] == [["cafe", "entered"]]


def test_the_first_entry_need_not_be_ahead_of_anything():
    assert told(follow([(0, by_map(cafe=0.41, bar=0.4))], ARCADE)[1]) == ["cafe entered 0"]


def test_who_is_at_the_border_stays_where_he_was_first():
    swaying = [(n, by_map(cafe=(0.4, 0.55)[n % 2], bar=(0.55, 0.4)[n % 2])) for n in range(120)]
    assert told(follow(swaying, ARCADE)[1]) == ["bar entered 0"]


def swaying(*likelier):
    """A ping a minute by turns: how much likelier one shop is than the other, the café first."""
    for minute, times in enumerate(likelier):
        more, less = round(0.9 * times / (1 + times), 4), round(0.9 / (1 + times), 4)
        shops = ("bar", "cafe") if minute % 2 else ("cafe", "bar")
        yield 60 * minute, by_map(**dict(zip(shops, (more, less), strict=True)))


@pytest.mark.parametrize(
    ("likelier", "entered"),
    [
        # There, and back: what was taken for the bar was the café.
        ((4, 2.1, 2.1), ["cafe 0", "bar 60", "cafe 120"]),
        ((4, 2.1, 2.1, 2.1 * TO_AND_FRO), ["cafe 0", "bar 60", "cafe 120", "bar 180"]),
        # And there again on no better grounds: he is between the two, and was all the time.
        ((4, 2.1, 2.1, 1.9 * TO_AND_FRO), ["cafe 0", "bar 60", "cafe 120"]),
        ((4, 2.1, 2.1, 8, 2.1 * TO_AND_FRO**2), ["cafe 0", "bar 60", "cafe 120", "bar 180", "cafe 240"]),
        ((4, 2.1, 2.1, 8, 1.9 * TO_AND_FRO**2), ["cafe 0", "bar 60", "cafe 120", "bar 180"]),
    ],
)
def test_who_goes_to_and_fro_between_two_zones_must_be_ever_surer_to_have_gone_again(likelier, entered):
    _, moves = follow(swaying(*likelier), ARCADE)
    assert [one.replace(" entered", "") for one in told(moves) if "entered" in one] == entered


def test_who_goes_to_and_fro_all_day_is_believed_whenever_it_is_sure():
    surely = [(60 * n, by_map(**{("cafe", "bar")[n % 2]: 0.95})) for n in range(2000)]
    _, moves = follow(surely, ARCADE)
    assert len([one for one in moves if one.type == "entered"]) == 2000


def test_a_third_zone_is_no_part_of_it():
    """From the café to the bar, back, and on to the deli: nobody was there before."""
    pings = [*swaying(4, 2.1, 2.1), (180, by_map(deli=0.6, cafe=0.28))]
    presence, _ = follow(pings, ARCADE)
    assert inside(presence) == {"deli"}


def test_overlapping_zones_are_both_entered_and_neither_drives_the_other_out():
    ping = by_map(cafe=0.8, bar=0.7)
    presence, moves = follow([(0, ping), (20, ping), (40, ping)], ARCADE)
    assert (inside(presence), len(moves)) == ({"cafe", "bar"}, 2)


def test_one_is_held_in_the_old_zone_until_the_new_one_is_entered():
    """Beacons confirm an entry by a second ping: until then nobody is nowhere."""
    first, second = follow([(0, by_map(cafe=0.95)), (20, by_beacons(bar=0.8, cafe=0.05))], ARCADE)
    assert (inside(first), told(second)) == ({"cafe"}, ["cafe entered 0"])

    pings = [
        (20, by_beacons(bar=0.8, cafe=0.05)),
        (22, by_beacons(bar=0.8, cafe=0.05)),
        (40, by_map(bar=0.9)),
    ]
    _, moves = follow([(0, by_map(cafe=0.95)), *pings], ARCADE)
    assert told(moves) == ["cafe entered 0", "bar entered 22", "cafe exited 32"]


def test_one_is_held_for_as_many_pings_as_the_new_zone_asks_for():
    world = arcade(enter_confirm=5)
    pings = [(20 + n, by_map(bar=0.95)) for n in range(30)]
    _, moves = follow([(0, by_map(cafe=0.95)), *pings], world)
    assert told(moves) == ["cafe entered 0", "bar entered 24", "cafe exited 34"]


def test_who_is_nowhere_likely_is_held_by_nobody():
    _, moves = follow([(0, by_map(cafe=0.95)), (20, by_map(bar=0.1)), (40, by_map(bar=0.1))], ARCADE)
    assert told(moves) == ["cafe entered 0", "cafe exited 30"]


def test_a_zone_that_is_gone_holds_nobody():
    assert evidence(None, by_map(cafe=0.95), 0.95, UNCONTESTED) == "outside"


def test_who_comes_back_drives_out_where_he_seemed_to_be():
    """Back in the café before its exit was final: from that very ping on he is not in the bar any more."""
    pings = [(0, by_map(cafe=0.95)), (20, by_map(bar=0.95)), (24, by_map(cafe=0.6, bar=0.3))]
    presence, moves = follow(pings, ARCADE)
    assert (inside(presence), told(moves)) == ({"cafe"}, ["cafe entered 0", "bar entered 20"])


# From one shop surely to all three alike, so that each may be entered, left and returned to within a few pings.
shares = st.sampled_from(
    [(0.95, 0.05, 0), (0.6, 0.3, 0.1), (0.5, 0.3, 0.2), (0.4, 0.4, 0.2), (0, 0, 0)]
).flatmap(st.permutations)
pings = st.tuples(
    st.sampled_from([0.0, 1.0, 5.0, 20.0]), st.sampled_from([by_map, by_beacons, by_position]), shares
)


@given(st.lists(pings, max_size=25))
def test_nobody_is_inside_two_zones_that_exclude_each_other(story):
    presence, seconds = None, 0.0
    for after_s, source, (cafe, bar, deli) in story:
        seconds += after_s
        presence, _ = follow([(seconds, source(cafe=cafe, bar=bar, deli=deli))], ARCADE, presence)
        assert len(inside(presence)) < 2
