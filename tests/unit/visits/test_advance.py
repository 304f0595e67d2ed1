"""What pings make of a stay: entering with confirmation, doubt that holds, leaving and coming back."""

import pytest

from beacon_service.visits.advance import fire, primary
from beacon_service.visits.model import Presence, Stay
from beacon_service.visits.transitions import TRANSITIONS
from beacon_service.zones.model import NOWHERE
from tests.factories.catalogue import floor_document, places, square, zone_document
from tests.factories.presence import IN, NOTHING, OUT, SURE, UNSURE, at, follow, seen, shop, told


def states(presence):
    return {stay.zone.removeprefix("shop/"): stay.state for stay in presence.stays}


def test_one_unmistakable_ping_enters():
    assert told(follow([(0, SURE)])[1]) == ["cafe entered 0"]


def test_a_likely_ping_enters_only_when_a_second_confirms_it():
    presence, moves = follow([(0, IN)])
    assert (states(presence), moves) == ({"cafe": "entering"}, [])
    assert told(follow([(0, IN), (5, IN)])[1]) == ["cafe entered 5"]


@pytest.mark.parametrize(("gap", "entered"), [(30, ["cafe entered 30"]), (31, [])])
def test_a_confirmation_counts_within_thirty_seconds(gap, entered):
    assert told(follow([(0, IN), (gap, IN)])[1]) == entered


def test_two_pings_of_one_instant_are_one_look():
    assert follow([(0, IN), (0, IN)])[1] == []


def test_an_entry_in_doubt_waits_but_evidence_against_it_ends_it():
    assert told(follow([(0, IN), (5, UNSURE), (10, IN)])[1]) == ["cafe entered 10"]
    assert told(follow([(0, IN), (5, NOTHING), (10, IN)])[1]) == ["cafe entered 10"]
    assert follow([(0, IN), (5, OUT), (10, IN)])[1] == []


@pytest.mark.parametrize("silent", [UNSURE, NOTHING])
def test_an_entry_that_is_never_confirmed_is_forgotten(silent):
    assert follow([(0, IN), (31, silent)])[0].stays == ()


def test_doubt_alone_never_enters():
    presence, moves = follow([(second, UNSURE) for second in range(60)])
    assert (presence.stays, moves) == ((), [])


def test_a_zone_may_ask_for_more_pings_and_then_even_sure_ones_are_counted():
    world = shop(enter_confirm=3)
    assert told(follow([(0, SURE), (20, IN), (40, SURE)], world)[1]) == ["cafe entered 40"]
    assert told(follow([(0, IN)], shop(enter_confirm=1))[1]) == ["cafe entered 0"]


def test_an_exit_is_held_ten_seconds_and_dated_at_their_end():
    presence, moves = follow([(0, SURE), (20, OUT), (29, OUT)])
    assert (told(moves), states(presence)) == (["cafe entered 0"], {"cafe": "exiting"})
    assert told(follow([(0, SURE), (20, OUT), (45, OUT)])[1]) == ["cafe entered 0", "cafe exited 30"]


def test_who_is_back_before_the_hold_ends_never_left():
    presence, moves = follow([(0, SURE), (20, OUT), (28, IN), (40, IN)])
    assert (told(moves), states(presence)) == (["cafe entered 0"], {"cafe": "inside"})


@pytest.mark.parametrize("ping", [UNSURE, NOTHING])
def test_doubt_neither_ends_a_stay_nor_saves_one_that_is_being_left(ping):
    assert states(follow([(0, SURE), (20, ping), (60, ping)])[0]) == {"cafe": "inside"}
    assert told(follow([(0, SURE), (20, OUT), (25, ping), (35, ping)])[1])[-1] == "cafe exited 30"


def test_the_hold_is_the_zones_own_as_it_was_at_entry():
    _, moves = follow([(0, SURE), (20, OUT), (79, OUT), (80, OUT)], shop(exit_hold_s=60))
    assert told(moves)[-1] == "cafe exited 80"


def test_a_zone_without_hold_is_left_by_the_ping_itself():
    assert told(follow([(0, SURE), (20, OUT)], shop(exit_hold_s=0))[1]) == [
        "cafe entered 0",
        "cafe exited 20",
    ]


def test_a_fix_wider_than_the_zone_does_not_end_a_stay_that_it_reaches():
    wide = seen(accuracy_m=200, where=(8, 8), source="position", hall=0.2)
    assert states(follow([(0, SURE), (20, wide), (60, wide)])[0]) == {"cafe": "inside"}


