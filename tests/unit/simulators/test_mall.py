"""The mall that does not exist: the same bytes again, true to its plan, and as hard to hear in as real ones."""

import math
from collections import defaultdict
from itertools import pairwise
from random import Random
from statistics import mean

import numpy as np
import pytest
from click.testing import CliRunner
from shapely.geometry import Point, box, shape
from shapely.ops import unary_union

from benchmarks.positioning.walks import read_plan, read_survey, read_walks, rotating_identities
from simulators.cli import main
from simulators.mall import air, plan, ways
from simulators.mall.air import Air, Beacon
from simulators.mall.write import DEVICES_IDENTITY, hang_beacons, shopper_walks, write_mall
from simulators.recorded import read_features, read_rows, read_venue, read_ways
from simulators.survey import PLAUSIBLE_TX_POWER_DBM

SHOPPERS = 12


@pytest.fixture(scope="module")
def mall(tmp_path_factory):
    site = tmp_path_factory.mktemp("walks") / "mall"
    write_mall(site, seed=3, shoppers=SHOPPERS)
    return site


@pytest.fixture(scope="module")
def survey(mall):
    return read_survey(mall / "survey")


@pytest.fixture(scope="module")
def dev(mall):
    return read_walks(mall / "dev")


def test_the_same_seed_gives_the_same_bytes(mall, tmp_path):
    arguments = ["generate-site", "--out", tmp_path / "mall", "--seed", 3, "--shoppers", SHOPPERS]
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    files = sorted(path.relative_to(mall) for path in mall.rglob("*.g*"))
    assert len(files) == 3 * 3 + 2 + len(plan.FLOORS)
    same = [path for path in files if (tmp_path / "mall" / path).read_bytes() == (mall / path).read_bytes()]
    assert same == files


def test_another_seed_gives_other_beacons_and_walks():
    assert hang_beacons(3) != hang_beacons(4)
    assert [walk.way for walk in shopper_walks(3, 2)] != [walk.way for walk in shopper_walks(4, 2)]


def test_rooms_cover_each_floor_without_gap_or_overlap():
    boxes = [box(room.west, room.south, room.east, room.north) for room in plan.ROOMS]
    assert sum(each.area for each in boxes) == plan.WIDTH_M * plan.DEPTH_M
    assert unary_union(boxes).equals(box(0, 0, plan.WIDTH_M, plan.DEPTH_M))
    assert len({room.id for room in plan.ROOMS}) == len(plan.ROOMS)


def test_everything_that_reads_recorded_walks_reads_it(mall):
    venue = read_venue(mall)
    assert set(venue.floors) == set(plan.FLOORS)
    assert [body["level"] for body in venue.floors.values()] == [1, 2, 3]
    assert len(venue.zones["features"]) == len(plan.FLOORS) * len(plan.ROOMS)


def test_the_truth_is_the_zone_that_covers_the_place(mall):
    rows = list(
        read_rows(
            mall / "dev/truth.csv.gz",
            lambda row: (row["floor"], row["zone"], float(row["lon"]), float(row["lat"])),
        )
    )
    zones = read_plan(mall / "zones.geojson").zones
    for floor, zone, longitude, latitude in rows[::7]:
        assert zones[zone].floor == floor
        assert zones[zone].shape.distance(Point(longitude, latitude)) < 1e-7
    kinds = {zone.split("-")[2] for _, zone, _, _ in rows}
    assert kinds == {"shop", "corridor", "stairs"}


def test_shoppers_change_floors_on_the_stairs_and_nowhere_else(dev):
    walks = defaultdict(list)
    for each in dev.truth:
        walks[each.trace].append(each)
    changes = [
        (one, other) for walk in walks.values() for one, other in pairwise(walk) if one.floor != other.floor
    ]
    assert changes
    assert all(one.zone.endswith("stairs") and other.zone.endswith("stairs") for one, other in changes)


def test_nobody_walks_through_walls_faster_than_people_walk():
    for number in range(6):
        way = ways.shopper_way(Random(number))
        for one, other in pairwise(way):
            assert math.hypot(other.x - one.x, other.y - one.y) <= ways.SHOPPER_M_S[1] + 1e-9
            assert not crosses_a_wall(one, other)


