"""Which zones the cells of a radio map lie in, and at which surveyed site a phone is."""

import numpy as np
import pytest

from beacon_service.positioning.learning import learn
from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.model import Identity, Sighting
from beacon_service.zones.surveyed import Surveyed, Surveys
from tests.factories.catalogue import documents, places, site_document, zone_document
from tests.factories.surveyed import (
    FLOORS,
    Phone,
    areas,
    changed,
    ibeacon,
    mac,
    radio_map,
    rectangle,
    survey,
    surveyed_places,
    wings,
)


@pytest.fixture(scope="module")
def known():
    return radio_map()


def laid_out(known, *zones, sites=None):
    index = places(sites=sites or [site_document()], zones=zones).index
    return Surveyed.of("shop", 1, known, index)


def shares(surveyed):
    """By zone, its share of each cell: (zones, cells)."""
    found = np.zeros((len(surveyed.zones), len(surveyed.radio_map.cells)))
    for row in range(surveyed.zones_of_cells.shape[1]):
        cells = np.flatnonzero(surveyed.shares_of_cells[:, row])
        found[surveyed.zones_of_cells[cells, row], cells] += surveyed.shares_of_cells[cells, row]
    return dict(zip(surveyed.zones, found, strict=True))


def test_disjoint_zones_share_each_cell_out_between_them(known):
    found = shares(laid_out(known, *wings()))

    assert set(found) == {f"shop/{floor}-{wing}" for floor in FLOORS for wing in ("west", "middle", "east")}
    total = sum(found.values())
    assert total.max() <= 1 + 1e-6
    # On a border a cell is divided by ninths.
    assert set(np.rint(np.unique(total) * 9) / 9) <= {number / 9 for number in range(10)}
    assert any(0 < share < 1 for share in found["shop/ground-middle"])


def test_a_zone_on_a_floor_holds_cells_of_that_floor_only(known):
    levels = known.lattice.centres(known.cells.astype(np.intp))[0]
    for key, share in shares(laid_out(known, *wings())).items():
        (level,) = set(levels[share > 0].tolist())
        assert key.startswith(f"shop/{FLOORS[level]}")


def test_a_geofence_holds_on_all_floors_whosever_it_is(known):
    park = zone_document("park", site="town", geometry=rectangle(-100, 100, -100, 100))
    sites = [site_document(), site_document("town")]
    assert (shares(laid_out(known, park, sites=sites))["town/park"] == 1).all()


def test_a_zone_on_a_floor_of_another_site_holds_nothing_here(known):
    theirs = zone_document("hall", site="town", floor="ground", geometry=rectangle(-100, 100, -100, 100))
    found = laid_out(known, theirs, *wings(), sites=[site_document(), site_document("town")])
    assert "town/hall" not in found.zones


def test_without_zones_a_phone_has_a_place_and_is_in_none(known):
    surveyed = surveyed_places(known, zones=[])
    located = Phone(surveyed).ping([Sighting(ibeacon(1), mac(1), -60)])
    assert (located.source, located.zones, located.floor) == ("radio_map", (), "ground")


def test_nested_zones_are_both_told(known):
    hall = zone_document("hall", floor="ground", geometry=rectangle(-20, 80, -20, 30))
    places = surveyed_places(known, zones=[hall, *wings()])
    located = Phone(places).stand(0, 10, pings=10)[-1]
    assert located.probability("shop/hall") >= located.probability("shop/ground-west") > 0.5


def test_a_zone_that_is_redrawn_is_laid_out_anew(known):
    before = surveyed_places(known)
    moved = zone_document("ground-west", floor="ground", geometry=rectangle(500, 520))
    after = before.updated(documents(zones=[moved], version=2))

    heard = [Sighting(ibeacon(0), mac(0), -60)]
    assert Phone(before).ping(heard).probability("shop/ground-west") > 0.5
    assert Phone(after).ping(heard).probability("shop/ground-west") == 0


WEST_WING = {"floor": "ground", "geometry": rectangle(0, 20)}


