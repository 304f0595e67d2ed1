"""Where a phone at a surveyed site is held to be: found within metres, followed by the past alone, soon forgotten."""

import math
import os
import subprocess
import sys
from statistics import median
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.configuration.model import Documents
from beacon_service.positioning.belief import believe, kept
from beacon_service.visits.model import Presence
from beacon_service.zones.model import Position, Sighting
from tests.factories.catalogue import beacon_document
from tests.factories.presence import at
from tests.factories.surveyed import (
    LENGTH_M,
    TRANSMITTERS,
    Phone,
    away_m,
    hearing,
    ibeacon,
    mac,
    radio_map,
    spot,
    surveyed_places,
)

SEEDS = range(6)


@pytest.fixture(scope="module")
def known():
    return radio_map()


@pytest.fixture(scope="module")
def places(known):
    return surveyed_places(known)


def heard(number, rssi_dbm=-65.0):
    return Sighting(ibeacon(number), mac(number), rssi_dbm)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("level", [0, 1])
def test_a_walker_is_found_within_some_metres_after_a_few_pings(places, level, seed):
    found = Phone(places, seed=seed).stroll(level, 3, 57)[5:]
    errors_m = [away_m(located, x_m) for x_m, located in found]

    assert median(errors_m) < 5
    assert max(errors_m) < 15
    assert {located.floor for _, located in found} == {("ground", "first")[level]}


@pytest.mark.parametrize("seed", SEEDS)
def test_stairs_are_noticed_within_some_pings(places, seed):
    phone = Phone(places, seed=seed)
    phone.stroll(0, 5, 45)

    upstairs = phone.stand(1, 45, pings=12)
    assert {located.floor for located in upstairs[5:]} == {"first"}
    assert away_m(upstairs[-1], 45) < 10


@pytest.mark.parametrize("seed", SEEDS)
def test_the_accuracy_holds_the_phone_about_as_often_as_it_says(places, seed):
    found = Phone(places, seed=seed).stroll(0, 3, 57)[5:]
    within = sum(away_m(located, x_m) <= located.accuracy_m for x_m, located in found)

    assert within / len(found) > 0.55  # of 0.68 that it promises
    assert median(located.accuracy_m for _, located in found) < 10


def test_more_that_is_heard_makes_a_place_surer(places):
    phone = Phone(places, seed=2)
    told = phone.stand(0, 30, pings=10)
    assert told[-1].accuracy_m < told[0].accuracy_m


def test_what_is_known_of_a_place_does_not_hang_on_who_asked_before(known, places):
    """Sums are kept with the map: they must not carry from one phone to the next."""
    used = Phone(places, seed=3).stroll(0, 5, 40)
    Phone(places, seed=4).stroll(1, 50, 5)
    assert Phone(places, seed=3).stroll(0, 5, 40) == used
    assert Phone(surveyed_places(radio_map()), seed=3).stroll(0, 5, 40) == used


def test_a_transmitter_that_was_put_out_of_use_locates_nobody(known):
    """The survey knows it, but the brand trusts it no more."""
    for status, source in (("active", "radio_map"), ("quarantined", "none"), ("retired", "none")):
        beacon = beacon_document("b1", identities=[mac(1), ibeacon(1)], status=status)
        phone = Phone(surveyed_places(known, beacons=[beacon]))
        assert phone.ping([heard(1)]).source == source, status
        assert (phone.belief is None) == (source == "none")


def test_a_quarantined_one_does_not_weigh_beside_others(known):
    quarantined = beacon_document("b3", identities=[mac(3), ibeacon(3)], status="quarantined")
    places = surveyed_places(known, beacons=[quarantined])

    alone, both = Phone(places), Phone(places)
    assert both.ping([heard(0), heard(3, -50)]) == alone.ping([heard(0)])
    assert [one.beacon for one in both.heard] == [mac(0)]


def test_a_catalogued_beacon_is_known_by_whatever_else_it_advertises(known):
    """The survey heard its iBeacon frames; the phone hears its other ones, whose identity the brand has told."""
    also = "eddystone_uid:edd1ebeac04e5defa017:000000000001"
    places = surveyed_places(known, beacons=[beacon_document("b1", identities=[ibeacon(1), also])])

    found = Phone(places).ping([heard(0), Sighting(also, None, -60)])
    assert found.beacons == ((mac(0), 0.5), (mac(1), 0.5))