WALLS = plan.walls()


def crosses_a_wall(one, other):
    (start_x, start_y), (end_x, end_y) = (one.x, one.y), (other.x, other.y)
    for wall in WALLS:
        a, b, along_a, along_b = (
            (start_x, end_x, start_y, end_y) if wall.upright else (start_y, end_y, start_x, end_x)
        )
        if (a - wall.at) * (b - wall.at) < 0:
            meets = along_a + (wall.at - a) / (b - a) * (along_b - along_a)
            if wall.start < meets < wall.end:
                return True
    return False


def test_surveyors_walk_straight_and_on_every_floor(survey):
    assert {way[0].floor for way in survey.ways.values()} == set(plan.FLOORS)
    for way in list(ways.survey_ways()):
        assert len({step.heading for step in way}) == 1


def test_a_phone_lies_still_for_an_hour(mall):
    still = read_walks(mall / "motionless")
    assert len(still.truth) == 3600
    assert len({each.zone for each in still.truth}) == 1


def test_beacons_hang_ten_to_fifteen_metres_from_the_next():
    by_level = defaultdict(list)
    for beacon in hang_beacons(1):
        by_level[beacon.level].append((beacon.x, beacon.y))
    for places in by_level.values():
        nearest = [min(math.dist(place, other) for other in places if other != place) for place in places]
        assert min(nearest) > 9
        assert 10 < mean(nearest) < 15


def test_the_catalogue_of_beacons_is_where_they_are(mall):
    features = read_features(mall / "beacons.geojson")
    hung = {beacon.mac: beacon for beacon in hang_beacons(3)}
    assert len(features) == len(hung)
    for feature in features:
        beacon = hung[feature["properties"]["identities"][0]["mac"]]
        assert feature["geometry"]["coordinates"] == list(plan.place(beacon.x, beacon.y))
        assert feature["properties"]["floor"] == plan.FLOORS[beacon.level]


def mean_dbm(x, y, *, beacon=(5.5, 10.5), level=0.0, heading=math.pi):
    """Of a beacon in the southern corridor's west; whoever looks west looks at it."""
    alone = Beacon("b", 0, *beacon, 1, "m", -59.0, -59)
    step = ways.Step(level, x, y, heading)
    return Air([alone], np.random.default_rng(1)).mean_dbm([step])[0, 0]


@pytest.fixture
def no_shadow(monkeypatch):
    monkeypatch.setattr(air, "SHADOW_DB", 0.0)


@pytest.mark.usefixtures("no_shadow")
@pytest.mark.parametrize(("metres", "level"), [(2, -68), (5, -75), (12, -83), (25, -90)])
def test_the_worked_values_along_a_corridor(metres, level):
    assert round(mean_dbm(5.5 + metres, 10.5)) == level


@pytest.mark.usefixtures("no_shadow")
def test_a_body_between_costs_most_and_one_beside_half_of_that():
    ahead, beside, behind = (mean_dbm(15.5, 10.5, heading=turn) for turn in (math.pi, math.pi / 2, 0))
    assert ahead - behind == pytest.approx(air.BODY_DB)
    assert ahead - beside == pytest.approx(air.BODY_DB / 2)


@pytest.mark.usefixtures("no_shadow")
@pytest.mark.parametrize(
    ("there", "loss_db"),
    [
        ((10.5, 2.5), 0.0),  # the same shop
        ((19.5, 2.5), plan.BACK_WALL_DB),  # the next one
        ((27.5, 2.5), 2 * plan.BACK_WALL_DB),
        ((5.5, 10.5), plan.FRONT_DB),  # the corridor, through the glass
        ((8.5, 10.5), 0.0),  # the corridor, through the door
    ],
)
def test_walls_between_cost_and_open_doors_do_not(there, loss_db):
    shop = (8.5, 2.5) if there == (8.5, 10.5) else (5.5, 2.5)
    heading = math.atan2(shop[1] - there[1], shop[0] - there[0])
    distance_m = math.hypot(shop[0] - there[0], shop[1] - there[1], air.ABOVE_PHONE_M)
    free = -59 - 10 * air.PATH_LOSS_EXPONENT * math.log10(distance_m)
    assert free - mean_dbm(*there, beacon=shop, heading=heading) == pytest.approx(loss_db)


