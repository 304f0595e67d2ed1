"""Recordings of the Indoor Location Competition: read line by line, put on the map, divided for ever alike."""

import json
import re

import pytest
from click.testing import CliRunner

from benchmarks.positioning.walks import read_plan, read_survey, read_walks
from simulators.cli import main
from simulators.convert import Choice, convert_ilc
from simulators.ilc import ConvertError, Frame, read_floor, read_recording
from simulators.recorded import read_features, read_rows, read_venue

WEST, SOUTH, EAST, NORTH = 10.0, 50.0, 10.001, 50.0005
FRAME = Frame(WEST, SOUTH, EAST, NORTH, 70.0, 55.0)
BEACON = (
    "TYPE_BEACON\tFDA50693-A4E2-4FB1-AFCF-C6EB07647825\t10073\t61418\t-65\t-82\t5.5\t6B:11:4C:D1:29:F2\t1"
)
HEADING = "#\tstartTime:1000\n#\tSiteName:somewhere\tFloorName:F1\n"


def write_floor(site, name="F1", recordings=None):
    folder = site / name
    (folder / "path_data_files").mkdir(parents=True)
    corners = [[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]
    outline = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners], "crs": {"type": "link"}},
        "properties": {"name": name, "floor_num": 1},
        "order": 1,
    }
    (folder / "geojson_map.json").write_text(json.dumps({"type": "FeatureCollection", "features": [outline]}))
    (folder / "floor_info.json").write_text(json.dumps({"map_info": {"width": 70.0, "height": 55.0}}))
    for trace, lines in (recordings or {}).items():
        (folder / "path_data_files" / f"{trace}.txt").write_text(HEADING + "\n".join(lines) + "\n")
    return folder


def walk(*, begins_ms=1000, beacons=2):
    """Nine seconds east along y = 10 m, as files come: sensors first, beacons and waypoints out of order."""
    return [
        f"{begins_ms + 5}\tTYPE_ACCELEROMETER\t1.0\t2.0\t3.0\t2",
        *(f"{begins_ms + 4000 - 100 * number}\t{BEACON}" for number in range(beacons)),
        f"{begins_ms + 9000}\tTYPE_WAYPOINT\t61.0\t10.0",
        f"{begins_ms}\tTYPE_WAYPOINT\t16.0\t10.0",
    ]


@pytest.fixture
def site(tmp_path):
    walks = {f"walk{number:02d}": walk(begins_ms=1000 * number) for number in range(40)}
    write_floor(tmp_path / "data/hall", recordings=walks)
    return tmp_path / "data/hall"


def converted(folder, out, *, dev_share=0.25, seed=1, **options):
    return convert_ilc(folder, out, Choice(dev_share, seed, **options), lambda _line: None)


def test_metres_are_shares_of_the_outline_on_a_mercator_map():
    assert FRAME.degrees(0, 0) == pytest.approx((WEST, SOUTH))
    assert FRAME.degrees(70, 55) == pytest.approx((EAST, NORTH))
    assert FRAME.degrees(35, 0)[0] == pytest.approx(10.0005)
    tall = Frame(0, 0, 60, 60, 100, 100)
    # halfway up on the map, not in degrees: gd(ln(2 + sqrt 3) / 2) = 35.26 degrees, where tan is sqrt(1/2)
    assert tall.degrees(0, 50)[1] == pytest.approx(35.2644, abs=1e-4)


def test_degrees_and_metres_are_each_others_inverse():
    for point in ((0, 0), (12.5, 54.0), (69.9, 3.2), (-4.0, 60.0)):
        assert FRAME.metres(*FRAME.degrees(*point)) == pytest.approx(point, abs=1e-9)