def test_a_model_that_hears_louder_is_located_as_the_median_phone(known):
    """8 dB more from all transmitters is the phone, not the place."""
    phones = {("phone", "loud 1"): {"model": "loud 1", "offset_db": 8.0}}
    places = surveyed_places(known).updated(Documents(2, phones))
    median_phone = Phone(places).stroll(0, 5, 40)

    def louder(*where):
        return hearing(*where, louder_db=8.0)

    assert Phone(places, model="Loud 1").stroll(0, 5, 40, hear=louder) == median_phone
    assert Phone(places, model="another").stroll(0, 5, 40, hear=louder) != median_phone


def test_what_is_no_level_is_not_heard(places):
    assert Phone(places).ping([heard(1, 127), heard(2, 0)]).source == "none"
    phone, plain = Phone(places), Phone(places)
    assert phone.ping([heard(1, 127), heard(2)]) == plain.ping([heard(2)])


def test_a_phone_that_hears_nothing_known_keeps_its_belief_and_is_nowhere(places):
    phone = Phone(places)
    phone.stand(0, 30, pings=3)
    before = phone.belief

    assert phone.ping([heard(99)]).source == "none"
    assert phone.ping([]).source == "none"
    assert phone.belief == before


def test_what_is_heard_beats_a_position(places):
    far = Position(*spot(2, 3), accuracy_m=5.0, floor="first")
    phone = Phone(places)
    phone.stand(0, 50, pings=5)
    located = phone.ping([heard(3)], position=far)
    assert (located.source, located.floor) == ("radio_map", "ground")


def test_what_is_kept_is_small_and_survives_being_stored():
    """On a site so wide that no ping can tell it all: the most that is ever kept."""
    known = radio_map(reach_m=300.0)
    rows = known.numbers
    likely = believe(known, None, {rows[mac(0)]: -99.0}, {}, at(0))
    belief = kept(likely, "shop", 3, at(0))

    assert len(belief.walking) == len(belief.resting) == 120
    assert len(msgspec.json.encode(belief)) < 700
    presence = Presence(last_at=at(0), belief=belief)
    assert msgspec.json.decode(msgspec.json.encode(presence), type=Presence) == presence


def test_what_is_kept_is_enough_to_go_on_from(known):
    """The next belief rests on bytes alone."""
    rows = known.numbers
    likely = believe(known, None, {rows[mac(1)]: -62.0}, {rows[mac(1)]: -62.0}, at(0))
    belief = kept(likely, "shop", 1, at(0))
    stored = msgspec.json.decode(msgspec.json.encode(belief), type=type(belief))

    again, first = (believe(known, one, {rows[mac(1)]: -63.0}, {}, at(1)) for one in (stored, belief))
    assert (again.columns == first.columns).all()
    assert (again.parts == first.parts).all()
    assert float(again.parts.sum()) == pytest.approx(1.0, abs=1e-5)


def followed(places, *, after_s, between=None):
    """How sure a faint hint is of the place after a firm stay at the western end of the ground floor."""
    phone = Phone(places, seed=1)
    phone.stand(0, 5, pings=20)
    phone.heard = ()  # levels are forgotten within seconds; this is about the belief
    if between:
        between(phone)
    return phone.ping([heard(3, -93)], after_s=after_s)


def test_who_walks_and_is_silent_for_two_minutes_may_be_anywhere(places):
    fresh = Phone(places).ping([heard(3, -93)])

    # The few that had stopped where they were may still be there, and weigh next to nothing.
    after = followed(places, after_s=120.0)
    assert dict(after.zones) == pytest.approx(dict(fresh.zones), abs=0.02)
    assert away_m(followed(places, after_s=119.0), 5) < away_m(fresh, 5) - 1
    assert away_m(followed(places, after_s=5.0), 5) < away_m(fresh, 5) - 5


def test_who_has_rested_for_an_hour_is_believed_to_be_there_after_ten_minutes_of_silence(places):
    phone = Phone(places, seed=1)
    rested = phone.stand(0, 5, pings=3600)[-1]
    assert rested.rested_s > 3000

    phone.heard = ()
    after, fresh = phone.ping([heard(1, -91)], after_s=600.0), Phone(places).ping([heard(1, -91)])
    assert away_m(after, 5) < 6 < away_m(fresh, 5)
    assert after.accuracy_m < fresh.accuracy_m - 5
    assert after.rested_s > 3000


