import pytest

from tests.factories.brand import beacon_body, faults, floor_body, site_body, zone_body
from tests.factories.catalogue import square

EDITS = [
    ("/sites/shop", site_body(), {"name": "Shop & Co"}),
    ("/sites/shop/floors/ground", floor_body(outline=square(columns=3)), {"level": 1}),
    ("/sites/shop/zones/cafe", zone_body(tags=["food"]), {"tags": ["drink", "food"], "dwell_s": [60]}),
    ("/beacons/b1", beacon_body(), {"status": "retired"}),
]


@pytest.fixture(params=EDITS, ids=["site", "floor", "zone", "beacon"])
def edit(request, brand):
    path, body, change = request.param
    if path != "/sites/shop":
        brand.put("/sites/shop", site_body())
    return path, body, change


def test_a_put_creates_and_the_next_replaces(brand, edit):
    path, body, change = edit

    created = brand.put(path, body)
    replaced = brand.put(path, body | change)

    assert (created.status_code, replaced.status_code) == (201, 200)
    assert created.headers["ETag"] != replaced.headers["ETag"]
    found = brand.get(path)
    assert found.json == replaced.json
    assert found.headers["ETag"] == replaced.headers["ETag"]
    assert change.items() <= found.json.items()


def test_an_identical_put_changes_nothing(brand, edit):
    path, body, _ = edit
    first = brand.put(path, body)

    again = brand.put(path, body)

    assert (again.status_code, again.headers["ETag"], again.json) == (200, first.headers["ETag"], first.json)


def test_what_was_read_can_be_sent_back(brand, edit):
    path, body, _ = edit
    brand.put(path, body)
    read = brand.get(path)

    again = brand.put(path, read.json)

    assert (again.status_code, again.headers["ETag"]) == (200, read.headers["ETag"])


def test_an_edit_over_another_version_is_refused(brand, edit):
    path, body, change = edit
    old = brand.put(path, body).headers["ETag"]
    brand.put(path, body | change)

    assert brand.put(path, body, **{"If-Match": old}).status_code == 412
    assert brand.delete(path, **{"If-Match": old}).status_code == 412
    assert brand.put(path, body, **{"If-None-Match": "*"}).status_code == 412
    assert brand.put(path, body, **{"If-Match": brand.get(path).headers["ETag"]}).status_code == 200


def test_a_reader_who_has_it_already_is_told_so(brand, edit):
    path, body, _ = edit
    tag = brand.put(path, body).headers["ETag"]

    assert brand.get(path, **{"If-None-Match": tag}).status_code == 304


def test_what_is_deleted_is_gone_and_can_be_made_anew(brand, edit):
    path, body, _ = edit
    brand.put(path, body)

    assert brand.delete(path).status_code == 204
    assert brand.get(path).status_code == brand.delete(path).status_code == 404
    assert brand.put(path, body).status_code == 201


def test_lists_go_on_from_page_to_page(brand):
    brand.put("/sites/shop", site_body())
    for name in ("c", "B", "a", "d"):
        brand.put(f"/sites/shop/zones/{name}", zone_body(name=name))
    brand.put("/sites/mall", site_body())
    brand.put("/sites/mall/zones/e", zone_body())

    first = brand.get("/sites/shop/zones?limit=3").json
    second = brand.get(f"/sites/shop/zones?limit=3&cursor={first['next_cursor']}").json

    assert [zone["id"] for zone in first["items"]] == ["B", "a", "c"]
    assert [zone["id"] for zone in second["items"]] == ["d"]
    assert second["next_cursor"] is None
    assert [site["id"] for site in brand.get("/sites").json["items"]] == ["mall", "shop"]


def test_lists_of_a_site_that_there_is_not_are_not_found(brand):
    assert brand.get("/sites/nowhere/zones").status_code == 404
    assert brand.get("/sites/nowhere/floors").status_code == 404
    assert brand.put("/sites/nowhere/zones/cafe", zone_body()).status_code == 404
    assert brand.put("/sites/nowhere/floors/ground", floor_body()).status_code == 404


