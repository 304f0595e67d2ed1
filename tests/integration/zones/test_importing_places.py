from tests.factories.brand import beacon_body, collection, faults, feature, site_body
from tests.factories.catalogue import place, square

ZONES, BEACONS = "/sites/shop/zones/imports", "/sites/shop/beacons/imports"


def point(column=0.5, row=0.5):
    return {"type": "Point", "coordinates": list(place(column, row))}


def beacon_feature(id_, **properties):
    return feature(id_, point(), identities=beacon_body()["identities"], **properties)


def test_a_collection_of_zones_comes_in_as_one_edit(brand):
    brand.open_shop()

    answer = brand.post(
        ZONES, collection(feature("wine", floor="ground", name="Wine", tags=["food"]), feature("toys"))
    )

    assert answer.status_code == 200
    assert (answer.json["created"], answer.json["replaced"], answer.json["unchanged"]) == (2, 0, 0)
    wine, toys = (brand.get(f"/sites/shop/zones/{zone}") for zone in ("wine", "toys"))
    assert (wine.json["name"], wine.json["floor"], wine.json["tags"]) == ("Wine", "ground", ["food"])
    assert toys.json["name"] == "toys"
    assert wine.headers["ETag"] == toys.headers["ETag"] == f'"{answer.json["version"]}"'


def test_an_import_can_be_repeated(brand):
    brand.open_shop()
    brand.post(ZONES, collection(feature("wine"), feature("toys")))

    answer = brand.post(ZONES, collection(feature("wine"), feature("toys", name="Toys"), feature("books")))
    assert (answer.json["created"], answer.json["replaced"], answer.json["unchanged"]) == (1, 1, 1)
    again = brand.post(ZONES, collection(feature("wine")))
    assert again.json == {"created": 0, "replaced": 0, "unchanged": 1, "version": None}


def test_all_or_nothing_comes_in_and_every_fault_names_its_feature(brand):
    brand.open_shop()
    bow_tie = {"type": "Polygon", "coordinates": [[[4, 52], [5, 53], [5, 52], [4, 53], [4, 52]]]}
    swapped = {
        "type": "Polygon",
        "coordinates": [[position[::-1] for position in square(2)["coordinates"][0]]],
    }

    answer = brand.post(
        ZONES,
        collection(
            feature("good"),
            feature("crossed", bow_tie),
            feature("upstairs", floor="attic"),
            feature("far", swapped),
            feature("misspelt", sensitve=True),
            feature("good"),
            feature(None),
            feature("elsewhere", site="mall"),
            "no feature",
        ),
    )

    assert faults(answer) == {
        "/features/1/geometry/coordinates": "zone crossed: Self-intersection at [4.5, 52.5]",
        "/features/2/properties/floor": "zone upstairs: names the floor attic, which the site shop does not have",
        "/features/3/geometry": faults(answer)["/features/3/geometry"],
        "/features/4/properties/sensitve": "zone misspelt: Extra inputs are not permitted",
        "/features/5/id": "zone good: is feature 0 too",
        "/features/6/id": "has no id",
        "/features/7/properties/site": "zone elsewhere: says mall, and it is shop",
        "/features/8": "is not a GeoJSON Feature",
    }
    assert "zone far: lies" in faults(answer)["/features/3/geometry"]
    assert brand.get("/sites/shop/zones/good").status_code == 404


def test_one_swapped_zone_among_many_is_noticed_in_an_empty_site_too(brand):
    brand.put("/sites/shop", site_body())
    swapped = {
        "type": "Polygon",
        "coordinates": [[position[::-1] for position in square()["coordinates"][0]]],
    }

    answer = brand.post(ZONES, collection(feature("a"), feature("b", swapped), feature("c")))

    assert list(faults(answer)) == ["/features/1/geometry"]


def test_zones_with_their_names_as_properties_come_in(brand):
    brand.open_shop()
    named = feature(None, zone="wine", site="shop", floor="ground")

    assert brand.post(ZONES, collection(named)).json["created"] == 1
    assert brand.get("/sites/shop/zones/wine").json["floor"] == "ground"


def test_beacons_come_in_from_points(brand):
    brand.open_shop()

    answer = brand.post(
        BEACONS, collection(beacon_feature("b1", floor="ground", tx_power_dbm=-59), beacon_feature(7))
    )

    assert answer.json["created"] == 2
    found = brand.get("/beacons/b1").json
    assert [found["longitude"], found["latitude"]] == point()["coordinates"]
    assert (found["site"], found["floor"], found["tx_power_dbm"]) == ("shop", "ground", -59)
    assert found["identities"] == [
        {"type": "ibeacon", "uuid": "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21", "major": 1, "minor": 2}
    ]
    assert brand.get("/beacons/7").status_code == 200


def test_faults_of_beacons_name_their_feature(brand):
    brand.open_shop()
    answer = brand.post(
        BEACONS,
        collection(
            feature("square", identities=beacon_body()["identities"]),
            feature("nameless", point()),
            feature("wrong", point(), identities=[{"type": "ibeacon", "uuid": "x", "major": 1, "minor": 1}]),
            beacon_feature("upstairs", floor="attic"),
            feature(
                "off", {"type": "Point", "coordinates": [4.9, 95]}, identities=beacon_body()["identities"]
            ),
        ),
    )

    assert set(faults(answer)) == {
        "/features/0/geometry/type",
        "/features/1/properties/identities",
        "/features/2/properties/identities/0",
        "/features/3/properties/floor",
        "/features/4/geometry/coordinates",
    }


def test_an_import_into_a_site_that_there_is_not_is_not_found(brand):
    assert brand.post(ZONES, collection()).status_code == 404
