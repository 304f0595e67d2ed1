"""What holds of presence whatever the pings: found by random walks through evidence and silence."""

import math
import random
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_service.geo import distance_m
from beacon_service.visits import advance as advancing
from beacon_service.visits.advance import advance, fire, next_due
from beacon_service.visits.model import Presence, Stay
from beacon_service.zones.model import NOWHERE, Heard, Identity, Sighting
from tests.factories.catalogue import beacon_document, floor_document, place, places, square, zone_document
from tests.factories.located import locate
from tests.factories.presence import at, follow, seen, shop

WORLD = shop(dwell_s=[30, 60])
FOREVER = 10 * 86400

_probability = st.sampled_from((0.0, 0.08, 0.2, 0.4, 0.5, 0.64, 0.8, 0.92, 1.0))
_located = st.one_of(
    st.just(NOWHERE),
    st.builds(lambda cafe, bar, hall: seen(cafe=cafe, bar=bar, hall=hall), *[_probability] * 3),
    st.builds(lambda p, wide: seen(accuracy_m=wide, source="position", cafe=p), _probability, st.just(300.0)),
)
_gaps = st.sampled_from((0, 1, 1, 2, 5, 9, 10, 11, 30, 31, 60, 300, 419, 420, 500))


@st.composite
def pings(draw):
    seconds, walk = 0, []
    for gap, located in draw(st.lists(st.tuples(_gaps, _located), max_size=40)):
        seconds += gap
        walk.append((seconds, located))
    return walk


def apart_m(spot, other):
    return distance_m(*place(*spot), *place(*other))


def level(metres):
    return -59 - 24 * math.log10(max(1.0, metres))


def lived(walk):
    """All moves of a walk, up to the silence after it."""
    presence, moves = follow(walk, WORLD)
    left, rest = fire(presence, at(FOREVER), WORLD)
    return left, [*moves, *rest]


@given(pings())
def test_a_stay_is_entered_once_then_dwelled_in_rising_order_then_exited(walk):
    left, moves = lived(walk)
    assert not [stay for stay in left.stays if stay.state != "entering"]
    for zone in {move.zone for move in moves}:
        open_since, passed = None, []
        for move in (move for move in moves if move.zone == zone):
            assert (move.type == "entered") == (open_since is None)
            if move.type == "entered":
                open_since, passed = move.at, []
            elif move.type == "dwelled":
                passed.append(move.dwell_s)
                assert move.at >= open_since + timedelta(seconds=move.dwell_s)
                assert passed == sorted(set(passed))
            else:
                assert move.at >= open_since
                open_since = None
        assert open_since is None


@given(pings())
def test_moves_never_go_back_in_time(walk):
    instants = [move.at for move in lived(walk)[1]]
    assert instants == sorted(instants)


@given(pings())
def test_nowhere_makes_no_moves_and_changes_no_state(walk):
    presence, _ = follow(walk, WORLD)
    after, moves = advance(presence, NOWHERE, at(walk[-1][0] if walk else 0), WORLD, {})
    kept = {stay.zone: stay.state for stay in after.stays}
    assert moves == ()
    assert kept.items() <= {stay.zone: stay.state for stay in presence.stays}.items()
    assert all(stay.state == "entering" for stay in presence.stays if stay.zone not in kept)


@given(pings(), st.data())
def test_a_walk_split_anywhere_and_stored_between_gives_the_same(walk, data):
    cut = data.draw(st.integers(0, len(walk)))
    first, moves = follow(walk[:cut], WORLD)
    stored = msgspec.json.decode(msgspec.json.encode(first), type=Presence)
    assert stored == first
    second, more = follow(walk[cut:], WORLD, stored)
    assert (second, moves + more) == follow(walk, WORLD)


@given(pings(), st.integers(0, 600))
def test_a_worker_that_fires_between_two_pings_changes_no_move(walk, later):
    def ticked(presence, moves):
        fired, made = fire(presence, at(seconds + later), WORLD)
        return fired, [*moves, *made]

    presence, moves = Presence(), []
    for number, (seconds, located) in enumerate(walk):
        presence, made = follow([(seconds, located)], WORLD, presence)
        moves += made
        following = walk[number + 1][0] if number + 1 < len(walk) else FOREVER
        if seconds + later <= following:
            presence, moves = ticked(presence, moves)
    assert [*moves, *fire(presence, at(FOREVER), WORLD)[1]] == lived(walk)[1]


@given(pings())
def test_nothing_is_due_before_the_next_timer_and_something_at_it(walk):
    presence, _ = follow(walk, WORLD)
    due_at = next_due(presence)
    if due_at is not None:
        assert fire(presence, due_at - timedelta(microseconds=1), WORLD) == (presence, ())
        assert fire(presence, due_at, WORLD)[1][0].at == due_at


def test_a_full_presence_stays_below_two_kilobytes():
    now = at(1.234567)
    heard = tuple(Heard(f"site1-F1-{n:04}", -67.5, now, -59.0) for n in range(12))
    stays = tuple(
        Stay(f"site1/site1-F1-08-{n:02}", "exiting", now, now, 2, now, (60, 300), 10, 0.8432)
        for n in range(5)
    )
    presence = Presence(
        now, now, 1234, 45_000, stays, heard, (now, 120.0734561, 30.2922045, 12.5), ("2026-11-20", "p" * 36)
    )
    assert len(msgspec.json.encode(presence)) < 2 * 1024
    assert msgspec.json.decode(msgspec.json.encode(presence), type=Presence) == presence


@settings(max_examples=300)
@given(pings())
def test_who_surely_stays_where_they_are_is_told_what_the_table_would_tell(walk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advancing, "_unmoved", lambda *_: None)
        by_the_table = lived(walk)
    assert lived(walk) == by_the_table


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_a_motionless_noisy_phone_enters_once_in_an_hour_and_never_flaps(seed):
    """A room of 27 m by 44 m with a beacon every 14 m or so, levels off by 5 dB, each sixth second silent."""
    spots = [(column, row) for column in range(-2, 7, 2) for row in range(-1, 6)]
    world = places(
        floors=[floor_document()],
        zones=[zone_document("room", floor="ground", geometry=square(0, 0, columns=4, rows=4))],
        beacons=[
            beacon_document(f"b{n}", floor="ground", at=spot, identities=[f"mac:{n}"])
            for n, spot in enumerate(spots)
        ],
    )
    draw, presence, moves = random.Random(seed), Presence(), []
    near = sorted(range(len(spots)), key=lambda n: apart_m(spots[n], (2, 2)))[:6]
    for second in range(3600):
        heard = draw.sample(near, draw.randint(1, 4)) if draw.random() > 0.17 else []
        sightings = tuple(
            Sighting(None, Identity(f"mac:{n}"), level(apart_m(spots[n], (2, 2))) + draw.gauss(0, 5))
            for n in heard
        )
        presence, due = fire(presence, at(second), world)
        located, memory = locate(world, presence.heard, sightings, None, at(second))
        presence, made = advance(presence, located, at(second), world, {})
        presence = msgspec.structs.replace(presence, heard=memory)
        moves += (*due, *made)
    assert [(move.type, move.zone) for move in moves] == [("entered", "shop/room")]