def test_a_fix_wider_than_the_zone_ends_a_stay_that_it_does_not_reach():
    far = seen(accuracy_m=200, where=(8, 40), source="position")
    assert told(follow([(0, SURE), (20, far), (60, far)])[1])[-1] == "cafe exited 30"


def test_another_floor_is_no_matter_of_width():
    zones = [zone_document("cafe", floor="ground", geometry=square(columns=2, rows=2))]
    world = places(floors=[floor_document(), floor_document("first")], zones=zones)
    above = seen(accuracy_m=50, floor="first")
    assert told(follow([(0, SURE), (20, above), (31, above)], world)[1])[-1] == "cafe exited 30"


def test_next_door_is_entered_before_the_first_is_left():
    next_door = seen(bar=0.96, where=(3, 1))
    _, moves = follow([(0, SURE), (20, next_door), (40, next_door)])
    assert told(moves) == ["cafe entered 0", "bar entered 20", "cafe exited 30"]


def test_entries_of_one_ping_go_from_the_outside_in():
    assert told(follow([(0, seen(cafe=0.96, hall=1.0))])[1]) == ["hall entered 0", "cafe entered 0"]


def test_exits_of_one_instant_go_from_the_inside_out():
    _, moves = follow([(0, seen(cafe=0.96, hall=1.0)), (20, seen(where=(30, 30))), (60, NOWHERE)])
    assert told(moves)[2:] == ["cafe exited 30", "hall exited 30"]


def test_a_deleted_zone_is_left_like_any_other():
    presence, _ = follow([(0, SURE)])
    without = places(zones=[zone_document("hall", geometry=square(columns=10, rows=10))])
    assert told(follow([(20, SURE), (30, SURE)], without, presence)[1]) == ["cafe exited 30"]


def test_nowhere_makes_no_move_but_is_the_newest_ping():
    before, _ = follow([(0, SURE)])
    presence, moves = follow([(50, NOWHERE)], presence=before)
    assert (presence.stays, moves, presence.last_at) == (before.stays, [], at(50))


def test_only_the_phones_own_position_is_remembered_for_the_jump_check():
    gps = seen(accuracy_m=12, source="position", cafe=0.96)
    presence, _ = follow([(0, gps), (10, SURE), (20, NOWHERE)])
    assert presence.fix == (at(0), gps.longitude, gps.latitude, 12)


def test_a_move_is_as_likely_as_what_made_it():
    _, moves = follow([(0, SURE), (20, seen(cafe=0.04)), (40, OUT)])
    assert [move.probability for move in moves] == [0.96, 0.96]


def test_the_table_answers_every_state_and_evidence():
    pings = {(state, shown) for state in ("outside", "entering", "inside", "exiting")
             for shown in ("sure", "inside", "doubt", "outside")}  # fmt: skip
    assert pings <= TRANSITIONS.keys()


def _inside(zone, probability=0.9, state="inside"):
    return Stay(zone=f"shop/{zone}", state=state, since_at=at(0), last_at=at(0), probability=probability)


def test_the_primary_zone_is_the_deepest():
    stays = (_inside("hall", 1.0), _inside("cafe", 0.6))
    assert primary(Presence(stays=stays), shop()) == "shop/cafe"


def test_among_siblings_the_primary_is_the_most_probable():
    assert primary(Presence(stays=(_inside("cafe", 0.5), _inside("bar", 0.6))), shop()) == "shop/bar"


def test_a_zone_that_is_being_left_or_is_gone_is_not_primary():
    stays = (_inside("hall", 1.0), _inside("cafe", state="exiting"), _inside("gone"))
    assert primary(Presence(stays=stays), shop()) == "shop/hall"
    assert primary(Presence(stays=(_inside("cafe", state="entering"),)), shop()) is None


def test_equally_probable_siblings_go_by_size_then_priority_then_id():
    def among(**priorities):
        zones = [
            zone_document("a", geometry=square(0, 0, columns=2)),
            zone_document("b", geometry=square(1.5, 0), priority=priorities.get("b", 0)),
            zone_document("c", geometry=square(2.0, 0), priority=priorities.get("c", 0)),
        ]
        stays = tuple(_inside(zone) for zone in ("a", "c", "b"))
        return primary(Presence(stays=stays), places(zones=zones))

    assert (among(), among(b=1), among(c=1)) == ("shop/b", "shop/b", "shop/c")


def test_firing_with_nothing_due_gives_the_very_same_presence():
    presence, _ = follow([(0, SURE)])
    assert fire(presence, at(1), shop())[0] is presence
