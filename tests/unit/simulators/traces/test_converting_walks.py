"""Walks as CSV and tracks as GPX become traces: each a phone, each second a ping, nothing lost without a word."""

import gzip
import re

import pytest

from simulators.traces.files import open_truth
from simulators.traces.model import Registered
from tests.unit.simulators.traces.conversions import converted, pings, reports, run, taken

UUID = "9195b3ad-a9d0-4500-85ff-9fb0f65a5201"
SIGHTINGS = "trace,t_ms,uuid,major,minor,mac,tx_power,rssi"
TRUTH = "trace,t_ms,floor,zone,lat,lon"
# 2026-11-02T10:00:00Z
T0_MS = 1_793_613_600_000


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{row}\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def heard(trace, after_ms, *, minor=1, rssi=-70, mac="e0:78:a3:3e:93:35", tx_power=-56):
    return f"{trace},{T0_MS + after_ms},{UUID},0,{minor},{mac},{tx_power},{rssi}"


@pytest.fixture
def walks(tmp_path):
    site = tmp_path / "hall"
    (site / "dev").mkdir(parents=True)
    (site / "zones.geojson").write_text("{}")
    rows = (heard("w2", 2500), heard("w1", 100), heard("w1", 900, minor=2, rssi=-80), heard("w1", 1000))
    write(site / "dev/sightings.csv.gz", SIGHTINGS, *rows)
    write(site / "dev/truth.csv.gz", TRUTH, f"w1,{T0_MS + 500},F1,z1,52.0,4.0", f"w1,{T0_MS},F1,,52.1,4.1")
    return site / "dev"


def test_what_a_phone_hears_in_a_second_is_a_ping_at_its_end_in_order_of_time_whatever_the_file_s(walks):
    lines, _ = converted(walks, "csv")
    assert [(line.installation_id, str(line.at)[17:], len(line.pings[0]["sightings"])) for line in reports(lines)] == [
        ("w1", "01+00:00", 2), ("w1", "02+00:00", 1), ("w2", "03+00:00", 1),
    ]  # fmt: skip
    assert pings(lines)[0]["sightings"][0] == {
        "type": "ibeacon", "uuid": UUID, "major": 0, "minor": 1, "rssi": -70, "mac": "e0:78:a3:3e:93:35",
        "tx_power": -56,
    }  # fmt: skip
    assert len(taken(lines)) == 3


def test_phones_register_right_before_their_first_report(walks):
    lines, _ = converted(walks, "csv")
    assert [type(line).__name__ for line in lines] == [
        "Registered",
        "Report",
        "Report",
        "Registered",
        "Report",
    ]


def test_consents_are_those_that_one_says(walks):
    for said, told in (("both", (True, True)), ("location", (True, False)), ("none", (False, False))):
        lines, _ = converted(walks, "csv", "--consents", said)
        (first, *_) = (line for line in lines if isinstance(line, Registered))
        assert (first.consents.location, first.consents.marketing) == told


def test_the_truth_lies_beside_the_trace_in_order_and_names_the_site(walks):
    _, told = converted(walks, "csv")
    header, truth = open_truth(walks.parent / "out/t.truth.jsonl")
    read = [
        (moment.installation_id, moment.site, moment.floor, moment.zone, moment.latitude) for moment in truth
    ]
    assert (header.trace, read) == (
        "t.jsonl",
        [("w1", "hall", "F1", None, 52.1), ("w1", "hall", "F1", "z1", 52.0)],
    )
    assert "read: 2 moments of truth, 4 sightings" in told
    assert "3 pings in 3 reports of 2 phones" in told


def test_where_truth_is_missing_waypoints_stand_in_for_it(walks):
    (walks / "truth.csv.gz").unlink()
    write(walks / "waypoints.csv", "trace,t_ms,floor,lat,lon", f"w1,{T0_MS},F1,52.1,4.1")
    _, told = converted(walks, "csv")
    _, truth = open_truth(walks.parent / "out/t.truth.jsonl")
    assert ([moment.zone for moment in truth], "1 moments of waypoints" in told) == ([None], True)


def test_a_longer_time_gathers_more_and_tells_when_each_was_heard(walks):
    lines, _ = converted(walks, "csv", "--ping-every-s", "5")
    (first, _) = pings(lines)
    assert [each["at"][17:] for each in first["sightings"]] == ["00.100Z", "00.900Z", "01.000Z"]


