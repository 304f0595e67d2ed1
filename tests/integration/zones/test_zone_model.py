"""Parents, circles, categories and hours, as the API takes and keeps them."""

import math

import psycopg
import pytest
import shapely

from beacon_service.zones import geometry as geometries
from beacon_service.zones.circles import circle
from tests.factories.brand import campaign_body, collection, faults, feature, floor_body, site_body, zone_body
from tests.factories.catalogue import place, square, trigger_document

ZONES = "/sites/shop/zones/imports"
HALL = square(columns=6, rows=4)


def point(longitude, latitude):
    return {"type": "Point", "coordinates": [longitude, latitude]}


@pytest.fixture
def shop(brand):
    brand.open_shop()
    assert brand.put("/sites/shop/zones/hall", zone_body(geometry=HALL, floor="ground")).status_code == 201
    return brand


@pytest.fixture
def database(test_cluster, worker_database):
    with test_cluster.connect(database=worker_database) as opened:
        yield opened


def child(**fields):
    return zone_body(**({"geometry": square(1, 1), "floor": "ground", "parent": "hall"} | fields))


def test_a_parent_is_kept_and_can_be_taken_back(shop):
    assert shop.put("/sites/shop/zones/shelf", child()).json["parent"] == "hall"
    assert shop.put("/sites/shop/zones/shelf", child(parent=None)).json["parent"] is None


def test_a_parent_that_cannot_be_is_refused(shop):
    shop.put("/sites/shop/floors/first", floor_body(level=1))
    shop.put("/sites/shop/zones/shelf", child())
    for body, what in (
        (child(parent="hell"), "names the zone hell, which the site shop does not have"),
        (child(parent="shelf"), "is the zone itself"),
        (child(floor="first"), "is hall, which is on the floor ground, and this is on the floor first"),
        (child(geometry=square(20)), "is hall, which does not cover the middle of this zone"),
    ):
        assert faults(shop.put("/sites/shop/zones/shelf", body)) == {"/parent": what}
    in_a_circle = shop.put("/sites/shop/zones/hall", zone_body(geometry=HALL, floor="ground", parent="shelf"))
    assert faults(in_a_circle)["/parent"] == "goes round in a circle: hall in shelf in hall"


def test_a_parent_stays_where_its_children_are(shop):
    shop.put("/sites/shop/zones/shelf", child())

    moved = shop.put("/sites/shop/zones/hall", zone_body(geometry=square(20), floor="ground"))

    assert "leave the zone shelf with a wrong parent" in faults(moved)["/geometry"]


def test_a_parent_is_not_deleted_before_its_children(shop):
    for number in range(12):
        shop.put(f"/sites/shop/zones/shelf-{number:02}", child())

    refused = shop.delete("/sites/shop/zones/hall")

    assert refused.status_code == 409
    assert "is the parent of shelf-00, shelf-01" in refused.json["detail"]
    assert "shelf-09 and 2 more." in refused.json["detail"]
    assert shop.get("/sites/shop/zones/hall").status_code == 200


def test_a_child_may_come_in_before_its_parent_in_the_same_import(shop):
    shelf = feature("shelf", square(1, 1), parent="aisle")
    aisle = feature("aisle", square(1, 1, columns=3), floor=None)

    assert shop.post(ZONES, collection(shelf, aisle)).json["created"] == 2
    alone = shop.post(ZONES, collection(feature("tray", square(1, 1), parent="table")))
    assert faults(alone) == {
        "/features/0/properties/parent": "zone tray: names the zone table, which the site shop does not have"
    }


