"""What phones hear: by the law that docs/radio.md states, and within bands that published figures set."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from simulators.generating.measuring.recordings import made_up
from simulators.generating.measuring.statistics import figures_of
from simulators.generating.radio import ether, model
from simulators.generating.radio.ether import crosses, ether_of, walls_db
from simulators.generating.radio.listening import Moments, deaf, listen
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.drawing import Drawing
from simulators.generating.sites.place import place_of


@pytest.mark.parametrize(("distance_m", "loss_db"), [(1, 0), (2, 6.0), (10, 20), (30, 29.5), (0.1, -6.0)])
def test_the_worked_values_of_path_loss(distance_m, loss_db):
    assert model.path_loss_db(np.array([distance_m]))[0] == pytest.approx(loss_db, abs=0.05)


@given(st.floats(0.5, 500), st.floats(0.5, 500))
def test_what_is_further_is_never_louder(one, other):
    near, far = sorted((one, other))
    assert model.path_loss_db(np.array([near]))[0] <= model.path_loss_db(np.array([far]))[0]


@pytest.mark.parametrize(("slabs", "loss_db"), [(0, 0), (1, 18.3), (2, 33.5)])
def test_a_second_slab_costs_less_than_the_first(slabs, loss_db):
    assert model.slabs_db(slabs) == pytest.approx(loss_db, abs=0.3)


def test_packets_get_through_the_less_the_more_beacons_there_are():
    alone, ten, hundred = model.survives(np.array([0.0, 10.0, 100.0])) / (1 - model.LOST_SHARE)
    assert (alone, round(ten, 2), round(hundred, 2)) == (1, 0.99, 0.86)


@pytest.mark.parametrize(("level_dbm", "share"), [(-60, 0.0), (-75, 0.25), (-90, 0.51), (-100, 0.99)])
def test_faint_packets_drown_and_loud_ones_do_not(level_dbm, share):
    drowned = model.drowned(np.full(20_000, float(level_dbm)), np.random.default_rng(1))
    assert drowned.mean() == pytest.approx(share, abs=0.02)


def test_a_body_between_costs_most_and_one_beside_half_of_that():
    assert model.body_db(np.array([1.0, 0.0, -1.0])).tolist() == [0, model.BODY_DB / 2, model.BODY_DB]


def test_shadows_are_alike_as_gudmundson_has_it():
    x, y = np.meshgrid(np.arange(80.0), np.arange(60.0), indexing="ij")
    fields = np.stack([model.shadow_db(x, y, np.random.default_rng(number)) for number in range(40)])
    assert fields.std() == pytest.approx(model.SHADOW_DB, rel=0.1)
    for metres in (1, 6, 18):
        alike = np.corrcoef(fields[:, :-metres].ravel(), fields[:, metres:].ravel())[0, 1]
        assert alike == pytest.approx(math.exp(-metres / model.SHADOW_ALIKE_M), abs=0.1)


@pytest.mark.parametrize(("seen", "low_db", "high_db"), [(True, 2.5, 5.0), (False, 5.0, 6.2)])
def test_fading_is_rayleigh_behind_walls_and_milder_in_sight(seen, low_db, high_db):
    fading = model.fading_db(np.full(50_000, seen), np.random.default_rng(1))
    assert low_db < fading.std() < high_db  # Rayleigh's own is 5.6 dB
    assert 10 * math.log10((10 ** (fading / 10)).mean()) == pytest.approx(0, abs=0.3)


def corridor(**walls):
    """100 m long, one beacon 5 m from its west end; walls by their x."""
    hall = Drawing("hall", "Hall", (4.9, 52.3), "6b0c4f2e-2f55-4e35-8f0c-7a3b52f0c1ff")
    hall.floor("ground", "Ground", 0, (0, 0, 100, 10))
    hall.zone("west", "West", "ground", (0, 0, 40, 10), [])
    hall.beacon("ground", (5, 5))
    for x in walls.get("at", ()):
        hall.wall("ground", (x, 0), (x, 10), 10.0)
    return place_of(hall.venue())


def standing(x, y=5.0, *, seconds=400, walked_m=0.0, heading=math.pi):
    ones = np.ones(seconds)
    return Moments(
        storey=np.zeros(seconds, dtype=np.int64),
        x=x * ones,
        y=y * ones,
        z=0 * ones,
        heading=heading * ones,
        walked_m=np.arange(seconds) * walked_m,
        listens=ones,
    )


@pytest.fixture
def no_shadow(monkeypatch):
    monkeypatch.setattr(model, "SHADOW_DB", 0.0)


@pytest.mark.usefixtures("no_shadow")
def test_levels_fall_with_distance():
    air = ether_of(corridor(), 1)
    heard = [
        listen(air, standing(x, walked_m=1.0), 0.0, np.random.default_rng(1)).rssi_dbm
        for x in (6, 10, 20, 40)
    ]
    means = [levels.mean() for levels in heard]
    assert means == sorted(means, reverse=True)
    assert means[0] - means[2] == pytest.approx(
        20 * math.log10(math.hypot(15, 1.6) / math.hypot(1, 1.6)), abs=2.5
    )
    assert len(heard[0]) > 1.5 * len(heard[3]), "what is faint gets lost more often"


@pytest.mark.usefixtures("no_shadow")
def test_walls_between_weaken_and_slabs_do():
    open_hall, walled = ether_of(corridor(), 1), ether_of(corridor(at=[12.0, 15.0]), 1)
    at = standing(20, walked_m=1.0)
    free, behind = (
        listen(each, at, 0.0, np.random.default_rng(1)).rssi_dbm.mean() for each in (open_hall, walled)
    )
    # Two walls of 10 dB; Rayleigh instead of Rice; and of the faint the louder are heard.
    assert 10 < free - behind < 24


def test_walls_are_counted_where_the_straight_line_crosses_them():
    storey = corridor(at=[12.0, 15.0]).storeys[0]
    x = np.array([8.0, 13.0, 30.0, 2.0])
    assert walls_db(storey, (5.0, 5.0), x, np.full(4, 5.0)).tolist() == [0, 10, 20, 0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=4, max_size=4, unique=True))
def test_crossings_are_those_of_the_geometry(corners):
    (a, b), (c, d), *wall = corners
    line = np.array([[*wall[0], *wall[1]]], dtype=float)
    way, barrier = shapely.LineString([(a, b), (c, d)]), shapely.LineString(wall)
    if way.crosses(barrier) and way.intersection(barrier).distance(shapely.MultiPoint(corners)) > 1e-6:
        assert crosses((a, b), np.array([float(c)]), np.array([float(d)]), line)[0, 0]
    if way.distance(barrier) > 1e-6:
        assert not crosses((a, b), np.array([float(c)]), np.array([float(d)]), line)[0, 0]


def test_who_stands_still_hears_a_beacon_on_three_channels_each_as_before(monkeypatch):
    monkeypatch.setattr(model, "READING_DB", 0.0)
    heard = listen(ether_of(corridor(), 1), standing(15), 0.0, np.random.default_rng(2))
    assert 1 < len(set(heard.rssi_dbm.tolist())) <= model.CHANNELS


def test_who_stands_still_hears_the_same_again_and_who_walks_does_not():
    air = ether_of(corridor(), 1)
    still, walking = (
        listen(air, standing(15, walked_m=metres), 0.0, np.random.default_rng(2)).rssi_dbm
        for metres in (0, 1)
    )
    assert len(set(still.tolist())) < 0.8 * len(set(walking.tolist()))


def test_a_better_ear_hears_louder_and_more():
    air = ether_of(corridor(), 1)
    dull, sharp = (
        listen(air, standing(30, walked_m=1.0), ear_db, np.random.default_rng(3)).rssi_dbm
        for ear_db in (-10, 5)
    )
    assert sharp.mean() > dull.mean() + 5
    assert len(sharp) > len(dull)


def test_where_there_are_no_beacons_nothing_is_heard():
    place = corridor()
    silent = ether_of(
        type(place)(*(getattr(place, each) if each != "beacons" else () for each in place.__slots__)), 1
    )
    assert not len(listen(silent, standing(5), 0.0, np.random.default_rng(1)).moment)


def test_each_beacon_keeps_its_shadow_whatever_others_there_are():
    venue = BUILT_IN["supermarket"](1)
    everything = ether_of(place_of(venue), 1)
    venue.beacons["features"][:] = venue.beacons["features"][3:4]
    alone = ether_of(place_of(venue), 1)
    cell, rank = np.argwhere(everything.beacon == 3)[100]
    assert everything.gain_db[cell, rank] == alone.gain_db[cell, 0]


def test_the_loudest_are_kept_however_many_wait_to_be_weighed(monkeypatch):
    place = place_of(BUILT_IN["supermarket"](1))
    at_once = ether_of(place, 1)
    monkeypatch.setattr(ether, "MOST_WAITING", 2_000)
    in_parts = ether_of(place, 1)
    assert (at_once.beacon == in_parts.beacon).all()
    assert (at_once.gain_db == in_parts.gain_db).all()
    assert (at_once.audible == in_parts.audible).all()


def test_phones_are_deaf_now_and_then():
    quiet = deaf(100_000, np.random.default_rng(1))
    low, high = model.DEAF_S
    expected = 1 - (1 - model.DEAF_BEGINS_SHARE) ** ((low + high - 1) / 2)
    assert quiet.mean() == pytest.approx(expected, abs=0.02)


# What surveys of halls and shops report of phones that scan all the time; docs/radio.md tells from where.
BANDS = {
    "level, 50th percentile": (-92, -75),
    "spread of a beacon's levels over all walks, median beacon": (5, 10),
    "spread of a beacon's levels within a second": (2.5, 6),
    "spread of a beacon's levels five seconds apart": (4, 8),
    "different beacons a second": (1.5, 10),
    "share of seconds with nothing heard": (0.05, 0.35),
    "gap between sightings of a beacon, 50th percentile": (0.5, 2),
    "gap between sightings of a beacon, 90th percentile": (2, 8),
}


@pytest.fixture(scope="module")
def figures():
    venue = BUILT_IN["supermarket"](1)
    return {figure.name: figure.value for figure in figures_of(made_up(venue, 7, walks=12))}


@pytest.mark.parametrize("name", BANDS)
def test_made_up_levels_scatter_within_stated_bands(figures, name):
    low, high = BANDS[name]
    assert low < figures[name] < high


def test_levels_differ_the_more_the_further_apart_in_time(figures):
    within, following, later = (
        figures[f"spread of a beacon's levels {when}"]
        for when in ("within a second", "from one second to the next", "five seconds apart")
    )
    assert within < following < later
