"""Surveys are read as they are written; what is wrong in them is named by file, line and column."""

import gzip

import pytest

from beacon_service.positioning import survey_files
from beacon_service.positioning.survey import SurveyError
from beacon_service.positioning.survey_files import read_sightings, read_survey, survey_in
from beacon_service.zones.model import Sighting

UUID = "fda50693-a4e2-4fb1-afcf-c6eb07647825"
HEADER = "trace,t_ms,uuid,major,minor,mac,tx_power,rssi"
HEARD = f"w1,1500,{UUID},1,2,AC:23:3F:5A:0B:1C,-59,-70"
WAY = ["w1,1000,F1,30.0,120.0", "w1,9000,F1,30.0,120.001"]


@pytest.fixture
def survey(tmp_path):
    def write(*heard, header=HEADER, way=WAY):
        (tmp_path / "sightings.csv").write_text("\n".join([header, *heard]) + "\n")
        (tmp_path / "waypoints.csv").write_text("\n".join(["trace,t_ms,floor,lat,lon", *way]) + "\n")
        return tmp_path

    return write


def test_a_walk_is_its_waypoints_and_what_was_heard(survey):
    (walk,) = read_survey(survey(HEARD))
    assert (walk.trace, walk.floor, walk.waypoints[1].longitude) == ("w1", "F1", 120.001)
    (one,) = walk.sightings
    assert one == (1500, Sighting(f"ibeacon:{UUID}:1:2", "mac:ac233f5a0b1c", -70.0, -59.0))


def test_packed_files_are_read_as_plain_ones(survey):
    directory = survey(HEARD)
    plain = read_survey(directory)
    for name in ("sightings", "waypoints"):
        content = (directory / f"{name}.csv").read_bytes()
        (directory / f"{name}.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + content))
        (directory / f"{name}.csv").unlink()
    assert read_survey(directory) == plain


@pytest.mark.parametrize(
    ("header", "row", "heard"),
    [
        (HEADER, f"w1,1,{UUID},1,2,,,-70", Sighting(f"ibeacon:{UUID}:1:2", None, -70.0)),
        (HEADER, "w1,1,,,,ac233f5a0b1c,-59,-70", Sighting(None, "mac:ac233f5a0b1c", -70.0, -59.0)),
        (
            "rssi,mac,t_ms,trace,note",
            "-70,ac233f5a0b1c,1,w1,by the lift",
            Sighting(None, "mac:ac233f5a0b1c", -70.0),
        ),
        (
            "trace,t_ms,namespace,instance,tx_power,rssi",
            "w1,1,edd1ebeac04e5defa017,0bdb87539b67,-18,-70",
            Sighting("eddystone_uid:edd1ebeac04e5defa017:0bdb87539b67", None, -70.0, -59.0),
        ),
        (
            "trace,t_ms,type,id1,id2,id3,uuid,rssi",
            f"w1,1,altbeacon,{UUID},7,8,,-70",
            Sighting(f"altbeacon:{UUID}:7:8", None, -70.0),
        ),
    ],
    ids=["identity alone", "mac alone", "any order", "eddystone, powers at 1 m", "altbeacon by type"],
)
def test_whatever_identifies_a_transmitter_is_enough(survey, header, row, heard):
    (walk,) = read_survey(survey(row, header=header))
    assert [one.heard for one in walk.sightings] == [heard]


def test_walks_are_in_order_of_time_however_the_files_are(survey):
    later, earlier = HEARD.replace("1500", "8000"), HEARD
    (walk,) = read_survey(survey(later, earlier, way=WAY[::-1]))
    assert [one.t_ms for one in walk.sightings] == [1500, 8000]
    assert [point.t_ms for point in walk.waypoints] == [1000, 9000]


def test_a_trace_is_split_where_it_changes_floors_and_the_way_between_is_left_out(survey):
    way = [*WAY, "w1,20000,F2,30.0,120.0", "w1,30000,F2,30.0,120.001"]
    rows = [HEARD.replace("1500", str(t_ms)) for t_ms in (500, 9000, 12_000, 20_000, 31_000)]
    found = survey_in(survey(*rows, way=way))
    assert [(walk.trace, walk.floor) for walk in found.walks] == [("w1#1", "F1"), ("w1#2", "F2")]
    assert [[one.t_ms for one in walk.sightings] for walk in found.walks] == [[500, 9000], [20_000, 31_000]]
    assert found.left_out == 1


def test_what_a_trace_without_waypoints_heard_is_left_out_and_counted(survey):
    found = survey_in(survey(HEARD, HEARD.replace("w1", "w2"), HEARD.replace("w1", "w2")))
    assert (len(found.walks), found.left_out) == (1, 2)


@pytest.mark.parametrize("level", ["127", "0", "-128"])
def test_a_level_that_the_phone_did_not_know_is_no_sighting(survey, level):
    (walk,) = read_survey(survey(HEARD, HEARD.replace("-70", level)))
    assert len(walk.sightings) == 1


@pytest.mark.parametrize(
    ("before", "after", "column", "do"),
    [
        ("1500", "noon", "t_ms", "milliseconds"),
        ("1500", "-1", "t_ms", "milliseconds"),
        ("1500", "1" * 5000, "", "longer than"),
        ("1500", "9" * 16, "t_ms", "milliseconds"),
        ("w1,", ",", "trace", "name the walk"),
        (UUID, "u", "uuid", "must be a UUID"),
        (",1,2,", ",70000,2,", "major", "65535"),
        (",1,2,", ",1,,", "minor", "65535"),
        ("AC:23:3F:5A:0B:1C", "AC:23", "mac", "must be a MAC"),
        (f"{UUID},1,2,AC:23:3F:5A:0B:1C", ",,,", "mac", "what was heard"),
        ("-59", "loud", "tx_power", "write a number"),
        ("-70", "loud", "rssi", "write what was received in dBm"),
        ("-70", "nan", "rssi", "write what was received in dBm"),
        ("-70", "70", "rssi", "below 0"),
        (",-59,-70", "", "", "complete the row"),
        ("AC:23:3F:5A:0B:1C", '"AC', "", "is no CSV"),
    ],
)
def test_a_row_that_makes_no_sense_is_named_by_line_and_column(survey, before, after, column, do):
    directory = survey(HEARD, HEARD.replace(before, after))
    with pytest.raises(SurveyError) as error:
        read_survey(directory)
    said = str(error.value)
    assert f"sightings.csv, line 3{', column ' + column if column else ''}: " in said
    assert do in said


@pytest.mark.parametrize(
    ("row", "column", "do"),
    [
        ("w1,5,F1,91,120", "lat", "from -90 to 90"),
        ("w1,5,F1,30,181", "lon", "from -180 to 180"),
        ("w1,5,F1,,120", "lat", "is empty"),
        ("w1,5,,30,120", "floor", "floor's id"),
        (",5,F1,30,120", "trace", "name the walk"),
        ("w1,soon,F1,30,120", "t_ms", "milliseconds"),
    ],
)
def test_a_waypoint_that_makes_no_sense_is_named_too(survey, row, column, do):
    with pytest.raises(SurveyError, match=rf"waypoints\.csv, line 4, column {column}: .*{do}"):
        read_survey(survey(HEARD, way=[*WAY, row]))


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("trace,t_ms,mac", "w1,1,ac233f5a0b1c", "line 1: the header lacks rssi"),
        ("trace,t_ms,rssi", "w1,1,-70", "line 1: nothing identifies a transmitter"),
        ("trace,t_ms,rssi,rssi", "w1,1,-70,-70", "line 1: names a column twice"),
        ("", "", "is empty"),
        (
            "trace,t_ms,type,mac,rssi",
            "w1,1,wifi,ac233f5a0b1c,-70",
            "line 2, column type: is 'wifi'; write one of ibeacon",
        ),
        (
            "trace,t_ms,uuid,major,minor,namespace,instance,rssi",
            f"w1,1,{UUID},1,2,edd1ebeac04e5defa017,0bdb87539b67,-70",
            "line 2, column type: may be ibeacon or eddystone_uid",
        ),
    ],
)
def test_a_header_that_makes_no_sense_is_named(survey, header, row, said):
    with pytest.raises(SurveyError, match=said):
        read_survey(survey(row, header=header))


