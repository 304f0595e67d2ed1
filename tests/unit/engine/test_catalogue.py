"""The catalogue after an edit: the ground around zones is drawn again only where the edit may have moved it."""

import pytest

from beacon_service.campaigns.programme import Programme
from beacon_service.engine import Catalogue
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Located
from tests.factories.catalogue import (
    campaign_document,
    documents,
    floor_document,
    place,
    policy_document,
    product_document,
    site_document,
    stock_document,
    trigger_document,
    zone_document,
)


def asking(id_, move, status="published", **measure):
    return campaign_document(id_, trigger=trigger_document("shop/cafe", move=move, **measure), status=status)


NEAR, STAY = asking("near", "approached", within_m=150), asking("stay", "dwelled", dwell_s=30)
FIXES = [Located("position", (), *place(0.5, row), 10.0) for row in (0.5, 3, 9, 40)]
FIRST = documents(sites=[site_document()], zones=[zone_document("cafe")], campaigns=[NEAR, STAY])


def edited(**kinds):
    """(before, after, what would be made of it from nothing)"""
    changes = documents(**({"sites": []} | kinds), version=2)
    places, programme = Places().updated(FIRST), Programme().updated(FIRST)
    before = Catalogue.of(1, places, programme)
    places, programme = places.updated(changes), programme.updated(changes)
    return before, Catalogue.of(2, places, programme, before), Catalogue.of(2, places, programme)


def told_of(catalogue):
    """All that is worked out of zones and campaigns together."""
    rings = catalogue.rings
    return (
        rings.by_key,
        rings.digest,
        rings.nearness(FIXES),
        catalogue.dwells,
        catalogue.nears,
        catalogue.span,
    )


@pytest.mark.parametrize(
    "edit",
    [
        {"stock": [stock_document()]},
        {"products": [product_document()]},
        {"policy": policy_document()},
        {"sites": [site_document(time_zone="Europe/Lisbon")]},
        {"campaigns": [campaign_document("coffee")]},
        {"campaigns": [NEAR | {"revision": 2, "priority": 9}]},
        {"campaigns": [asking("also-near", "approached", within_m=150)]},
        {"campaigns": [asking("draft", "approached", "draft", within_m=20)]},
    ],
)
def test_an_edit_that_moves_no_ring_draws_none(edit):
    before, after, _ = edited(**edit)
    assert after.rings is before.rings
    assert after.dwells is before.dwells


@pytest.mark.parametrize(
    "edit",
    [
        {"zones": [zone_document("bar")]},
        {"zones": [zone_document("cafe", sensitive=True)]},
        {"deleted": [("zone", "shop/cafe")]},
        {"floors": [floor_document()]},
        {"campaigns": [asking("near", "approached", within_m=20)]},
        {"campaigns": [asking("near", "approached", "paused", within_m=150)]},
        {"campaigns": [asking("stay", "dwelled", dwell_s=60)]},
        {"deleted": [("campaign", "near")]},
    ],
)
def test_after_any_other_they_are_as_if_made_from_nothing(edit):
    before, after, anew = edited(**edit)
    assert (before.rings, before.dwells) != (after.rings, after.dwells)
    assert told_of(after) == told_of(anew)