@pytest.mark.parametrize("centre", [(4.9, 0.0), (24.94, 60.17), (-0.5, -75.0)])
@pytest.mark.parametrize("radius_m", [0.5, 25.0, 50_000.0])
def test_a_circle_is_kept_as_drawn_and_covers_what_it_should(brand, database, centre, radius_m):
    """PostGIS measures on the ellipsoid, independently of what made the corners."""
    brand.put("/sites/shop", site_body())
    body = zone_body(geometry=point(*centre), radius_m=radius_m)

    assert brand.put("/sites/shop/zones/round", body).status_code == 201

    shown = brand.get("/sites/shop/zones/round").json
    assert (shown["geometry"], shown["radius_m"]) == (point(*centre), radius_m)
    area, corners, nearest, farthest, wkb = database.execute(
        """
        SELECT ST_Area(geometry::geography), ST_NPoints(geometry) - 1,
            (SELECT min(ST_Distance(corner.geom::geography, middle)) FROM ST_DumpPoints(geometry) AS corner),
            (SELECT max(ST_Distance(corner.geom::geography, middle)) FROM ST_DumpPoints(geometry) AS corner),
            ST_AsBinary(geometry)
        FROM zones, geography(ST_SetSRID(ST_MakePoint(%s, %s), 4326)) AS middle
        """,
        centre,
    ).fetchone()
    assert corners >= 64
    assert area == pytest.approx(math.pi * radius_m**2, rel=2e-4)
    assert nearest == pytest.approx(radius_m * 1.0008, rel=1e-5, abs=1e-4)
    assert farthest == pytest.approx(radius_m * 1.0008, rel=1e-5, abs=1e-4)
    # What the index holds is to the last bit what the database holds.
    assert shapely.from_wkb(wkb).equals_exact(circle(*centre, radius_m), tolerance=0)


def test_a_circle_without_its_radius_and_one_over_the_edge_of_the_map_are_refused(brand):
    brand.put("/sites/shop", site_body())

    def refused(**fields):
        return faults(brand.put("/sites/shop/zones/round", zone_body(**fields)))

    assert set(refused(geometry=point(4.9, 52.37))) == {"/radius_m"}
    assert set(refused(geometry=square(), radius_m=5)) == {"/radius_m"}
    assert "antimeridian" in refused(geometry=point(180.0, -17.0), radius_m=5)["/geometry/coordinates"]
    assert "pole" in refused(geometry=point(4.9, 84.99), radius_m=5000)["/geometry/coordinates"]
    imported = brand.post(
        ZONES, collection(feature("a", point(4.9, 52.37)), feature("b", point(180, 1), radius_m=9))
    )
    assert set(faults(imported)) == {"/features/0/properties/radius_m", "/features/1/geometry/coordinates"}


def test_a_site_may_lie_on_both_sides_of_the_antimeridian(brand):
    brand.put("/sites/shop", site_body(time_zone="Pacific/Fiji"))

    def box(west):
        ring = [[west, -17], [west + 0.001, -17], [west + 0.001, -16.999], [west, -16.999], [west, -17]]
        return {"type": "Polygon", "coordinates": [ring]}

    both = [feature("east", box(-179.99)), feature("west", box(179.98))]
    assert brand.post(ZONES, collection(*both)).json["created"] == 2
    assert brand.put("/sites/shop/zones/east-2", zone_body(geometry=box(-179.97))).status_code == 201
    assert brand.put("/sites/shop/zones/west-2", zone_body(geometry=box(179.97))).status_code == 201
    assert (
        "km from the rest"
        in faults(brand.put("/sites/shop/zones/x", zone_body(geometry=box(0.0))))["/geometry"]
    )


def test_what_only_postgis_refuses_is_told_and_no_error_of_ours(brand, monkeypatch):
    """As if our GEOS were laxer than the database's."""
    brand.put("/sites/shop", site_body())
    monkeypatch.setattr(geometries, "_shape_flaws", lambda shape: [])
    bow_tie = {"type": "Polygon", "coordinates": [[[4, 52], [5, 53], [5, 52], [4, 53], [4, 52]]]}
    expected = "Self-intersection at [4.5, 52.5]"

    alone = brand.put("/sites/shop/zones/cafe", zone_body(geometry=bow_tie))
    imported = brand.post(ZONES, collection(feature("good"), feature("crossed", bow_tie)))
    outline = brand.put("/sites/shop/floors/ground", floor_body(outline=bow_tie))

    assert faults(alone) == {"/geometry/coordinates": expected}
    assert faults(imported) == {"/features/1/geometry/coordinates": f"zone crossed: {expected}"}
    assert faults(outline) == {"/outline/coordinates": expected}