@pytest.mark.parametrize(
    ("edit", "is_laid_out_anew"),
    [
        ({"zones": [zone_document("ground-west", name="Other", tags=["new"], **WEST_WING)]}, False),
        ({"zones": [zone_document("far", geometry=rectangle(5000, 5020))]}, False),
        ({"zones": [zone_document("theirs", site="town", **WEST_WING)]}, False),
        ({"zones": [zone_document("ground-west", **WEST_WING | {"floor": "first"})]}, True),
        ({"zones": [zone_document("ground-west", **WEST_WING | {"geometry": rectangle(0, 19)})]}, True),
        ({"zones": [zone_document("ground-west", **WEST_WING | {"geometry": rectangle(5000, 5020)})]}, True),
        ({"zones": [zone_document("lawn", site="town", geometry=rectangle(-9, 9))]}, True),
        ({"deleted": [("zone", "shop/ground-west")]}, True),
    ],
)
def test_cells_are_laid_out_anew_where_a_zone_over_them_is_another(known, edit, is_laid_out_anew):
    west = zone_document("ground-west", **WEST_WING)
    before = surveyed_places(known, zones=[*wings()[1:], west])
    after = before.updated(documents(version=2, **edit))

    now = after.surveys.sites["shop"]
    assert (now is not before.surveys.sites["shop"]) == is_laid_out_anew
    fresh = Surveyed.of("shop", 1, known, after.index)
    assert now.zones == fresh.zones
    assert np.array_equal(now.zones_of_cells, fresh.zones_of_cells)
    assert np.array_equal(now.shares_of_cells, fresh.shares_of_cells)


def shifted(number):
    """The same survey of other transmitters but for the first `number`, which both sites hear."""

    def change(_, one):
        own = int(one.identity.rpartition(":")[2])
        if own < number:
            return one
        return Sighting(ibeacon(own + 50), mac(own + 50), one.rssi_dbm)

    return learn(changed(survey(), change), areas())


def heard(*numbers):
    return [Sighting(ibeacon(number), mac(number), -70) for number in numbers]


@pytest.fixture(scope="module")
def two(known):
    """Two sites that hear the transmitters 0 and 1 both, 2 to 7 are a's own, 52 to 57 b's."""
    index = ZoneIndex(())
    return Surveys.of([Surveyed.of("b", 1, shifted(2), index), Surveyed.of("a", 1, known, index)])


@pytest.mark.parametrize(
    ("numbers", "site"),
    [([2], "a"), ([52], "b"), ([0, 52], "b"), ([0, 1, 2], "a"), ([52, 53, 2], "b"), ([99, 52], "b")],
)
def test_a_phone_is_at_the_site_that_knows_most_of_what_it_hears(two, numbers, site):
    assert two.site_of(heard(*numbers)).site == site


def test_where_two_sites_know_as_much_it_is_the_first_by_id_whatever_the_order(two):
    for numbers in ([0], [0, 1], [2, 52], [52, 2]):
        assert two.site_of(heard(*numbers)).site == "a"


def test_what_no_site_knows_is_at_none(two):
    assert two.site_of(heard(99)) is None
    assert two.site_of([]) is None
    assert two.site_of([Sighting(None, None, -60)]) is None
    assert Surveys().site_of(heard(1)) is None


def test_an_address_has_its_say_before_what_it_advertises(two):
    """An identity copied from the one site by a transmitter of the other fools nobody who hears its address."""
    assert two.site_of([Sighting(ibeacon(2), mac(52), -60)]).site == "b"
    assert two.site_of([Sighting(ibeacon(2), Identity("mac:00:00:00:00:00:99"), -60)]).site == "a"


def test_who_goes_from_one_site_to_the_other_begins_anew_there():
    other = site_document("other")
    here = radio_map()
    there = shifted(0)
    told = documents(sites=[site_document(), other], zones=[*wings()])
    told.bodies["radio_map", "shop"] = {"site": "shop", "number": 1}
    told.bodies["radio_map", "other"] = {"site": "other", "number": 1}
    both = places(sites=[other]).updated(told, lambda site, _: here if site == "shop" else there)

    phone, fresh = Phone(both), Phone(both)
    phone.stand(0, 10, pings=10)
    assert phone.belief.site == "shop"
    phone.heard = ()
    assert phone.ping(heard(52)) == fresh.ping(heard(52))
    assert phone.belief.site == "other"
