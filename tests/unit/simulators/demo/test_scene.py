"""Scenes: what is loaded, in which order, and campaigns made for a place that nobody planned any for."""

from pathlib import Path

from simulators.demo.loading import requests_of
from simulators.demo.recorded_campaigns import campaigns_for, draw_customers
from simulators.demo.running import areas_of, floors_of, names_of
from simulators.demo.scene import store_scene
from simulators.venue import Venue
from simulators.walks import Walk

STORE = Path(__file__).parents[4] / "demo"
NO_FEATURES = {"type": "FeatureCollection", "features": []}
PLACE = Venue("hall", "Hall", "Etc/GMT", {"F2": {"level": 2}, "B1": {"level": -1}}, NO_FEATURES, NO_FEATURES)


def test_places_are_loaded_before_the_campaigns_that_name_them():
    scene = store_scene(STORE, seed=1, shoppers=1)
    paths = [path for _, path, _ in requests_of(scene)]
    assert paths[:5] == [
        "/v1/sites/harbour-store",
        "/v1/sites/harbour-store/floors/ground",
        "/v1/sites/harbour-store/floors/first",
        "/v1/sites/harbour-store/zones/imports",
        "/v1/sites/harbour-store/beacons/imports",
    ]
    assert all(path.startswith("/v1/campaigns/") for path in paths[6:])


def test_a_recorded_place_gets_campaigns_for_its_own_floors_and_for_any_zone():
    campaigns = campaigns_for(PLACE)
    assert {"hall-welcome-B1", "hall-welcome-F2"} <= campaigns.keys()
    assert {body["trigger"]["move"] for body in campaigns.values()} == {"entered", "dwelled", "exited"}
    assert all(body["trigger"]["site"] == "hall" for body in campaigns.values())
    assert any(cap["subject"] == "total" for body in campaigns.values() for cap in body["caps"])
    assert any(body["hold_out"] == 0.5 for body in campaigns.values())


def test_the_same_seed_makes_the_same_recorded_people_loyal():
    walks = [Walk(f"w{number}", 0.0, ()) for number in range(50)]
    drawn = draw_customers(walks, 1)
    assert drawn == draw_customers(walks, 1) != draw_customers(walks, 2)
    assert 5 < sum(walk.customer is not None for walk in drawn) < 40


def test_people_zones_and_titles_have_names():
    scene = store_scene(STORE, seed=1, shoppers=2)
    names = names_of(scene, "run")
    assert names.people == {"run-1": "shopper 1", "run-2": "shopper 2"}
    assert names.zones["harbour-store/wine"] == "Wine"
    assert names.titles["wine-for-two"] == "Two bottles for one"


def test_the_screen_shows_the_forecourt_then_floors_from_below():
    scene = store_scene(STORE, seed=1, shoppers=1)
    assert [floor.name for floor in floors_of(scene)] == [
        "Around Harbour Store",
        "Ground floor",
        "First floor",
    ]


def test_an_aisle_is_smaller_than_its_department():
    areas = areas_of(store_scene(STORE, seed=1, shoppers=1))
    assert areas["harbour-store/aisle-red"] < areas["harbour-store/wine"] < areas["harbour-store/ground"]