def test_files_that_are_missing_or_broken_are_named(survey, tmp_path):
    with pytest.raises(SurveyError, match="is no folder"):
        read_survey(tmp_path / "nowhere")
    directory = survey(HEARD)
    (directory / "sightings.csv").write_bytes(b"trace,t_ms,mac,rssi\nw1,1,\xff,-70\n")
    with pytest.raises(SurveyError, match=r"sightings\.csv, line \d: is no CSV in UTF-8"):
        read_survey(directory)
    (directory / "sightings.csv").unlink()
    with pytest.raises(SurveyError, match="holds neither sightings"):
        read_survey(directory)
    packed = gzip.compress("\n".join([HEADER, *[HEARD] * 100]).encode())
    for broken in (packed[:-20], b"no gzip", packed[:30] + b"xxxx" + packed[34:]):
        (directory / "sightings.csv.gz").write_bytes(broken)
        with pytest.raises(SurveyError, match=r"sightings\.csv\.gz cannot be read"):
            read_survey(directory)


def test_a_survey_in_which_nothing_can_be_learned_is_refused(survey):
    with pytest.raises(SurveyError, match="there are no waypoints"):
        read_survey(survey(HEARD, way=[]))
    with pytest.raises(SurveyError, match="named alike"):
        read_survey(survey(HEARD.replace("w1", "w2")))


def test_no_file_is_read_beyond_its_bounds(survey, monkeypatch):
    monkeypatch.setattr(survey_files, "MOST_SIGHTINGS", 2)
    assert len(read_sightings(survey(HEARD, HEARD) / "sightings.csv")["w1"]) == 2
    with pytest.raises(SurveyError, match="line 4: has more than 2 rows"):
        read_survey(survey(HEARD, HEARD, HEARD))