def test_more_sightings_than_a_ping_may_have_are_several_pings(tmp_path):
    rows = [heard("w1", index, minor=index) for index in range(450)]
    lines, _ = converted(write(tmp_path / "sightings.csv", SIGHTINGS, *rows), "csv")
    assert [len(ping["sightings"]) for ping in pings(lines)] == [200, 200, 50]
    assert len({ping["ping_id"] for ping in pings(lines)}) == 3
    assert len(taken(lines)) == 3


def test_the_same_recording_is_the_same_bytes(walks):
    outs = [walks.parent / f"{name}.jsonl.gz" for name in ("one", "two")]
    for out in outs:
        assert run("--from", "csv", walks, "-o", out).exit_code == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"w1,abc,{UUID},0,1,,,-70", "t_ms is 'abc', should be Unix milliseconds"),
        (f"w1,{T0_MS},nobody,0,1,,,-70", "uuid is 'nobody', should be a UUID"),
        (f"w1,{T0_MS},{UUID},0,65536,,,-70", "minor is '65536', should be a whole number from 0 to 65535"),
        (f"w1,{T0_MS},{UUID},0,1,,,loud", "rssi is 'loud', should be a level in dBm"),
        (f"w1,{T0_MS},{UUID},0,1,12:34,,-70", "mac is '12:34', should be six bytes"),
        (f"w1,{T0_MS},,0,1,,,-70", "says neither an identity nor an address"),
        (f",{T0_MS},{UUID},0,1,,,-70", "the phone has no name"),
        (f"w1,{T0_MS}", "."),
    ],
)
def test_a_malformed_row_ends_the_conversion_with_file_and_line_or_is_left_out_and_told(tmp_path, row, told):
    source = write(tmp_path / "sightings.csv", SIGHTINGS, heard("w1", 0), row, heard("w1", 5000))
    done = run("--from", "csv", source, "-o", tmp_path / "t.jsonl")
    assert done.exit_code == 1
    assert f"Error: line 3 of {source}: " in done.stderr
    assert "--skip-malformed" in done.stderr
    assert not (tmp_path / "t.jsonl").exists()
    lines, said = converted(source, "csv", "--skip-malformed")
    assert (len(pings(lines)), f"left out: line 3 of {source}: " in said) == (2, True)
    assert "read: 1 malformed, left out, 2 sightings" in said
    assert told == "." or told in said


def test_a_file_without_the_columns_is_told_what_they_are(tmp_path):
    done = run("--from", "csv", write(tmp_path / "x.csv", "a,b", "1,2"), "-o", tmp_path / "t.jsonl")
    assert "line 1 of" in done.stderr
    assert "trace, t_ms, rssi among them" in done.stderr


def test_a_name_that_no_installation_may_have_is_replaced_by_one_that_stays_apart(tmp_path):
    rows = [heard("walk a", 0), heard("walk/a", 0), heard("x" * 80, 0)]
    lines, _ = converted(write(tmp_path / "sightings.csv", SIGHTINGS, *rows), "csv")
    assert len({line.installation_id for line in reports(lines)}) == 3
    assert len(taken(lines)) == 3


GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="by hand" xmlns="http://www.topografix.com/GPX/1/1">
  <metadata><name>a day</name><time>2026-11-02T09:00:00Z</time></metadata>
  <wpt lat="52.0" lon="4.0"><name>the door</name></wpt>
  <trk><name>Ann</name><trkseg>
    <trkpt lat="52.3700" lon="4.9000"><ele>2.1</ele><time>2026-11-02T10:00:00Z</time><hdop>1.2</hdop></trkpt>
    <trkpt lat="52.3701" lon="4.9001"><time>2026-11-02T10:00:02.500Z</time></trkpt>
  </trkseg><trkseg>
    <trkpt lat="52.3702" lon="4.9002"><time>2026-11-02T10:00:10</time></trkpt>
  </trkseg></trk>
  <trk><name>Ann</name><trkseg>
    <trkpt lat="52.4" lon="4.8"><time>2026-11-02T12:00:01+02:00</time></trkpt>
  </trkseg></trk>
  <trk><trkseg><trkpt lat="52.5" lon="4.7"><time>2026-11-02T10:00:03Z</time></trkpt></trkseg></trk>