def test_a_recording_is_read_in_order_of_time_in_lower_case(tmp_path):
    floor = read_floor(write_floor(tmp_path / "hall", recordings={"w": walk()}))
    recording = read_recording(floor.recordings[0], floor)
    assert [each.t_ms for each in recording.way] == [1000, 10_000]
    assert [row.t_ms for row in recording.sightings] == [4900, 5000]
    row = recording.sightings[0]
    assert row.identity == ("fda50693-a4e2-4fb1-afcf-c6eb07647825", 10073, 61418)
    assert (row.mac, row.tx_power_dbm, row.rssi_dbm, row.trace) == ("6b:11:4c:d1:29:f2", -65, -82, "w")
    assert recording.malformed == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1000 TYPE_WAYPOINT 1 2", "should begin with a time and a kind"),
        ("1000\tWAYPOINT\t1\t2", "should begin with a time and a kind"),
        ("soon\tTYPE_WAYPOINT\t1\t2", "the time is 'soon', should be Unix milliseconds"),
        ("-5\tTYPE_WAYPOINT\t1\t2", "the time is '-5'"),
        ("1000\tTYPE_WAYPOINT\t1", "a waypoint has time, kind, x and y; here are 3 columns"),
        ("1000\tTYPE_WAYPOINT\t1\tnorth", "y is 'north', should be metres"),
        ("1000\tTYPE_WAYPOINT\tnan\t2", "x is 'nan', should be metres"),
        (f"1000\t{BEACON}".replace("-82", "loud"), "rssi is 'loud', should be a whole number"),
        (f"1000\t{BEACON}".replace("10073", "1.5"), "major is '1.5'"),
        (f"1000\t{BEACON}".replace("6B:11", "6B"), "the mac is '6B:4C:D1:29:F2'"),
        ("1000\tTYPE_BEACON\tu\t1\t2", "here are 5 columns"),
        (f"1000\tTYPE_GYROSCOPE\t0.11000\t{BEACON}", "two lines have run into one"),
    ],
)
def test_a_malformed_line_is_told_with_its_file_and_number(tmp_path, line, told):
    write_floor(tmp_path / "hall", recordings={"good": walk(), "bad": [*walk(), line]})
    with pytest.raises(ConvertError) as error:
        converted(tmp_path / "hall", tmp_path / "out")
    first = str(error.value).splitlines()[0]
    assert re.match(r"line 8 of .*hall/F1/path_data_files/bad\.txt: ", first)
    assert told in first
    assert not (tmp_path / "out").exists()


def test_malformed_lines_are_left_out_on_demand_and_still_told(tmp_path):
    write_floor(tmp_path / "hall", recordings={"bad": ["nonsense", *walk()]})
    (done,) = converted(tmp_path / "hall", tmp_path / "out", dev_share=0.0, skip_malformed=True)
    assert len(done.malformed) == 1
    assert len(read_survey(done.site / "survey").sightings) == 2


def test_many_malformed_lines_are_not_all_told(tmp_path):
    write_floor(tmp_path / "hall", recordings={"bad": ["nonsense"] * 30})
    with pytest.raises(ConvertError, match="and 10 more lines"):
        converted(tmp_path / "hall", tmp_path / "out")


def test_what_was_converted_is_read_as_recorded_walks(site, tmp_path):
    (done,) = converted(site, tmp_path / "out")
    assert (done.site, done.survey_walks + done.dev_walks) == (tmp_path / "out/hall", 40)
    assert read_venue(done.site).floors["F1"]["level"] == 1
    assert len(read_survey(done.site / "survey").ways) == done.survey_walks
    dev = read_walks(done.site / "dev")
    assert len(dev.moments()) == done.dev_walks
    assert len(dev.sightings) == 2 * done.dev_walks


def test_the_truth_is_told_every_second_straight_between_waypoints(site, tmp_path):
    (done,) = converted(site, tmp_path / "out", dev_share=0.0)
    rows = [
        (int(row["t_ms"]), row["zone"], float(row["lon"]))
        for row in read_rows(done.site / "survey/truth.csv.gz", dict)
        if row["trace"] == "walk01"
    ]
    assert [t_ms for t_ms, _, _ in rows] == list(range(1000, 10_001, 1000))
    assert [zone for _, zone, _ in rows] == ["hall-F1-00-00"] * 2 + ["hall-F1-01-00"] * 5 + [
        "hall-F1-02-00"
    ] * 3
    assert rows[2][2] == pytest.approx(FRAME.degrees(26.0, 10)[0], abs=1e-8)


