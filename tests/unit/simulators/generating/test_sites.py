"""Places to walk in: the service takes them, files give them back, and what files do not say is guessed aloud."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely

from beacon_service.zones.imports import read_beacons, read_zones
from beacon_service.zones.schema import FloorIn, SiteIn
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.drawing import Drawing
from simulators.generating.sites.files import SiteError, named_level, read_site, write_site
from simulators.generating.sites.place import MOST_GOALS, place_of
from simulators.generating.sites.roles import Role, role_of
from simulators.generating.sites.walls import guessed_walls
from simulators.generating.walking.terrain import terrain_of

STORE = Path(__file__).parents[4] / "demo"


@pytest.fixture(params=list(BUILT_IN))
def venue(request):
    return BUILT_IN[request.param](1)


def test_the_service_takes_a_built_in_site_as_it_is(venue):
    site = {"id": venue.id, "name": venue.name, "time_zone": venue.time_zone, "hours": list(venue.hours)}
    SiteIn.model_validate(site)
    for body in venue.floors.values():
        FloorIn.model_validate(body)
    zones = read_zones(venue.zones["features"], venue.id)
    beacons = read_beacons([{**each, "site": venue.id} for each in venue.beacons["features"]], venue.id)
    assert (zones.faults, beacons.faults) == ([], [])
    assert {zone["floor"] for zone in zones.documents.values()} - {None} == set(venue.floors)
    assert len(beacons.documents) == len(venue.beacons["features"])


def test_a_site_that_was_written_reads_back_as_it_was(venue, tmp_path):
    write_site(tmp_path, venue)
    assert read_site(tmp_path).guesses == ()
    assert read_site(tmp_path).venue == venue


def test_each_floor_is_written_as_the_body_of_its_put_too(venue, tmp_path):
    write_site(tmp_path, venue)
    bodies = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "floors").glob("*.json")}
    assert bodies == venue.floors


def test_the_department_store_has_three_floors_with_stairs_between():
    terrain = terrain_of(place_of(BUILT_IN["department-store"](1)))
    assert [storey.level for storey in terrain.place.storeys] == [0, 1, 2]
    assert [len(flights) for flights in terrain.flights] == [1, 1]
    assert terrain.guesses == ()


def test_everything_in_a_built_in_site_can_be_walked_to(venue):
    terrain = terrain_of(place_of(venue))
    wanted = {zone.id for storey in terrain.place.storeys for zone in storey.goals}
    assert {goal.zone.id for goal in terrain.goals} == wanted
    assert len(wanted) >= 3
    assert terrain.guesses == ()


def test_beacons_of_a_site_can_be_told_apart(venue):
    identities = [json.dumps(each["properties"]["identities"]) for each in venue.beacons["features"]]
    assert len(set(identities)) == len(identities)


def test_the_demo_store_is_read_by_its_tags():
    place = place_of(read_site(STORE).venue)
    roles = {zone.id: zone.role for storey in place.storeys for zone in storey.zones}
    assert roles["entrance"] is Role.ENTRANCE
    assert roles["tills"] is Role.TILL
    assert roles["escalator-down"] is Role.STAIRS
    assert "aisle-coffee" in {goal.id for goal in place.storeys[0].goals}
    assert "grocery" not in {goal.id for goal in place.storeys[0].goals}, "it only gathers its aisles"


@pytest.mark.parametrize(
    ("properties", "role"),
    [
        ({"tags": ["Entrance", "shop"]}, Role.ENTRANCE),
        ({"tags": ["food", "shop"]}, Role.SHOP),
        ({"tags": [], "category": "entrance"}, Role.ENTRANCE),
        ({"tags": [], "category": "work"}, Role.CLOSED),
        ({"tags": ["any"], "category": "retail"}, Role.BROWSED),
        ({}, Role.BROWSED),
    ],
)
def test_what_a_zone_is_for_is_told_by_its_tags_then_by_its_category(properties, role):
    assert role_of(properties) is role


def exported(folder):
    """What `beacon-service export` leaves of the mall: zones and beacons, no outlines and no walls."""
    write_site(folder, BUILT_IN["mall"](1))
    for name in ("site.json", "floors.geojson", "walls.geojson"):
        (folder / name).unlink()
    shutil.rmtree(folder / "floors")
    return folder


def test_of_an_export_the_missing_is_guessed_aloud(tmp_path):
    read = read_site(exported(tmp_path))
    assert [body["level"] for body in read.venue.floors.values()] == [1, 2, 3]
    assert "there is no site.json" in " ".join(read.guesses)
    assert sum("has no outline" in guess for guess in read.guesses) == 3
    terrain = terrain_of(place_of(read.venue))
    assert any("nobody drew walls" in guess for guess in terrain.guesses)
    assert len(terrain.goals) == 3 * 48, "every shop has a door"


def test_a_guessed_shop_has_walls_all_around_but_for_one_door():
    ground = shapely.box(0, 0, 30, 20)
    walls = guessed_walls(ground, [shapely.box(0, 0, 10, 8), shapely.box(10, 0, 20, 8)])
    lengths = np.hypot(walls.lines[:, 2] - walls.lines[:, 0], walls.lines[:, 3] - walls.lines[:, 1])
    assert lengths.sum() == pytest.approx(2 * 36 - 2 * 3.0, abs=0.01)
    doors = shapely.union_all(
        [shapely.box(0, 0, 10, 8).boundary, shapely.box(10, 0, 20, 8).boundary]
    ).difference(shapely.union_all(shapely.linestrings(walls.lines.reshape(-1, 2, 2))).buffer(1e-6))
    assert doors.intersects(shapely.Point(5, 8)), "to the free ground in the north"


def test_without_entrance_and_stairs_people_get_about_all_the_same(tmp_path):
    folder = exported(tmp_path)
    zones = json.loads((folder / "zones.geojson").read_text())
    zones["features"] = [
        each for each in zones["features"] if not {"entrance", "stairs"} & set(each["properties"]["tags"])
    ]
    (folder / "zones.geojson").write_text(json.dumps(zones))
    terrain = terrain_of(place_of(read_site(folder).venue))
    told = " ".join(terrain.guesses)
    assert "no zone is tagged as an entrance" in told
    assert "no stairs lead from floor F1 to F2" in told
    assert {goal.storey for goal in terrain.goals} == {0, 1, 2}


@pytest.mark.parametrize(("name", "level"), [("B1", -1), ("F2", 2), ("ground", 0), ("3", 3), ("b2", -2)])
def test_a_floor_without_a_level_has_that_of_its_name(name, level):
    assert named_level(name) == level


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("zones.geojson", None, "zones.geojson cannot be read"),
        ("zones.geojson", "{", "is no JSON"),
        ("zones.geojson", '{"features": []}', "no GeoJSON FeatureCollection"),
        ("zones.geojson", '{"features": [{"id": "a"}]}', "feature 1 of .* has no properties"),
        ("zones.geojson", '{"features": [{"id": "a", "properties": {}, "geometry": 5}]}', "covers no ground"),
        ("site.json", "[]", "should say id and time_zone"),
        ("site.json", '{"id": "a", "time_zone": "Mars/Olympus"}', "write one such as Europe/Amsterdam"),
        ("floors.geojson", '{"features": [{"id": "a", "properties": {}}]}', "property level"),
        ("beacons.geojson", '{"features": [{"properties": {}}]}', "feature 1 of the beacons"),
        (
            "beacons.geojson",
            '{"features": [{"geometry": {"coordinates": [4, 52]}, "properties": {"identities": [{"type": "x"}]}}]}',
            "feature 1 of the beacons .* type must be one of",
        ),
        ("walls.geojson", '{"features": [{"properties": {"floor": "ground"}}]}', "feature 1 of the walls"),
    ],
)
def test_what_is_no_site_is_told_with_its_file_and_feature(tmp_path, file, content, told):
    write_site(tmp_path, BUILT_IN["small-shop"](1))
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_text(content)
    with pytest.raises(SiteError, match=told):
        place_of(read_site(tmp_path).venue)


def test_a_site_in_which_nothing_is_to_be_visited_is_told():
    venue = BUILT_IN["small-shop"](1)
    venue.zones["features"][:] = [each for each in venue.zones["features"] if each["id"] == "entrance"]
    with pytest.raises(SiteError, match="nothing in small-shop is to be visited"):
        place_of(venue)


def test_of_very_many_zones_people_go_to_the_largest_and_it_is_told(tmp_path):
    hall = Drawing("hall", "Hall", (4.9, 52.3), "6b0c4f2e-2f55-4e35-8f0c-7a3b52f0c1ff")
    hall.floor("ground", "Ground", 0, (0, 0, 100, 100))
    hall.zone("door", "Door", "ground", (40, 0, 60, 4), ["entrance"])
    for number in range(400):
        x, y = 5 * (number % 20), 5 * (number // 20)
        hall.zone(f"part-{number}", "Part", "ground", (x, y, x + 3 + number / 400, y + 4), [])
    terrain = terrain_of(place_of(hall.venue()))
    assert len(terrain.goals) == MOST_GOALS
    assert {goal.zone.id for goal in terrain.goals} == {f"part-{number}" for number in range(100, 400)}
    assert "the 300 largest of 400 zones" in " ".join(terrain.guesses)


def test_circles_are_zones_too(tmp_path):
    write_site(tmp_path, BUILT_IN["small-shop"](1))
    zones = json.loads((tmp_path / "zones.geojson").read_text())
    corner = zones["features"][3]["geometry"]["coordinates"][0][2]
    zones["features"].append(
        {
            "type": "Feature",
            "id": "round",
            "geometry": {"type": "Point", "coordinates": corner},
            "properties": {"floor": "ground", "radius_m": 1.5, "tags": []},
        }
    )
    (tmp_path / "zones.geojson").write_text(json.dumps(zones))
    (round_zone,) = [
        each for each in place_of(read_site(tmp_path).venue).storeys[0].zones if each.id == "round"
    ]
    assert round_zone.shape.area == pytest.approx(np.pi * 1.5**2, rel=0.02)