@pytest.mark.parametrize(
    "broken",
    [
        {"cells": b"\xff\xff"},
        {"cells": b""},
        {"cells": b"\0"},
        {"walking": b""},
        {"resting": b"\0\0"},
        {"walking": b"\xff", "resting": b"\xff"},
        {"rested_s": math.nan},
        {"rested_s": math.inf},
        {"rested_s": -11.0},
    ],
)
def test_a_belief_that_is_none_of_this_map_is_forgotten(places, broken):
    """What was stored is bytes, and machine code would read whatever cell they name."""
    fresh = Phone(places).ping([heard(3, -93)])

    def damaged(phone):
        one = msgspec.structs.replace(phone.belief, cells=b"\0\0", walking=b"\0", resting=b"\0")
        phone.belief = msgspec.structs.replace(one, **broken)

    assert followed(places, after_s=5.0, between=damaged) == fresh


def test_a_belief_of_another_map_is_forgotten(places):
    fresh = Phone(places).ping([heard(3, -93)])

    def relearned(phone):
        phone.places = surveyed_places(radio_map(), number=2)

    def moved(phone):
        phone.belief = msgspec.structs.replace(phone.belief, site="another")

    assert followed(places, after_s=5.0, between=relearned) == fresh
    assert followed(places, after_s=5.0, between=moved) == fresh
    assert followed(places, after_s=5.0) != fresh


def test_two_pings_of_one_instant_are_weighed_and_nobody_walks_in_between(places):
    phone = Phone(places)
    phone.stand(0, 30, pings=8)
    before = phone.ping([heard(2, -70)])
    after = phone.ping([heard(2, -70)], after_s=0.0)

    assert after.floor == before.floor == "ground"
    assert after.accuracy_m <= before.accuracy_m
    assert phone.belief.at == at(phone.seconds)


def test_a_ping_from_before_the_last_does_not_break_it(places):
    phone = Phone(places)
    phone.stand(0, 30, pings=8)
    located = phone.ping([heard(2, -70)], after_s=-3.0)
    assert (located.source, located.floor) == ("radio_map", "ground")


def test_a_place_names_what_was_heard_in_this_ping(places):
    phone = Phone(places)
    phone.ping([heard(0)])
    located = phone.ping([heard(1), heard(2), heard(2, -70)])
    assert sorted(located.beacons) == [(mac(1), 0.5), (mac(2), 0.5)]


def test_a_machine_that_cannot_keep_what_was_compiled_compiles_for_the_process(tmp_path):
    """A damaged file of Numba's raises whatever it likes."""
    folder = tmp_path / "machine-code"
    folder.mkdir()
    script = (
        "from tests.factories.surveyed import radio_map;"
        "from beacon_service.positioning.belief import prepare;"
        "prepare(radio_map())"
    )

    def run():
        env = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "compiling for this process alone" not in run()
    index = next(folder.rglob("*.nbi"))
    index.write_bytes(b"")
    assert "compiling for this process alone" in run()


sightings = st.lists(
    st.builds(
        lambda number, level, named, told: Sighting(
            ibeacon(number) if named or not told else None, mac(number) if told else None, level
        ),
        st.integers(0, len(TRANSMITTERS)),
        st.floats(-127, -1),
        st.booleans(),
        st.booleans(),
    ),
    max_size=20,
)


@given(st.lists(st.tuples(sightings, st.sampled_from([0.0, 0.1, 1.0, 7.0, 60.0, 119.9, 600.0])), max_size=8))
def test_whatever_is_heard_the_answer_is_a_place_with_shares_of_it(pings):
    places = SHARED.places
    phone = Phone(places)
    for heard_now, after_s in pings:
        located = phone.ping(heard_now, after_s=after_s)
        shares = [share for _, share in located.zones]
        assert sum(shares) <= 1 + 1e-3
        assert all(0 < share <= 1 for share in shares)
        assert shares == sorted(shares, reverse=True)
        if located.source == "radio_map":
            assert located.floor in {"ground", "first"}
            assert 2.5 <= located.accuracy_m <= LENGTH_M
            assert away_m(located, 30) < LENGTH_M
            assert len(msgspec.json.encode(phone.belief)) < 700


# Made once, for Hypothesis asks with the same fixture many times over.
SHARED = SimpleNamespace(places=surveyed_places())
