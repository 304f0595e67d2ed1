"""`beacon-sim locate`: recorded walkers placed by the service's engine, and one clear sentence where files are wrong."""

import csv
import gzip
import json

import pytest
from click.testing import CliRunner

from beacon_service.positioning.survey_files import read_sightings
from beacon_service.zones.model import split_zone_key
from simulators.cli import main
from simulators.locate import Asked, pings_of, places_of, predictions
from tests.factories.surveyed import (
    BEGINS_MS,
    WING_M,
    WINGS,
    collection,
    mac,
    spot,
    survey,
    walkers,
    write_walks,
)

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """zones.geojson, survey/, walks/ and asked.csv, which asks of each walk in its fifth second and each fifth later."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "zones.geojson").write_text(json.dumps(collection()))
    write_walks(folder / "survey", survey())
    write_walks(folder / "walks", walkers())
    asked = [(one.trace, one.waypoints[0].t_ms + 5000 * n) for one in walkers() for n in range(1, 13)]
    write_csv(folder / "asked.csv", ["trace", "t_ms"], asked)
    return folder


@pytest.fixture(scope="module")
def places(site):
    return places_of(site / "zones.geojson", survey=site / "survey")


@pytest.fixture(scope="module")
def walks(site):
    return read_sightings(site / "walks" / "sightings.csv")


def write_csv(path, columns, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def locate(site, tmp_path, **instead):
    """The command on the made site; a file may be another instead, or None for not to be named."""
    named = {
        "zones": site / "zones.geojson",
        "survey": site / "survey",
        "sightings": site / "walks" / "sightings.csv",
        "at": site / "asked.csv",
        "out": tmp_path / "predictions.csv",
    } | instead
    arguments = [part for name, path in named.items() if path for part in (f"--{name}", str(path))]
    return CliRunner().invoke(main, ["locate", *arguments])


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def refused(result, status=1):
    """What it says: a sentence, and no traceback."""
    assert result.exit_code == status, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1, result.stderr
    return said[0]


def test_each_moment_asked_for_is_answered_with_a_zone(site, tmp_path):
    result = locate(site, tmp_path)

    assert result.exit_code == 0, result.output
    assert "48 moments" in result.stderr
    found = rows_of(tmp_path / "predictions.csv")
    assert list(found[0]) == ["trace", "t_ms", "zone"]
    asked = rows_of(site / "asked.csv")
    assert [(row["trace"], row["t_ms"]) for row in found] == [(row["trace"], row["t_ms"]) for row in asked]


def test_walkers_are_mostly_where_they_are(places, walks):
    right = asked = 0
    for one in walkers():
        start, back = one.waypoints[0].t_ms, one.waypoints[0].longitude > spot(WING_M, 0)[0]
        moments = [Asked(one.trace, start + 1000 * second) for second in range(5, 60)]
        for moment, zone in predictions(places, walks, moments):
            walked_m = (moment.t_ms - start) / 1000
            wing = WINGS[int((60 - walked_m if back else walked_m) / WING_M)]
            asked += 1
            right += zone == f"site/{one.floor}-{wing}"
    assert right / asked > 0.75


def test_what_comes_later_changes_no_answer(places, walks):
    """Asked for the first seconds of a walk of which only those are known, and of one known to its end."""
    (trace, whole), *_ = walks.items()
    start = whole[0].t_ms // 1000 * 1000
    for seconds in (3, 20, 40):
        upto = start + seconds * 1000
        asked = [Asked(trace, t_ms) for t_ms in range(start, upto + 1, 1000)]
        begun = {trace: [one for one in whole if one.t_ms < upto]}
        later = [Asked(trace, whole[-1].t_ms + HOUR_MS)]
        assert list(predictions(places, begun, asked)) == list(predictions(places, walks, asked + later))[:-1]


def test_sightings_of_a_second_are_known_at_its_end_and_not_before(places, walks):
    (trace, whole), *_ = walks.items()
    first = whole[0].t_ms // 1000 * 1000
    known = {trace: [one for one in whole if one.t_ms < first + 1000]}
    assert [ping.at.timestamp() * 1000 for ping in pings_of(known[trace])] == [first + 1000]

    found = {
        t_ms - first: zone
        for (_, t_ms), zone in predictions(places, known, [Asked(trace, first + n) for n in (0, 999, 1000)])
    }
    assert (found[0], found[999]) == (None, None)
    assert split_zone_key(found[1000])[1].startswith("ground-")


def test_each_trace_is_a_phone_of_its_own(places, walks):
    """Whoever walked before leaves nothing behind, and the order of asking does not matter."""
    moments = [Asked(one.trace, one.waypoints[0].t_ms + 30_000) for one in walkers()]
    together = dict(predictions(places, walks, moments))
    assert dict(predictions(places, walks, moments[::-1])) == together
    assert all(dict(predictions(places, walks, [one])) == {one: together[one]} for one in moments)


def test_who_falls_silent_has_left_after_a_while(places, walks):
    (trace, whole), *_ = walks.items()
    (one, another) = predictions(
        places, walks, [Asked(trace, whole[-1].t_ms + 1000), Asked(trace, whole[-1].t_ms + HOUR_MS)]
    )
    assert (one[1] is None, another[1] is None) == (False, True)


def test_a_trace_of_which_nothing_was_heard_is_nowhere(places, walks):
    assert list(predictions(places, walks, [Asked("nobody", BEGINS_MS)])) == [(("nobody", BEGINS_MS), None)]


def test_files_may_be_packed(site, tmp_path):
    plain = (site / "asked.csv").read_bytes()
    packed = tmp_path / "asked.csv.gz"
    packed.write_bytes(gzip.compress(plain))
    assert locate(site, tmp_path, at=packed, out=tmp_path / "packed.csv").exit_code == 0
    assert locate(site, tmp_path).exit_code == 0
    assert (tmp_path / "packed.csv").read_bytes() == (tmp_path / "predictions.csv").read_bytes()


def test_beacons_do_where_there_is_no_survey(site, tmp_path):
    features = [
        {
            "type": "Feature",
            "id": f"b{number}",
            "geometry": {"type": "Point", "coordinates": spot(10 + 20 * number, 3)},
            "properties": {
                "floor": "ground",
                "identities": [{"type": "mac", "mac": mac(number).removeprefix("mac:")}],
            },
        }
        for number in range(3)
    ]
    beacons = tmp_path / "beacons.geojson"
    beacons.write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    result = locate(site, tmp_path, survey=None, beacons=beacons)
    assert result.exit_code == 0, result.output
    assert any(row["zone"] for row in rows_of(tmp_path / "predictions.csv"))


def test_neither_survey_nor_beacons_is_no_question(site, tmp_path):
    assert "--survey" in refused(locate(site, tmp_path, survey=None), status=2)


@pytest.mark.parametrize("name", ["zones", "sightings", "at", "survey", "beacons"])
def test_a_file_that_is_not_there_is_named(site, tmp_path, name):
    said = refused(locate(site, tmp_path, **{name: tmp_path / "gone"}), status=2)
    assert f"--{name}" in said
    assert "gone' does not exist" in said


@pytest.mark.parametrize(
    ("columns", "row", "told"),
    [
        (["walk", "t_ms"], ["a", "1"], "line 1: the header lacks trace"),
        (["trace", "time"], ["a", "1"], "line 1: the header lacks t_ms"),
        (["trace", "t_ms"], ["a", "soon"], "line 2, column t_ms: is 'soon'"),
        (["trace", "t_ms"], ["a"], "line 2: has 1 columns where the header has 2"),
    ],
)
def test_moments_without_trace_and_time_are_named_by_line(site, tmp_path, columns, row, told):
    asked = write_csv(tmp_path / "asked.csv", columns, [row])
    said = refused(locate(site, tmp_path, at=asked))
    assert f"{asked}, {told}" in said


@pytest.mark.parametrize("column", ["trace", "t_ms", "rssi"])
@pytest.mark.parametrize("file", ["sightings", "survey"])
def test_a_column_that_is_missing_is_named(site, tmp_path, file, column):
    source = site / ("walks" if file == "sightings" else "survey") / "sightings.csv"
    rows = [{name: value for name, value in row.items() if name != column} for row in rows_of(source)]
    folder = tmp_path / "lacking"
    folder.mkdir()
    lacking = write_csv(folder / "sightings.csv", list(rows[0]), [list(row.values()) for row in rows])
    (folder / "waypoints.csv").write_bytes((site / "survey" / "waypoints.csv").read_bytes())

    said = refused(locate(site, tmp_path, **{file: lacking if file == "sightings" else folder}))
    assert column in said
    assert "sightings.csv" in said


def test_a_survey_without_its_files_is_told(site, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in refused(locate(site, tmp_path, survey=empty))


def test_a_survey_in_which_nothing_was_heard_is_told(site, tmp_path):
    folder = tmp_path / "quiet"
    folder.mkdir()
    (folder / "waypoints.csv").write_bytes((site / "survey" / "waypoints.csv").read_bytes())
    header = (site / "survey" / "sightings.csv").read_text().splitlines()[0]
    (folder / "sightings.csv").write_text(header + "\n")
    said = refused(locate(site, tmp_path, survey=folder))
    assert "sighting" in said


def zones_file(tmp_path, change):
    features = collection()
    for feature in features["features"]:
        change(feature)
    path = tmp_path / "zones.geojson"
    path.write_text(json.dumps(features))
    return path


def test_zones_on_no_floor_have_nothing_to_learn_for(site, tmp_path):
    zones = zones_file(tmp_path, lambda feature: feature["properties"].pop("floor"))
    assert "floor" in refused(locate(site, tmp_path, zones=zones))


def test_zones_on_another_floor_than_the_survey_are_told(site, tmp_path):
    zones = zones_file(tmp_path, lambda feature: feature["properties"].update(floor="attic"))
    assert "floor" in refused(locate(site, tmp_path, zones=zones))


def test_zones_without_a_name_are_told(site, tmp_path):
    def nameless(feature):
        del feature["properties"]["zone"], feature["id"]

    assert "neither a property zone nor an id" in refused(
        locate(site, tmp_path, zones=zones_file(tmp_path, nameless))
    )


# Of each file, contents that it cannot have.
MISTAKEN = {
    "zones": [
        "",
        "no json",
        "[]",
        "{}",
        '{"features": []}',
        '{"features": 3}',
        '{"features": [3]}',
        '{"features": [{}]}',
        '{"features": [{"id": "a", "properties": {"floor": "ground"}}]}',
        '{"features": [{"id": "a", "properties": {"floor": "ground"}, "geometry": {"type": "Polygon"}}]}',
        '{"features": [{"id": "a", "properties": null, "geometry": null}]}',
        '{"features": [{"id": "a", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
        '{"features": [{"id": "a", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[1, 2], [1, 3]]}}]}',
    ],
    "beacons": [
        "no json",
        '{"features": [{"id": "a", "properties": {}}]}',
        '{"features": [{"properties": {"identities": []}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
        '{"features": [{"id": "a", "properties": {"identities": [{"type": "mac"}]}, "geometry": {"coordinates": [1, 2]}}]}',
        '{"features": [{"id": "a", "properties": {"identities": []}, "geometry": null}]}',
    ],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name, contents in MISTAKEN.items() for content in contents]
)
def test_what_are_no_zones_or_no_beacons_is_told(site, tmp_path, name, content):
    mistaken = tmp_path / "mistaken.geojson"
    mistaken.write_text(content)
    assert str(mistaken) in refused(locate(site, tmp_path, **{name: mistaken}))


@pytest.mark.parametrize("name", ["zones", "sightings", "at"])
def test_bytes_that_are_no_text_are_told(site, tmp_path, name):
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00trace\x80\n\xff")
    assert "binary.csv" in refused(locate(site, tmp_path, **{name: binary}))


def test_a_packed_file_that_is_not_packed_is_told(site, tmp_path):
    broken = tmp_path / "broken.csv.gz"
    broken.write_text("trace,t_ms\n")
    for name in ("at", "sightings"):
        assert "broken.csv.gz" in refused(locate(site, tmp_path, **{name: broken}))


def test_an_answer_that_cannot_be_written_is_told(site, tmp_path):
    out = tmp_path / "no" / "such" / "folder.csv"
    assert "folder.csv" in refused(locate(site, tmp_path, out=out))
