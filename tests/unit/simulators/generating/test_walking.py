"""People walk around what stands in their way, by stairs from floor to floor, and past a till if they buy."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.generating.radio.ether import crosses
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.files import read_site
from simulators.generating.sites.place import place_of
from simulators.generating.sites.roles import Role
from simulators.generating.walking.net import BESIDE_M, net_of
from simulators.generating.walking.terrain import terrain_of
from simulators.generating.walking.visit import HURRIED, USUAL, Errand, make_visit
from tests.unit.simulators.generating.test_sites import STORE

DAY_S = 43_200.0


@pytest.fixture(scope="module")
def terrains():
    places = {name: place_of(make(1)) for name, make in BUILT_IN.items()}
    places["demo"] = place_of(read_site(STORE).venue)
    return {name: terrain_of(place) for name, place in places.items()}


def visit_of(terrain, seed, *, begins_s=0.0, closes_s=DAY_S, buys=True, pace=USUAL):
    draws = np.random.default_rng(seed)
    errand = Errand(begins_s, closes_s, buys, np.ones(len(terrain.goals)), pace)
    return make_visit(terrain, errand, draws)


@pytest.mark.parametrize("site", [*BUILT_IN, "demo"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), turn=st.floats(0, 6.3), share=st.floats(0, 1))
def test_nobody_walks_through_a_wall(terrains, site, seed, turn, share):
    terrain = terrains[site]
    aside = (BESIDE_M * share * np.cos(turn), BESIDE_M * share * np.sin(turn))
    way = visit_of(terrain, seed).way.beside(*aside, 1.0)
    for corner in range(len(way.at_s) - 1):
        if way.storey[corner] != way.storey[corner + 1]:
            continue
        lines = terrain.place.storeys[way.storey[corner]].walls.lines
        end = np.array([way.x[corner + 1]]), np.array([way.y[corner + 1]])
        if (way.x[corner], way.y[corner]) != (end[0][0], end[1][0]):
            assert not crosses((way.x[corner], way.y[corner]), *end, lines).any()


@pytest.mark.parametrize("site", [*BUILT_IN, "demo"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), pace=st.sampled_from([USUAL, HURRIED]))
def test_nobody_is_faster_than_people_walk_and_time_never_runs_back(terrains, site, seed, pace):
    way = visit_of(terrains[site], seed, pace=pace).way
    took_s = np.diff(way.at_s)
    went_m = np.hypot(np.diff(way.x), np.diff(way.y))
    assert (took_s >= 0).all()
    assert (went_m <= pace.speeds_m_s[3] * took_s + 1e-6).all()


@pytest.mark.parametrize("seed", range(12))
def test_floors_change_on_stairs_and_nowhere_else(terrains, seed):
    terrain = terrains["department-store"]
    way = visit_of(terrain, seed).way
    for before, after in pairwise(range(len(way.at_s))):
        if way.storey[before] != way.storey[after]:
            (stairs,) = terrain.place.storeys[way.storey[after]].of(Role.STAIRS)
            assert stairs.shape.covers(shapely.Point(way.x[after], way.y[after]))


def test_some_visit_every_floor(terrains):
    floors = {
        floor for seed in range(12) for floor in visit_of(terrains["department-store"], seed).way.storey
    }
    assert floors == {0, 1, 2}


@pytest.mark.parametrize("site", [*BUILT_IN, "demo"])
def test_a_visit_begins_and_ends_on_the_street_and_stops_in_its_zones(terrains, site):
    visit = visit_of(terrains[site], 5)
    assert not visit.way.inside[0]
    assert not visit.way.inside[-1]
    assert visit.stops
    for stop in visit.stops:
        at_s = np.linspace(stop.from_s + 1e-6, stop.until_s - 1e-6, 7)
        assert (
            shapely.covers(stop.goal.zone.shape.buffer(0.01), shapely.points(*visit.way.spots(at_s))).mean()
            > 0.5
        )
        assert (visit.way.storey[visit.way.legs(at_s)] == stop.goal.storey).all()


@pytest.mark.parametrize("seed", range(6))
def test_who_buys_is_at_a_till_when_paying_and_who_does_not_pays_nowhere(terrains, seed):
    terrain = terrains["supermarket"]
    visit = visit_of(terrain, seed)
    (till,) = terrain.place.storeys[0].of(Role.TILL)
    x, y = visit.way.spots(np.array([visit.pays_s]))
    assert till.shape.covers(shapely.Point(x[0], y[0]))
    assert visit_of(terrain, seed, buys=False).pays_s is None


def test_where_there_are_no_tills_people_pay_where_they_stopped_last(terrains):
    visit = visit_of(terrains["mall"], 3)
    assert visit.pays_s == visit.stops[-1].until_s


@pytest.mark.parametrize("site", ["small-shop", "supermarket", "demo"])
def test_who_hurries_is_out_again_after_a_minute_and_a_half(terrains, site):
    visits = [visit_of(terrains[site], seed, pace=HURRIED) for seed in range(40)]
    late = [visit for visit in visits if visit.way.ends_s > HURRIED.visit_s]
    assert len(late) < 10
    assert all(len(visit.stops) == 1 for visit in late), "they came for one thing, and it was far"
    assert max(visit.way.ends_s for visit in visits) < 1.5 * HURRIED.visit_s


def test_some_who_hurry_begin_upstairs(terrains):
    first = {
        visit_of(terrains["department-store"], seed, pace=HURRIED).stops[0].goal.storey for seed in range(20)
    }
    assert first == {0, 1, 2}


@pytest.mark.parametrize("seed", range(8))
def test_who_comes_late_leaves_when_it_closes(terrains, seed):
    visit = visit_of(terrains["department-store"], seed, begins_s=DAY_S - 1_800)
    assert visit.way.ends_s < DAY_S + 600


def test_a_shortest_way_turns_at_corners_and_is_as_long_as_it_must_be():
    ground = shapely.box(0, 0, 20, 20)
    wall = np.array([[10.0, 0.0, 10.0, 15.0]])
    net = net_of(ground, wall, {}, {"a": (5.0, 5.0), "b": (15.0, 5.0)})
    (start,), (end,) = net.spots["a"], net.spots["b"]
    around_m = 2 * np.hypot(5, 10)
    assert around_m < net.distance_m[start, end] < around_m + 1.5
    way = net.way(start, end)
    assert len(way) >= 3
    assert max(net.nodes[node][1] for node in way) > 15


def test_behind_a_wall_without_a_door_there_is_no_way():
    net = net_of(
        shapely.box(0, 0, 20, 20),
        np.array([[10.0, 0.0, 10.0, 20.0]]),
        {},
        {"a": (5.0, 5.0), "b": (15.0, 5.0)},
    )
    (start,), (end,) = net.spots["a"], net.spots["b"]
    assert np.isinf(net.distance_m[start, end])