def test_floors_are_cut_into_squares_counted_from_the_lower_left(site, tmp_path):
    (done,) = converted(site, tmp_path / "out")
    zones = read_plan(done.site / "zones.geojson").zones
    assert set(zones) == {f"hall-F1-{column:02d}-{row:02d}" for column in range(3) for row in range(3)}
    west, south, east, north = zones["hall-F1-01-02"].shape.bounds
    assert (west, south) == pytest.approx(FRAME.degrees(25, 50), abs=1e-9)
    assert (east, north) == pytest.approx(FRAME.degrees(50, 57), abs=1e-9)  # two metres beside the outline


def test_plans_keep_names_and_lose_what_is_no_geojson(site, tmp_path):
    (done,) = converted(site, tmp_path / "out")
    (outline,) = read_features(done.site / "floor-F1.geojson")
    assert outline["properties"]["name"] == "F1"
    assert set(outline) == {"type", "geometry", "properties"}
    assert set(outline["geometry"]) == {"type", "coordinates"}


def test_the_same_seed_divides_alike_whatever_else_there_is(site, tmp_path):
    (all_walks,) = converted(site, tmp_path / "all")
    (again,) = converted(site, tmp_path / "again")
    (other,) = converted(site, tmp_path / "other", seed=2)
    assert bytes_of(all_walks.site) == bytes_of(again.site)
    assert traces(all_walks) != traces(other)
    for path in list((site / "F1/path_data_files").glob("*5.txt")):
        path.unlink()
    (fewer,) = converted(site, tmp_path / "fewer")
    assert traces(fewer) < traces(all_walks)
    assert 3 <= len(traces(all_walks)) <= 17


def traces(done):
    return set(read_walks(done.site / "dev").moments())


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_recording_without_a_way_is_left_out_and_counted(tmp_path):
    write_floor(tmp_path / "hall", recordings={"a": walk(), "b": ["1000\tTYPE_WAYPOINT\t1\t2"]})
    (done,) = converted(tmp_path / "hall", tmp_path / "out", dev_share=0.0)
    assert (done.survey_walks, done.without_way) == (1, 1)


def test_who_walks_beside_the_outline_is_in_the_nearest_zone(tmp_path):
    lines = ["0\tTYPE_WAYPOINT\t10\t58", "2000\tTYPE_WAYPOINT\t12\t58"]
    write_floor(tmp_path / "hall", recordings={"a": lines})
    (done,) = converted(tmp_path / "hall", tmp_path / "out", dev_share=0.0)
    zones = {row["zone"] for row in read_rows(done.site / "survey/truth.csv.gz", dict)}
    assert zones == {"hall-F1-00-02"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("geojson_map.json", "{", "cannot be read as JSON"),
        ("geojson_map.json", '{"features": []}', "has no outline as its first feature"),
        (
            "geojson_map.json",
            '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
            "should be the floor's outline, a polygon",
        ),
        ("floor_info.json", "{}", "does not say map_info.width"),
        ("floor_info.json", '{"map_info": {"width": 0, "height": 5}}', "cannot be"),
        ("floor_info.json", None, "cannot be read as JSON"),
    ],
)
def test_a_floor_without_its_map_is_told(site, tmp_path, name, content, told):
    path = site / "F1" / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConvertError, match=told) as error:
        converted(site, tmp_path / "out")
    assert name in str(error.value)


def test_the_command_converts_every_site_of_a_folder(site, tmp_path):
    write_floor(site.parent / "yard", recordings={"a": walk()})
    arguments = [
        "convert",
        "--from",
        "ilc",
        str(site.parent),
        "-o",
        str(tmp_path / "out"),
        "--dev-share",
        "0",
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["hall", "yard"]
    assert "hall: 40 walks in survey/, 0 in dev/" in result.output


def test_the_command_ends_with_a_sentence_where_there_is_nothing(tmp_path):
    for folder in (tmp_path / "missing", tmp_path):
        result = CliRunner().invoke(
            main, ["convert", "--from", "ilc", str(folder), "-o", str(tmp_path / "out")]
        )
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