@pytest.mark.usefixtures("no_shadow")
def test_slabs_cost_much_and_the_open_hall_less():
    assert mean_dbm(15.5, 10.5) - mean_dbm(15.5, 10.5, level=1.0) > air.SLAB_DB
    hall = {"beacon": (38.5, 10.5)}
    through_hall = mean_dbm(40.5, 10.5, **hall) - mean_dbm(40.5, 10.5, level=1.0, **hall)
    assert air.OPEN_SLAB_DB < through_hall < air.SLAB_DB + 5
    halfway = mean_dbm(40.5, 10.5, level=0.5, **hall)
    assert mean_dbm(40.5, 10.5, level=1.0, **hall) < halfway < mean_dbm(40.5, 10.5, **hall)


def test_shadows_of_near_places_are_alike_and_of_far_ones_are_not():
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(60) + 0.5, indexing="ij")
    fields = np.stack([air._shadow(x, y, np.random.default_rng(number)) for number in range(30)])
    assert fields.std() == pytest.approx(air.SHADOW_DB, rel=0.1)
    alike = [
        np.corrcoef(fields[:, :-metres].ravel(), fields[:, metres:].ravel())[0, 1] for metres in (1, 6, 25)
    ]
    assert alike[0] > 0.95
    assert 0.4 < alike[1] < 0.8
    assert abs(alike[2]) < 0.15


def test_phones_hear_differently_well(dev):
    levels = defaultdict(list)
    for row in dev.sightings:
        if row.identity != DEVICES_IDENTITY:
            levels[int(row.trace.split("-")[1]) % len(air.MODELS_DB)].append(row.rssi_dbm)
    heard = [mean(sorted(levels[model])[-50:]) for model in range(len(air.MODELS_DB))]
    assert heard == sorted(heard)
    assert heard[-1] - heard[0] > 12


def test_packets_get_lost_and_phones_fall_silent(dev):
    heard, moments = dev.heard_ms(), dev.moments()
    seconds = sum(len(each) for each in moments.values())
    quiet = sum(
        len(set(range(len(times))) - {-(-(t_ms - times[0]) // 1000) for t_ms in heard[trace]})
        for trace, times in moments.items()
    )
    assert 0.08 < quiet / seconds < 0.25
    assert 2 < len(dev.sightings) / seconds < 6


def test_devices_walk_about_under_one_identity_and_change_their_address(survey, dev):
    assert rotating_identities(survey) == {DEVICES_IDENTITY}
    before, after = (
        {row.mac for row in rows if row.identity == DEVICES_IDENTITY}
        for rows in (survey.sightings, dev.sightings)
    )
    assert len(before) > 5
    assert not before & after  # nothing that was learned of them helps a day later


def test_a_few_beacons_advertise_a_power_that_cannot_be(survey):
    told = {row.mac: row.tx_power_dbm for row in survey.sightings}
    mistaken = [power for power in told.values() if power not in PLAUSIBLE_TX_POWER_DBM]
    assert set(mistaken) <= set(air.MISTAKEN_POWERS_DBM)
    assert 3 <= len(mistaken) <= 9


def test_sightings_are_in_the_second_before_the_walker_is_there(mall):
    ways_of = read_ways(mall / "dev")
    for row in read_walks(mall / "dev").sightings:
        assert ways_of[row.trace][0].t_ms - 1000 < row.t_ms <= ways_of[row.trace][-1].t_ms


def test_stairs_connect_the_floors(mall):
    connecting = [
        feature
        for feature in read_features(mall / "zones.geojson")
        if feature["properties"]["tags"] == ["stairs"]
    ]
    assert [feature["properties"]["floor"] for feature in connecting] == list(plan.FLOORS)
    (one, *others) = [shape(feature["geometry"]) for feature in connecting]
    assert all(one.equals(other) for other in others)
