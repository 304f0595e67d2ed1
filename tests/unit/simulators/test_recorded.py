"""Recorded walks: read as they are, one ping a second, shifted side by side; errors name file and line."""

import gzip
import json

import pytest

from simulators.recorded import (
    REPLAY_S,
    WalksError,
    nautical_time_zone,
    read_venue,
    read_walks,
    site_directories,
    staggered,
)

SQUARE = {"type": "Polygon", "coordinates": [[[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.0]]]}
SIGHTINGS = "trace,t_ms,uuid,major,minor,mac,tx_power,rssi\n"


def packed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.write(text)


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "walks" / "hall"
    site.mkdir(parents=True)
    zone = {"type": "Feature", "id": "z1", "geometry": SQUARE, "properties": {"floor": "B1", "zone": "z1"}}
    plan = {"type": "Feature", "geometry": SQUARE, "properties": {}}
    (site / "zones.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [zone]}))
    (site / "floor-B1.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [plan]}))
    packed(site / "survey/waypoints.csv.gz", "trace,t_ms,floor,lat,lon\ns1,0,B1,30,120\ns1,9000,B1,30,120\n")
    packed(site / "survey/sightings.csv.gz", SIGHTINGS + "s1,500,u,1,2,m,-59,-70\n")
    rows = ["w1,10100,u,1,2,m,0,-70", "w1,10900,u,1,3,n,-59,-80", "w1,13000,u,1,2,m,0,-71"]
    packed(site / "dev/sightings.csv.gz", SIGHTINGS + "\n".join(rows) + "\n")
    packed(site / "dev/truth.csv.gz", "trace,t_ms,floor,zone,lat,lon\nw1,10500,B1,z1,30,120\n")
    return site


def test_a_folder_of_sites_and_a_site_are_both_understood(site):
    assert site_directories(site) == (site,) == site_directories(site.parent)


def test_one_ping_for_each_second_in_which_something_was_heard_at_its_end(site):
    (walk,) = read_walks(site)
    assert [(ping.after_s, len(ping.sightings)) for ping in walk.pings] == [(1.0, 2), (4.0, 1)]


def test_sightings_are_told_as_they_were_recorded(site):
    (walk,) = read_walks(site)
    assert walk.pings[0].sightings[0].as_json() == {
        "type": "ibeacon", "uuid": "u", "major": 1, "minor": 2, "rssi": -70, "mac": "m", "tx_power": 0,
    }  # fmt: skip


def test_the_truth_is_known_only_near_a_moment_that_was_marked(site):
    (walk,) = read_walks(site)
    assert [ping.truth for ping in walk.pings] == ["hall/z1", None]


def test_where_there_are_no_walks_but_the_survey_that_is_replayed(site):
    for file in ("sightings", "truth"):
        (site / f"dev/{file}.csv.gz").unlink()
    (walk,) = read_walks(site)
    assert len(walk.pings) == 1


def test_the_place_is_loaded_with_floor_tags_level_and_time_zone(site):
    venue = read_venue(site)
    assert (venue.id, venue.time_zone, venue.floors["B1"]["level"]) == ("hall", "Etc/GMT-8", -1)
    assert venue.zones["features"][0]["properties"]["tags"] == ["any", "floor-B1"]


@pytest.mark.parametrize(
    ("longitude", "name"),
    [(120.07, "Etc/GMT-8"), (-74.0, "Etc/GMT+5"), (4.9, "Etc/GMT"), (180, "Etc/GMT-12")],
)
def test_the_sun_names_the_time_zone(longitude, name):
    assert nautical_time_zone(longitude) == name


def test_walks_are_spread_over_the_whole_time_and_all_end_in_it():
    lasts = [30.0, 90.0, 28.0, 60.0] * 10
    starts = staggered(lasts)
    assert all(start + last <= REPLAY_S for start, last in zip(starts, lasts, strict=True))
    assert sum(start < REPLAY_S / 4 for start in starts) < 20
    assert staggered([10.0, 500.0]) == [0.0, 0.0]


def test_a_bad_row_is_named_by_file_and_line(site):
    packed(site / "dev/sightings.csv.gz", SIGHTINGS + "w1,10100,u,1,2,m,0,-70\nw1,soon,u,1,2,m,0,-70\n")
    with pytest.raises(WalksError, match=r"line 3 of .*dev/sightings\.csv\.gz"):
        read_walks(site)


def test_a_folder_without_walks_is_told_so(tmp_path):
    with pytest.raises(WalksError, match=r"no zones\.geojson"):
        site_directories(tmp_path)
    with pytest.raises(WalksError, match="no folder"):
        site_directories(tmp_path / "nowhere")


def test_a_cut_off_file_is_an_error_and_no_traceback(site):
    whole = (site / "dev/sightings.csv.gz").read_bytes()
    (site / "dev/sightings.csv.gz").write_bytes(whole[:-12])
    with pytest.raises(WalksError, match="cannot be read"):
        read_walks(site)
