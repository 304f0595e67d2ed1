"""Surveys come in over HTTP: whole or not at all, each once, and what is wrong is named by walk and row."""

import pytest
from shapely.geometry import shape

from beacon_service.db import transaction
from beacon_service.positioning.store import ground
from tests.factories.brand import faults, floor_body, site_body, zone_body
from tests.factories.catalogue import square
from tests.factories.survey import survey_body


def test_a_survey_is_kept_and_a_map_is_asked_for(brand):
    answer = brand.post("/sites/shop/surveys", survey_body())

    assert (answer.status_code, answer.json) == (202, {"survey": 1, "radio_map": 1})
    (kept,) = brand.get("/sites/shop/surveys").json["items"]
    assert kept["actor"].startswith("key:")
    counts = {
        name: kept[name] for name in ("floors", "walks", "waypoints", "sightings", "left_out", "withdrawn_at")
    }
    assert counts == {
        "floors": ["ground"], "walks": 2, "waypoints": 6, "sightings": 480, "left_out": 0, "withdrawn_at": None
    }  # fmt: skip
    (queued,) = brand.get("/sites/shop/radio-maps").json["items"]
    assert (queued["status"], queued["progress"], queued["eta_s"], queued["active"]) == (
        "queued",
        0,
        None,
        False,
    )


def test_surveys_add_up_and_one_map_is_learned_from_all(brand):
    brand.post("/sites/shop/surveys", survey_body())
    answer = brand.post("/sites/shop/surveys", survey_body(begins_ms=1_772_500_000_000))

    assert answer.json == {"survey": 2, "radio_map": 1}
    assert [one["number"] for one in brand.get("/sites/shop/surveys").json["items"]] == [2, 1]


def test_the_same_walks_do_not_come_in_twice(brand):
    brand.post("/sites/shop/surveys", survey_body())
    again = brand.post("/sites/shop/surveys", survey_body())

    assert (again.status_code, again.json["code"]) == (409, "conflict")
    assert "survey 1 already" in again.json["detail"]
    assert brand.delete("/sites/shop/surveys/1").status_code == 204
    assert brand.post("/sites/shop/surveys", survey_body()).json["survey"] == 2


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("walks", 1, "sightings", 3, "rssi"), "loud", "/walks/1/sightings/3/rssi"),
        (("walks", 1, "sightings", 3, "rssi"), 70, "/walks/1/sightings/3/rssi"),
        (("walks", 1, "sightings", 3, "mac"), "ac:23", "/walks/1/sightings/3/mac"),
        (("walks", 1, "sightings", 3, "major"), 70_000, "/walks/1/sightings/3/major"),
        (("walks", 1, "sightings", 3, "type"), "wifi", "/walks/1/sightings/3/type"),
        (("walks", 1, "sightings", 3, "t_ms"), -1, "/walks/1/sightings/3/t_ms"),
        (("walks", 1, "sightings", 3, "colour"), "red", "/walks/1/sightings/3/colour"),
        (("walks", 0, "waypoints", 1, "lat"), 91, "/walks/0/waypoints/1/lat"),
        (("walks", 0, "waypoints"), [], "/walks/0/waypoints"),
        (("walks", 1, "trace"), "walk-1", "/walks/1/trace"),
        (("walks",), [], "/walks"),
    ],
)
def test_what_makes_no_sense_is_named_by_walk_and_row(brand, path, value, where):
    body = survey_body()
    within = body
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = value

    assert list(faults(brand.post("/sites/shop/surveys", body))) == [where]
    assert brand.get("/sites/shop/surveys").json["items"] == []


def test_what_identifies_nothing_is_named(brand):
    body = survey_body()
    body["walks"][0]["sightings"][0] = {"t_ms": 1, "rssi": -70}

    assert list(faults(brand.post("/sites/shop/surveys", body))) == ["/walks/0/sightings/0/mac"]


def test_walks_without_a_sighting_teach_nothing(brand):
    body = survey_body()
    for walk in body["walks"]:
        walk["sightings"] = []

    assert list(faults(brand.post("/sites/shop/surveys", body))) == ["/walks"]


