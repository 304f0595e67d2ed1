"""Made-up shoppers: reproducible to the byte, faulty as real crowds are, and true to the store's plan."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from beacon_service.geo import distance_m
from simulators.generate import generate
from simulators.shoppers import SPEED_M_S, VISIT_S, WANDER_M, draw_plan, lasts_s, spots
from simulators.venue import deepest_zone, load_venue

STORE = Path(__file__).parents[3] / "demo"


@pytest.fixture(scope="module")
def store():
    return load_venue(STORE)


@pytest.fixture(scope="module")
def walks(store):
    return generate(store, seed=1, shoppers=120)


def test_the_same_seed_gives_the_same_walks_and_more_shoppers_leave_the_first_ones_as_they_were(store, walks):
    assert generate(store, seed=1, shoppers=20) == walks[:20]


def test_another_seed_gives_other_walks(store, walks):
    assert generate(store, seed=2, shoppers=5) != walks[:5]


def test_everybody_is_out_again_within_two_minutes(walks):
    assert max(walk.ends_after_s for walk in walks) <= 121


def test_the_crowd_is_as_imperfect_as_real_ones(walks):
    pings = [ping for walk in walks for ping in walk.pings]
    assert any(ping.sent_twice for ping in pings)
    assert any(second.after_s - first.after_s > 2 for walk in walks for first, second in pairwise(walk.pings))
    assert any(not walk.location_consent for walk in walks)
    assert any(not walk.marketing_consent for walk in walks)
    assert any(walk.clock_ahead_s for walk in walks)
    assert any(sighting.major == 4242 for ping in pings for sighting in ping.sightings)
    assert any(ping.position for ping in pings)


def test_only_android_tells_addresses_and_calibrated_power(walks):
    told = {
        (walk.platform, sighting.tx_power_dbm is not None)
        for walk in walks
        for ping in walk.pings
        for sighting in ping.sightings
        if sighting.major != 4242
    }
    assert told == {("android", True), ("ios", False)}
    assert not any(s.mac for walk in walks if walk.platform == "ios" for p in walk.pings for s in p.sightings)


def test_every_department_sees_somebody(store, walks):
    visited = {ping.truth for walk in walks for ping in walk.pings}
    stops = {f"{store.id}/{zone.id}" for zone in store.zone_list() if "stop" in zone.tags}
    assert stops <= visited


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_begins_and_ends_outside_and_takes_no_longer_than_a_visit(store, seed):
    plan = draw_plan(store, Random(seed))
    assert lasts_s(plan.stops, plan.speed_m_s) <= VISIT_S
    for stop in (plan.stops[0], plan.stops[-1]):
        assert deepest_zone(store.zone_list(), stop.floor, stop.longitude, stop.latitude) == "harbour"


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_faster_than_they_walk_or_changes_floor_but_by_the_escalator(store, seed):
    plan = draw_plan(store, Random(seed))
    way = spots(plan, {"ground": 0, "first": 1}, Random(seed))
    for here, there in pairwise(way):
        step = distance_m(here.longitude, here.latitude, there.longitude, there.latitude)
        assert step <= SPEED_M_S[1] + 2 * WANDER_M * 2**0.5
        if here.floor != there.floor:
            zone = deepest_zone(store.zone_list(), there.floor, there.longitude, there.latitude)
            assert zone in {"escalator-up", "escalator-down"}


def test_the_drawn_files_are_those_of_the_plan():
    spec = importlib.util.spec_from_file_location("draw", STORE / "draw.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    for name, text in draw.drawn().items():
        assert (STORE / name).read_text(encoding="utf-8") == text, f"{name}: run python demo/draw.py"


def test_beacons_of_the_store_can_be_told_apart(store):
    beacons = store.beacon_list()
    assert len({(beacon.uuid, beacon.major, beacon.minor) for beacon in beacons}) == len(beacons) >= 40
    assert len({beacon.id for beacon in beacons}) == len(beacons)


def test_campaigns_name_zones_and_tags_that_exist(store):
    zones = {zone.id for zone in store.zone_list()}
    tags = {tag for zone in store.zone_list() for tag in zone.tags}
    for name, body in json.loads((STORE / "campaigns.json").read_text()).items():
        trigger = body["trigger"]
        assert {each["zone"] for each in trigger.get("zones", ())} <= zones, name
        assert set(trigger.get("tags", ())) <= tags, name
        assert (trigger["move"] == "dwelled") == ("dwell_s" in trigger), name