def test_an_outline_far_from_the_rest_of_the_site_is_refused(shop):
    swapped = {"type": "Polygon", "coordinates": [[position[::-1] for position in HALL["coordinates"][0]]]}

    assert (
        "km from the rest"
        in faults(shop.put("/sites/shop/floors/first", floor_body(outline=swapped)))["/outline"]
    )
    assert shop.put("/sites/shop/floors/first", floor_body(outline=HALL)).status_code == 201


def test_holes_and_parts_are_kept_as_drawn(brand):
    brand.put("/sites/shop", site_body())
    ring = {
        "type": "Polygon",
        "coordinates": [square(columns=3, rows=3)["coordinates"][0], square(1, 1)["coordinates"][0]],
    }
    parts = {"type": "MultiPolygon", "coordinates": [ring["coordinates"], square(5)["coordinates"]]}
    for shape in (ring, parts):
        assert brand.put("/sites/shop/zones/a", zone_body(geometry=shape)).json["geometry"] == shape


def test_a_sensitive_category_makes_the_zone_sensitive_for_good(shop, database):
    made = shop.put("/sites/shop/zones/clinic", child(category="health"))

    assert (made.status_code, made.json["sensitive"], made.json["category"]) == (201, True, "health")
    assert database.execute("SELECT sensitive FROM zones WHERE id = 'clinic'").fetchone() == (True,)
    assert "/sensitive" in faults(
        shop.put("/sites/shop/zones/clinic", child(category="health", sensitive=False))
    )
    imported = shop.post(ZONES, collection(feature("school", category="school", sensitive=False)))
    assert set(faults(imported)) == {"/features/0/properties/sensitive"}


def test_a_zone_that_published_campaigns_name_does_not_become_sensitive_behind_their_back(shop):
    named = campaign_body(trigger=trigger_document("shop/hall"))
    assert shop.put("/campaigns/coffee", named).status_code == 201
    for fields in ({"sensitive": True}, {"category": "shelter"}):
        refused = shop.put("/sites/shop/zones/hall", zone_body(geometry=HALL, floor="ground", **fields))
        assert refused.status_code == 409
        assert "published campaigns name it: coffee. Pause or end them" in refused.json["detail"]
    imported = shop.post(ZONES, collection(feature("hall", HALL, floor="ground", sensitive=True)))
    assert "name it: coffee" in faults(imported)["/features/0/properties/sensitive"]

    shop.put("/campaigns/coffee", named | {"status": "paused"})
    assert shop.put("/sites/shop/zones/hall", zone_body(geometry=HALL, sensitive=True)).status_code == 200
    assert "sensitive" in faults(shop.put("/campaigns/coffee", named))["/trigger/zones/0"]


def test_hours_are_kept_and_answered(brand):
    hours = [{"days": ["mon", "tue"], "opens": "09:00", "closes": "24:00"}]
    assert brand.put("/sites/shop", site_body(hours=hours)).json["hours"] == hours
    assert brand.put("/sites/shop/zones/bar", zone_body(hours=hours)).json["hours"] == hours
    assert brand.get("/sites").json["items"][0]["hours"] == hours
    assert brand.put("/sites/shop/zones/bar", zone_body()).json["hours"] is None


def test_what_was_read_can_be_sent_back_with_all_that_a_zone_may_say(shop):
    hours = [{"days": ["sat"], "opens": "22:00", "closes": "04:00"}]
    full = child(geometry=point(*place(1.5, 1.5)), radius_m=4, category="food", hours=hours, dwell_s=[30])
    first = shop.put("/sites/shop/zones/bar", full)

    again = shop.put("/sites/shop/zones/bar", first.json)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["ETag"] == first.headers["ETag"]


def test_names_that_are_addresses_are_no_zones(shop):
    assert set(faults(shop.put("/sites/shop/zones/exports", zone_body()))) == {"/id"}
    assert set(faults(shop.post(ZONES, collection(feature("exports"))))) == {"/features/0/id"}


def test_the_database_itself_refuses_a_parent_that_is_not_there(shop, database):
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("UPDATE zones SET parent_id = 'gone' WHERE id = 'hall'")
