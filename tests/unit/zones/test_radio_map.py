"""What a radio map tells of itself."""

import pytest

from beacon_service.zones.model import Sighting
from tests.factories.surveyed import ibeacon, mac, radio_map


@pytest.fixture(scope="module")
def known():
    return radio_map()


def test_a_transmitter_is_known_by_its_address_before_what_it_advertised(known):
    assert known.row(Sighting(ibeacon(2), mac(3), -60)) == known.numbers[mac(3)]
    assert known.row(Sighting(ibeacon(2), mac(99), -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(ibeacon(2), None, -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(None, mac(2), -60)) == known.numbers[mac(2)]
    assert known.row(Sighting(ibeacon(99), mac(99), -60)) is None
    assert known.row(Sighting(None, None, -60)) is None


def test_somebody_of_whom_nothing_is_known_is_where_people_walk(known):
    assert float(known.prior.sum()) == pytest.approx(1.0, abs=1e-5)
    assert (known.prior > 0).all()
