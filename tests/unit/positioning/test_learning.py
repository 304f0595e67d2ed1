"""A radio map learned from a survey: the same again, by what names transmitters are known, and what teaches nothing."""

import pytest

from beacon_service.positioning.learning import learn
from beacon_service.positioning.survey import SurveyError, SurveySighting
from beacon_service.zones.model import Identity, Sighting
from beacon_service.zones.packed_map import packed
from tests.factories.surveyed import (
    FLOORS,
    TRANSMITTERS,
    Phone,
    areas,
    away_m,
    changed,
    hearing,
    ibeacon,
    mac,
    radio_map,
    survey,
    surveyed_places,
)

ROTATING = 0


def rotated(walk):
    """What the rotating transmitter calls itself on a walk."""
    return Identity(f"mac:7a:00:00:00:00:{walk:02x}")


def with_address(name):
    """A survey whose transmitter `ROTATING` has the address `name(walk)`."""

    def change(walk, one):
        return Sighting(one.identity, name(walk), one.rssi_dbm) if one.identity == ibeacon(ROTATING) else one

    return changed(survey(), change)


def without_addresses(heard):
    return tuple(Sighting(one.identity, None, one.rssi_dbm) for one in heard)


def test_the_same_survey_gives_the_same_bytes():
    assert packed(radio_map()) == packed(radio_map())
    assert packed(radio_map(survey()[:-1])) != packed(radio_map())


def test_progress_only_grows_and_ends_at_one():
    told = []
    learn(survey(), areas(), lambda share, what: told.append((share, what)))

    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], told[-1][1]) == (0.0, 1.0, "done")
    assert len(told) >= 5


def test_the_report_says_what_it_was_learned_from():
    report = radio_map().report
    assert (report["walks"], report["transmitters"], report["rotating_identities"]) == (8, 8, 0)
    assert report["sightings"] == sum(len(walk.sightings) for walk in survey())
    assert report["walked_s"] == pytest.approx(8 * 60, rel=0.1)


def test_walks_on_floors_that_the_site_does_not_have_are_left_out():
    ground = {FLOORS[0]: areas()[FLOORS[0]]}
    assert learn(survey(), ground).report["walks"] == 4


def no_walks():
    return []


def one_waypoint_each():
    return [walk._replace(waypoints=walk.waypoints[:1]) for walk in survey()]


def on_a_floor_unheard_of():
    return [
        walk._replace(waypoints=[point._replace(floor="attic") for point in walk.waypoints])
        for walk in survey()
    ]


def nothing_heard():
    return [walk._replace(sightings=[]) for walk in survey()]


def heard_an_hour_later():
    return [
        walk._replace(sightings=[SurveySighting(t_ms + 3_600_000_000, one) for t_ms, one in walk.sightings])
        for walk in survey()
    ]


def heard_without_a_level():
    return changed(survey(), lambda _, one: Sighting(one.identity, one.mac, 127))


def heard_without_a_name():
    return changed(survey(), lambda _, one: Sighting(None, None, one.rssi_dbm))


@pytest.mark.parametrize(
    ("walks", "says"),
    [
        (no_walks, "no walk with two waypoints"),
        (one_waypoint_each, "no walk with two waypoints"),
        (on_a_floor_unheard_of, "on a floor of the site"),
        (nothing_heard, "no sighting within a second"),
        (heard_an_hour_later, "no sighting within a second"),
        (heard_without_a_level, "no sighting within a second"),
        (heard_without_a_name, "no sighting within a second"),
    ],
    ids=lambda one: one.__name__ if callable(one) else "",
)
def test_where_nothing_can_be_learned_it_says_why(walks, says):
    with pytest.raises(SurveyError, match=says):
        learn(walks(), areas())


def test_addresses_of_one_identity_that_come_and_go_within_minutes_are_one_transmitter():
    known = radio_map(with_address(rotated))

    assert known.report["rotating_identities"] == 1
    assert len(known.transmitters) == len(TRANSMITTERS)
    assert ibeacon(ROTATING) in known.transmitters
    assert not {rotated(walk) for walk in range(8)} & known.aliases.keys()


def test_an_address_never_seen_before_is_known_by_its_identity():
    known = radio_map(with_address(rotated))
    new = Sighting(ibeacon(ROTATING), rotated(99), -70)

    assert known.row(new) == known.numbers[ibeacon(ROTATING)]
    phone = Phone(surveyed_places(known))
    assert phone.ping([new]).beacons == ((ibeacon(ROTATING), 1.0),)


def test_a_rotating_transmitter_teaches_as_much_as_one_that_keeps_its_address():
    rotating, steady = radio_map(with_address(rotated)), radio_map()

    of_rotating = rotating.surprise[rotating.numbers[ibeacon(ROTATING)]]
    assert (of_rotating == steady.surprise[steady.numbers[mac(ROTATING)]]).all()


@pytest.mark.parametrize(
    ("name", "addresses"),
    [(lambda walk: rotated(walk % 2), 2), (lambda walk: rotated(walk % 4), 4)],
    ids=["two only", "each heard for hours"],
)
def test_addresses_that_stay_are_transmitters_of_their_own(name, addresses):
    known = radio_map(with_address(name))

    assert known.report["rotating_identities"] == 0
    assert len(known.transmitters) == len(TRANSMITTERS) - 1 + addresses
    assert {rotated(number) for number in range(addresses)} <= set(known.transmitters)


def test_a_phone_that_tells_no_address_is_located_as_well_as_one_that_does():
    places = surveyed_places()
    android, ios = Phone(places), Phone(places)

    told = android.stroll(0, 5, 35)
    assert ios.stroll(0, 5, 35, hear=lambda *where: without_addresses(hearing(*where))) == told
    assert away_m(told[-1][1], 35) < 10


def test_an_identity_of_several_transmitters_says_nothing_without_an_address():
    places = surveyed_places(radio_map(with_address(lambda walk: rotated(walk % 2))))
    shared = ibeacon(ROTATING)

    assert Phone(places).ping([Sighting(shared, rotated(1), -60)]).source == "radio_map"
    phone = Phone(places)
    assert phone.ping([Sighting(shared, None, -60)]).source == "none"
    assert (phone.heard, phone.belief) == ((), None)


def test_what_is_ambiguous_does_not_weigh_beside_what_is_not():
    places = surveyed_places(radio_map(with_address(lambda walk: rotated(walk % 2))))
    alone, shared = Sighting(ibeacon(2), None, -60), Sighting(ibeacon(ROTATING), None, -60)

    assert Phone(places).ping([alone, shared]) == Phone(places).ping([alone])


def test_a_survey_by_a_phone_that_tells_no_address_knows_transmitters_by_identity():
    known = radio_map(changed(survey(), lambda _, one: Sighting(one.identity, None, one.rssi_dbm)))

    assert set(known.transmitters) == {ibeacon(number) for number in TRANSMITTERS}
    (located,) = Phone(surveyed_places(known)).stand(
        0, 7.5, hear=lambda *_: [Sighting(ibeacon(0), mac(0), -60)]
    )
    assert (located.floor, away_m(located, 7.5) < 12) == ("ground", True)
