"""The statistics of levels: right on what can be reckoned by hand, the same for made-up and for recorded walks."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from simulators.cli import main
from simulators.generating.measuring.page import put_between
from simulators.generating.measuring.recordings import recorded
from simulators.generating.measuring.statistics import Recording, figures_of, table_of
from simulators.recorded import WalksError

PAGE = Path(__file__).parents[4] / "docs/radio.md"
RECORDED = Path(__file__).parents[5] / "shared/data/mall"


def figures(rows, lasts_s=(10.0,)):
    """Of (walk, second, beacon, level)."""
    walk, at_s, beacon, level = (np.array(column) for column in zip(*rows, strict=True))
    told = figures_of(Recording(walk, at_s.astype(float), beacon, level, list(lasts_s)))
    return {figure.name: figure.value for figure in told}


def test_two_levels_that_differ_by_four_have_a_spread_of_four_by_root_two():
    found = figures([(0, 1.0, 0, -70), (0, 1.5, 0, -74), (0, 2.9, 0, -70)])
    assert found["spread of a beacon's levels within a second"] == pytest.approx(4 / 2**0.5)
    assert found["spread of a beacon's levels from one second to the next"] == pytest.approx(2.0)
    assert np.isnan(found["spread of a beacon's levels five seconds apart"])


def test_levels_of_different_walks_and_beacons_are_never_compared():
    found = figures([(0, 1.0, 0, -70), (0, 1.2, 1, -90), (1, 1.4, 0, -50)], lasts_s=(10, 10))
    assert np.isnan(found["spread of a beacon's levels within a second"])
    assert np.isnan(found["gap between sightings of a beacon, 50th percentile"])


def test_seconds_without_a_sighting_are_counted_in_runs():
    found = figures([(0, 2.5, 0, -70), (0, 2.6, 1, -70), (0, 2.7, 1, -70), (0, 6.1, 0, -70)])
    assert found["share of seconds with nothing heard"] == pytest.approx(0.8)
    assert found["length of a silence, mean"] == pytest.approx(8 / 3)  # of two, three and three seconds
    assert found["sightings a second"] == pytest.approx(0.4)
    assert found["different beacons a second"] == pytest.approx(0.3)
    assert found["different beacons in five seconds"] == pytest.approx(1.5)
    assert found["gap between sightings of a beacon, 50th percentile"] == pytest.approx((0.1 + 3.6) / 2)


def packed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def walks(tmp_path):
    (tmp_path / "zones.geojson").write_text('{"features": []}')
    rows = ["w,1500,u,1,2,aa,-59,-70", "w,1900,u,1,2,aa,-59,-72", "w,3000,u,1,2,bb,-59,-80"]
    packed(
        tmp_path / "dev/sightings.csv.gz", "trace,t_ms,uuid,major,minor,mac,tx_power,rssi\n" + "\n".join(rows)
    )
    packed(tmp_path / "dev/waypoints.csv.gz", "trace,t_ms,floor,lat,lon\nw,1000,F1,0,0\nw,6000,F1,0,0.1\n")
    return tmp_path


def test_recorded_walks_last_from_their_first_waypoint_to_their_last(walks):
    found = recorded(walks)
    assert found.lasts_s == [5.0]
    assert found.at_s.tolist() == [0.5, 0.9, 2.0]
    assert found.beacon.tolist() == [0, 0, 1]
    assert found.rssi_dbm.tolist() == [-70, -72, -80]


def test_a_table_has_a_row_for_each_figure_and_a_column_for_each_recording(walks):
    told = figures_of(recorded(walks))
    lines = table_of([("here", told), ("there", told)]).splitlines()
    assert lines[0] == "| | here | there |"
    assert len(lines) == 2 + len(told)
    assert "| share of seconds with nothing heard | 0.60 | 0.60 |" in lines


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- radio-statistics -->\nold\n<!-- /radio-statistics -->\nb\n")
    put_between(page, "new\n")
    assert page.read_text() == "a\n<!-- radio-statistics -->\nnew\n<!-- /radio-statistics -->\nb\n"
    page.write_text("no marks")
    with pytest.raises(WalksError, match="the table goes between them"):
        put_between(page, "new\n")


def test_the_page_has_the_figures_of_today_by_name(walks):
    rows = [line.split(" | ")[0].removeprefix("| ").split(", d")[0] for line in PAGE.read_text().splitlines()]
    for figure in figures_of(recorded(walks)):
        assert any(row.startswith(figure.name) for row in rows), figure.name


@pytest.mark.parametrize("walks", ["no/such", "."])
def test_walks_that_are_none_are_told(tmp_path, walks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["radio-statistics", "--walks", walks])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


@pytest.mark.skipif(
    not RECORDED.exists(), reason="no recorded walks in ../shared/data/mall: not compared with the page"
)
def test_the_page_has_the_recorded_walks_as_they_are():
    told = table_of([("recorded walks", figures_of(recorded(RECORDED)))]).splitlines()
    page = {
        line.split(" | ")[0]: line.split(" | ")[1] for line in PAGE.read_text().splitlines() if " | " in line
    }
    for line in told[2:]:
        name, value = line.rstrip(" |").split(" | ")
        assert page[name] == value, json.dumps(name)
