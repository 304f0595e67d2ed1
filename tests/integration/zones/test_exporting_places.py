"""What is exported is what an import takes, and imported again it changes nothing."""

import json

import pytest

from beacon_service.configuration import shelf
from tests.factories.brand import beacon_body, collection, faults, feature, floor_body, site_body, zone_body
from tests.factories.catalogue import place, square

HOURS = [{"days": ["mon", "sat"], "opens": "09:00", "closes": "24:00"}]
EXPORT, IMPORT = "/sites/shop/{}/exports", "/sites/shop/{}/imports"


@pytest.fixture
def shop(brand):
    """With one zone of each kind, and beacons with much and with little to say."""
    brand.open_shop()
    hall = zone_body(
        name="Hall", geometry=square(columns=6, rows=6), floor="ground", priority=3, dwell_s=[10, 60]
    )
    round_ = {"geometry": {"type": "Point", "coordinates": list(place(2, 2))}, "radius_m": 7.5}
    ring = {
        "type": "Polygon",
        "coordinates": [square(columns=3, rows=3)["coordinates"][0], square(1, 1)["coordinates"][0]],
    }
    bodies = {
        "hall": hall,
        "bar": zone_body(
            **round_, floor="ground", parent="hall", hours=HOURS, tags=["food"], category="food"
        ),
        "clinic": zone_body(geometry=ring, category="health", enter_confirm=3, exit_hold_s=0),
    }
    for name, body in bodies.items():
        assert brand.put(f"/sites/shop/zones/{name}", body).status_code == 201
    mac = [{"type": "mac", "mac": "AC:23:3F:5A:0B:1C"}]
    assert brand.put("/beacons/b1", beacon_body(floor="ground", tx_power_dbm=-59)).status_code == 201
    assert brand.put("/beacons/b2", beacon_body(identities=mac, status="quarantined")).status_code == 201
    return brand


@pytest.mark.parametrize(("kind", "count"), [("zones", 4), ("beacons", 2)])
def test_an_export_comes_in_again_unchanged(shop, kind, count):
    exported = shop.get(EXPORT.format(kind))

    assert exported.status_code == 200
    assert exported.mimetype == "application/geo+json"
    assert int(exported.headers["Content-Length"]) == len(exported.data)
    again = shop.post(IMPORT.format(kind), exported.json)
    assert again.json == {"created": 0, "replaced": 0, "unchanged": count, "version": None}


def test_an_export_may_found_another_site(shop):
    zones = shop.get(EXPORT.format("zones")).json
    shop.put("/sites/mall", site_body())
    shop.put("/sites/mall/floors/ground", floor_body())

    assert shop.post("/sites/mall/zones/imports", zones).json["created"] == 4

    bar = shop.get("/sites/mall/zones/bar").json
    assert bar == shop.get("/sites/shop/zones/bar").json | {"site": "mall"}
    assert shop.get("/sites/mall/zones/exports").json == zones


def test_zones_are_told_as_they_were_drawn_and_by_id(shop):
    bar, cafe, clinic, hall = shop.get(EXPORT.format("zones")).json["features"]

    assert [one["id"] for one in (bar, cafe, clinic, hall)] == ["bar", "cafe", "clinic", "hall"]
    assert bar["geometry"] == {"type": "Point", "coordinates": list(place(2, 2))}
    assert bar["properties"] == {
        "name": "Café",
        "floor": "ground",
        "parent": "hall",
        "category": "food",
        "hours": HOURS,
        "radius_m": 7.5,
        "tags": ["food"],
        "priority": 0,
        "sensitive": False,
        "dwell_s": [],
    }
    assert clinic["properties"]["sensitive"] is True


def test_a_reader_who_has_this_version_is_told_so(shop):
    tag = shop.get(EXPORT.format("zones")).headers["ETag"]

    assert shop.get(EXPORT.format("zones"), **{"If-None-Match": tag}).status_code == 304
    assert shop.get(EXPORT.format("beacons"), **{"If-None-Match": tag}).status_code == 304
    edited = shop.put("/sites/shop/zones/cafe", zone_body(name="Bar", floor="ground")).headers["ETag"]
    changed = shop.get(EXPORT.format("zones"), **{"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"]) == (200, edited)


def test_a_site_with_nothing_and_one_that_there_is_not(brand):
    brand.put("/sites/shop", site_body())

    for kind in ("zones", "beacons"):
        assert brand.get(EXPORT.format(kind)).json == collection()
        assert brand.get(f"/sites/nowhere/{kind}/exports").status_code == 404
        assert set(faults(brand.get(f"/sites/a%20b/{kind}/exports"))) == {"site_id"}


def test_many_zones_are_read_few_at_a_time(brand, monkeypatch):
    monkeypatch.setattr(shelf, "AT_ONCE", 7)
    brand.put("/sites/shop", site_body())
    many = [feature(f"z{number:03}", square(number)) for number in range(100)]
    assert brand.post(IMPORT.format("zones"), collection(*many)).json["created"] == 100

    exported = brand.get(EXPORT.format("zones"))

    assert [one["id"] for one in exported.json["features"]] == [one["id"] for one in many]
    lines = exported.text.splitlines()
    assert len(lines) == 102
    assert json.loads(lines[1].rstrip(","))["id"] == "z000"
