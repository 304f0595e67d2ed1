"""A phone that lies still is in one zone, surveyed or not, and gone when it is taken away.

Each ping is far noisier than the survey was, and every sixth second is silent.
"""

from itertools import pairwise
from random import Random

import pytest

from beacon_service.campaigns.programme import Programme
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine import Catalogue, Ping, World, follow
from beacon_service.visits.advance import primary
from beacon_service.visits.model import Presence
from tests.factories.catalogue import beacon_document, floor_document, places
from tests.factories.presence import at
from tests.factories.surveyed import (
    FLOORS,
    TRANSMITTERS,
    WING_M,
    WINGS,
    hearing,
    ibeacon,
    spot,
    surveyed_places,
    wings,
)

HOUR_S = 3600
SILENT_SHARE, NOISE_DB = 0.17, 6.0
# A first ping may hold but one faint transmitter; by then the belief has settled.
SETTLED_S = 60
# Half a minute of fixes near each other, and on the border of two wings some of them begin anew.
SETTLED_BY_BEACONS_S = 90


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.of(1, surveyed_places(), Programme())


@pytest.fixture(scope="module")
def unsurveyed():
    """The same corridor, located by where its transmitters hang."""
    hung = [
        beacon_document(
            f"b{number}",
            identities=[ibeacon(number)],
            floor=FLOORS[level],
            longitude=spot(x, y)[0],
            latitude=spot(x, y)[1],
        )
        for number, (level, x, y) in TRANSMITTERS.items()
    ]
    return Catalogue.of(
        1,
        places(
            floors=[floor_document(floor, level=level) for level, floor in enumerate(FLOORS)],
            zones=wings(),
            beacons=hung,
        ),
        Programme(),
    )


class Held:
    """One installation and the wings that it is held to be in by turns: (second, wing)."""

    def __init__(self, catalogue, seed):
        self.catalogue, self.random = catalogue, Random(seed)
        self.presence, self.second, self.changes = Presence(), 0, []

    def hear(self, x_m):
        self.second += 1
        heard = hearing(self.random, 0, x_m, 3.0, noise_db=NOISE_DB)
        if self.random.random() < SILENT_SHARE or not heard:
            return
        now = at(self.second)
        ping = Ping(1, str(self.second), now, 0, 0, "", sightings=heard)
        installation = Installation(1, "1", 1, location=True, presence=self.presence)
        customer = Customer(1, "1", anonymous=True, attributes={}, marketing=False)
        _, changed = follow(self.catalogue, World({1: installation}, {1: customer}, {}, {}), [ping], now)
        self.presence = changed.get(1, self.presence)
        zone = primary(self.presence, self.catalogue.places)
        name = zone.removeprefix("shop/ground-") if zone else None
        if name != (self.changes[-1][1] if self.changes else None):
            self.changes.append((self.second, name))

    def lie(self, x_m, seconds):
        for _ in range(seconds):
            self.hear(x_m)


def wing(x_m):
    return WINGS[int(x_m / WING_M)]


# What an hour runs through is what a minute runs through below, and counting its lines takes longer than the hour.
uncounted = pytest.mark.no_cover


# Up to a metre from the border of two wings; eight transmitters tell a place within four.
@uncounted
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("x_m", [5, 10, 15, 17, 19, 21, 23, 25, 30, 39, 41, 50, 55])
def test_who_lies_still_for_an_hour_changes_no_zone(catalogue, x_m, seed):
    phone = Held(catalogue, seed)
    phone.lie(x_m, HOUR_S)

    assert [change for change in phone.changes if change[0] > SETTLED_S] == []
    assert phone.changes


@uncounted
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("x_m", [5, 10, 15, 17, 19, 21, 23, 25, 30, 39, 41, 50, 55])
def test_nor_does_who_is_located_by_beacons(unsurveyed, x_m, seed):
    phone = Held(unsurveyed, seed)
    phone.lie(x_m, HOUR_S)

    assert [change for change in phone.changes if change[0] > SETTLED_BY_BEACONS_S] == []
    assert phone.changes


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("x_m", [8, 30, 52])
def test_who_lies_well_inside_is_held_to_be_there(catalogue, x_m, seed):
    phone = Held(catalogue, seed)
    phone.lie(x_m, SETTLED_S)
    assert phone.changes[-1][1] == wing(x_m)
    assert len(phone.changes) <= 3


@uncounted
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("located_by", "seconds"), [("catalogue", 12), ("unsurveyed", 20)])
def test_who_has_rested_for_an_hour_and_walks_off_is_noticed_within_seconds(
    request, located_by, seconds, seed
):
    phone = Held(request.getfixturevalue(located_by), seed)
    phone.lie(5, HOUR_S)
    rested = len(phone.changes)

    for step in range(50):  # a metre a second
        phone.hear(5 + step)
    phone.lie(55, 10)
    walked = [(second - HOUR_S, name) for second, name in phone.changes[rested:]]
    assert [name for _, name in walked] == ["middle", "east"]
    assert all(second <= crossed + seconds for (second, _), crossed in zip(walked, (15, 35), strict=True))
    assert all(before < after for before, after in pairwise(second for second, _ in walked))