</gpx>
"""


def gpx(tmp_path, text=GPX):
    (tmp_path / "day.gpx").write_text(text)
    return tmp_path / "day.gpx"


def test_each_track_is_a_phone_that_tells_each_of_its_points(tmp_path):
    lines, told = converted(gpx(tmp_path), "gpx")
    assert [(line.installation_id, str(line.at)[11:23]) for line in reports(lines)] == [
        ("Ann", "10:00:00+00:"), ("Ann-2", "10:00:01+00:"), ("Ann", "10:00:02.500"), ("track", "10:00:03+00:"),
        ("Ann", "10:00:10+00:"),
    ]  # fmt: skip
    assert pings(lines)[0] | {"ping_id": ""} == {
        "ping_id": "",
        "at": "2026-11-02T10:00:00.000Z",
        "position": {"latitude": 52.37, "longitude": 4.9, "accuracy_m": 6.0},
    }
    assert "read: 5 positions, 1 waypoints and points of routes, left out" in told
    assert len(taken(lines)) == 5


def test_a_position_that_does_not_say_how_exact_it_is_is_as_exact_as_one_says(tmp_path):
    lines, _ = converted(gpx(tmp_path), "gpx", "--accuracy-m", "25")
    assert [ping["position"]["accuracy_m"] for ping in pings(lines, "Ann")] == [6.0, 25.0, 25.0]


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("<time>2026-11-02T10:00:03Z</time>", "", "line 14 of .*: the point has no time, so nobody was ever there"),
        ('lat="52.5"', 'lat="95"', "line 14 of .*: latitude is '95', should be a number from -90 to 90"),
        ('lon="4.7"', "", "line 14 of .*: longitude is None"),
        ("2026-11-02T10:00:03Z", "yesterday", "line 14 of .*: time is 'yesterdayZ?'"),
        ("<hdop>1.2</hdop>", "<hdop>good</hdop>", "line 6 of .*: accuracy is 'good'"),
        ("</gpx>", "", "line 16 of .*: is no XML"),
        ("<gpx ", '<!DOCTYPE gpx [<!ENTITY a "b">]><gpx ', "declares a document type"),
        ("<gpx version", "<kml version", "line 2 of .*: begins with <kml>, is no GPX"),
    ],
)  # fmt: skip
def test_gpx_that_is_none_is_told_with_its_line(tmp_path, was, becomes, told):
    assert was in GPX
    done = run("--from", "gpx", gpx(tmp_path, GPX.replace(was, becomes)), "-o", tmp_path / "t.jsonl")
    assert (done.exit_code, re.search(told, done.stderr) is not None) == (1, True), done.output


def test_a_point_that_is_none_can_be_left_out(tmp_path):
    source = gpx(tmp_path, GPX.replace('lat="52.5"', 'lat="95"'))
    lines, told = converted(source, "gpx", "--skip-malformed")
    assert len(pings(lines)) == 4
    assert f"left out: line 14 of {source}: latitude is '95'" in told


def test_a_source_in_which_nothing_is_becomes_no_trace(tmp_path):
    (tmp_path / "day.gpx").write_text('<gpx version="1.1"><wpt lat="1" lon="2"/></gpx>')
    done = run("--from", "gpx", tmp_path / "day.gpx", "-o", tmp_path / "t.jsonl")
    assert (
        "could be read as gpx (1 waypoints and points of routes, left out); no trace is written"
        in done.stderr
    )


def test_options_of_another_format_are_refused_rather_than_passed_over(tmp_path):
    done = run("--from", "gpx", gpx(tmp_path), "-o", tmp_path / "t.jsonl", "--seed", "2")
    assert (done.exit_code, "--seed is not for --from gpx, but for ilc" in done.stderr) == (2, True)


def test_sources_and_places_that_are_not_there_are_told(tmp_path):
    assert "is not there" in run("--from", "gpx", tmp_path / "no.gpx", "-o", tmp_path / "t.jsonl").stderr
    assert "holds no sightings.csv" in run("--from", "csv", tmp_path, "-o", tmp_path / "t.jsonl").stderr
    assert "is a folder; name the trace's file" in run("--from", "gpx", gpx(tmp_path), "-o", tmp_path).stderr
    done = run("--from", "gpx", gpx(tmp_path), "-o", tmp_path / "no/t.jsonl")
    assert "cannot be written: No such file or directory" in done.stderr