def test_all_that_is_wrong_is_told_at_once(brand):
    brand.put("/sites/shop", site_body())
    ring = [[4.9, 52.37], [4.9, 152.0], ["4.9", 52.38], [4.9, 52.37]]
    body = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "tags": ["a b"], "sensitve": True}

    assert set(faults(brand.put("/sites/shop/zones/cafe", body))) == {
        "/name",
        "/geometry/coordinates/0/1",
        "/geometry/coordinates/0/2",
        "/tags/0",
        "/sensitve",
    }


def test_a_zone_whose_lines_cross_is_refused_with_reason_and_place(brand):
    brand.put("/sites/shop", site_body())
    bow_tie = {"type": "Polygon", "coordinates": [[[4, 52], [5, 53], [5, 52], [4, 53], [4, 52]]]}

    found = faults(brand.put("/sites/shop/zones/cafe", zone_body(geometry=bow_tie)))

    assert found == {"/geometry/coordinates": "Self-intersection at [4.5, 52.5]"}


def test_swapped_coordinates_are_noticed_beside_the_rest_of_the_site(brand):
    brand.open_shop()
    swapped = {
        "type": "Polygon",
        "coordinates": [[position[::-1] for position in square(2)["coordinates"][0]]],
    }

    answer = brand.put("/sites/shop/zones/toys", zone_body(geometry=swapped))

    assert "km from the rest of the site" in faults(answer)["/geometry"]
    assert "swapped?" in answer.json["errors"][0]["do"]
    beacon = brand.put("/beacons/b1", beacon_body(longitude=52.37, latitude=4.9))
    assert "km from the rest of the site" in faults(beacon)["/longitude"]


def test_what_a_document_names_must_exist(brand):
    assert "/site" in faults(brand.put("/beacons/b1", beacon_body()))
    brand.open_shop()

    assert (
        "shop does not have"
        in faults(brand.put("/sites/shop/zones/cafe", zone_body(floor="attic")))["/floor"]
    )
    assert "/floor" in faults(brand.put("/beacons/b1", beacon_body(floor="attic")))
    assert "/time_zone" in faults(brand.put("/sites/shop", site_body(time_zone="Europe/Atlantis")))


def test_a_body_that_belongs_elsewhere_is_refused(brand):
    brand.open_shop()

    assert faults(brand.put("/sites/shop/zones/toys", zone_body(id="cafe", site="mall"))) == {
        "/id": "is cafe, and the address says toys",
        "/site": "is mall, and the address says shop",
    }


def test_ids_are_checked_in_the_address(brand):
    assert "site_id" in faults(brand.put("/sites/a%20b", site_body()))
    assert "zone_id" in faults(brand.get(f"/sites/shop/zones/{'z' * 65}"))


def test_a_place_with_something_in_it_is_not_deleted(brand):
    brand.open_shop()

    answer = brand.delete("/sites/shop")
    assert (answer.status_code, answer.json["detail"]) == (
        409,
        "The site shop still has 1 floors and 1 zones. Delete them first.",
    )
    assert brand.delete("/sites/shop/floors/ground").status_code == 409
    for path in ("/sites/shop/zones/cafe", "/sites/shop/floors/ground", "/sites/shop"):
        assert brand.delete(path).status_code == 204


def test_the_database_holds_the_zone_as_it_was_drawn(brand, test_cluster, worker_database):
    brand.put("/sites/shop", site_body())
    ring = [[4.9, 52.37], [4.9 + 1 / 3000, 52.37, 7.5], [4.9001, 52.37 + 1 / 7000], [4.9, 52.37]]
    drawn = {"type": "Polygon", "coordinates": [[position[:2] for position in ring]]}
    with_altitude = {"type": "Polygon", "coordinates": [ring]}

    assert brand.put("/sites/shop/zones/cafe", zone_body(geometry=with_altitude)).json["geometry"] == drawn
    with test_cluster.connect(database=worker_database) as connection:
        query = "SELECT ST_X(p.geom), ST_Y(p.geom) FROM zones, ST_DumpPoints(geometry) AS p ORDER BY p.path"
        assert [list(row) for row in connection.execute(query)] == drawn["coordinates"][0]


def test_a_key_without_the_scope_configures_nothing(brand):
    brand.headers = {}

    assert brand.put("/sites/shop", site_body()).status_code == 401