def test_floors_that_the_site_does_not_have_are_named_once_a_walk(brand):
    found = faults(brand.post("/sites/shop/surveys", survey_body(floor="attic")))

    assert found == dict.fromkeys(
        ("/walks/0", "/walks/1"), "is on the floor attic, which the site does not have"
    )


def test_a_walk_that_is_elsewhere_is_not_this_sites(brand):
    body = survey_body()
    for point in body["walks"][1]["waypoints"]:
        point["lat"], point["lon"] = point["lon"], point["lat"]

    ((where, what),) = faults(brand.post("/sites/shop/surveys", body)).items()
    assert where == "/walks/1"
    assert "its waypoint 1 lies" in what
    near = survey_body()
    near["walks"][0]["waypoints"][0]["lat"] += 0.015
    assert brand.post("/sites/shop/surveys", near).status_code == 202


def test_there_is_no_survey_of_a_site_that_there_is_not(brand):
    for answer in (
        brand.post("/sites/nowhere/surveys", survey_body()),
        brand.get("/sites/nowhere/surveys"),
        brand.get("/sites/nowhere/radio-maps"),
        brand.post("/sites/nowhere/radio-maps", {}),
        brand.delete("/sites/shop/surveys/7"),
        brand.delete(f"/sites/shop/surveys/{10**30}"),
        brand.get(f"/sites/shop/radio-maps/{10**30}"),
        brand.get("/sites/shop/radio-map"),
        brand.delete("/sites/shop/radio-map"),
        brand.put("/sites/shop/radio-map", {"number": 1}),
    ):
        assert answer.status_code == 404, answer.json


def test_nothing_is_learned_without_a_survey(brand):
    assert brand.post("/sites/shop/radio-maps", {}).status_code == 409
    brand.post("/sites/shop/surveys", survey_body())
    brand.delete("/sites/shop/surveys/1")
    assert brand.post("/sites/shop/radio-maps", {}).status_code == 409


def test_lists_come_in_pages(brand):
    for number in range(3):
        brand.post("/sites/shop/surveys", survey_body(begins_ms=1_000_000 * number))

    first = brand.get("/sites/shop/surveys?limit=2").json
    assert [one["number"] for one in first["items"]] == [3, 2]
    rest = brand.get(f"/sites/shop/surveys?limit=2&cursor={first['next_cursor']}").json
    assert ([one["number"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)
    foreign = brand.get("/sites?limit=1")
    brand.put("/sites/other", site_body())
    foreign = brand.get("/sites?limit=1").json["next_cursor"]
    assert brand.get(f"/sites/shop/radio-maps?cursor={foreign}").json["code"] == "cursor_invalid"


def test_a_site_with_a_survey_is_not_deleted(brand):
    brand.post("/sites/shop/surveys", survey_body())
    brand.delete("/sites/shop/zones/cafe")
    brand.delete("/sites/shop/floors/ground")

    refused = brand.delete("/sites/shop")
    assert (refused.status_code, "1 surveys that are not withdrawn" in refused.json["detail"]) == (409, True)
    brand.delete("/sites/shop/surveys/1")
    assert brand.delete("/sites/shop").status_code == 204


def test_one_can_be_in_the_zones_of_a_floor_or_where_it_has_none_within_its_outline(brand, engine):
    brand.put("/sites/shop/floors/top", floor_body(level=2, outline=square(columns=9)))
    brand.put("/sites/shop/floors/cellar", floor_body(level=-1))
    brand.put("/sites/shop/floors/ground", floor_body(outline=square(columns=9)))
    brand.put("/sites/shop/zones/square", zone_body(geometry=square(20)))

    with transaction(engine) as connection:
        found = ground(connection, "shop")

    assert list(found.floors) == ["cellar", "ground", "top"]
    assert found.floors["cellar"].is_empty
    assert found.floors["ground"].equals(shape(square()))
    assert found.floors["top"].equals(shape(square(columns=9)))
    assert found.outdoors.equals(shape(square(20)))
