"""The plain methods on walks made by hand, what they may learn from, and how the service itself is asked."""

import csv
import gzip
import json
import sys
from pathlib import Path

import pytest
from shapely.geometry import box

from benchmarks.positioning import __main__ as command
from benchmarks.positioning import contest, engine, plain, report
from benchmarks.positioning.contest import SERVICE, STRONGEST, Method, play
from benchmarks.positioning.engine import LocateError
from benchmarks.positioning.scoring import Truth, Zone
from benchmarks.positioning.trial import Trial, folds, thinned, without_rotating
from benchmarks.positioning.walks import Plan, Survey, Walks, rotating_identities
from simulators.recorded import WalksError
from simulators.survey import Recorded, Waypoint
from simulators.walkfiles import TRUTH, write_rows

HOUR_MS = 3_600_000
# Three zones of about 100 m from west to east, and one above the first.
PLAN = Plan(
    [
        Zone("a", "F1", box(0, 0, 0.001, 0.001)),
        Zone("b", "F1", box(0.001, 0, 0.002, 0.001)),
        Zone("c", "F1", box(0.002, 0, 0.003, 0.001)),
        Zone("up", "F2", box(0, 0, 0.001, 0.001)),
    ]
)
MIDDLES = {"a": 0.0005, "b": 0.0015, "c": 0.0025}


def heard(trace, second, mac, rssi, identity=("u", 1, 1)):
    return Recorded(trace, second * 1000, identity, mac, -59, rssi)


def stay(trace, zone, *, begins_s=0, lasts_s=30):
    spot = [(begins_s + second) * 1000 for second in (0, lasts_s)]
    return {trace: [Waypoint(t_ms, "F1", 0.0005, MIDDLES[zone]) for t_ms in spot]}


def asked(zones, trace="w"):
    return tuple(Truth(trace, second * 1000, "F1", zone) for second, zone in enumerate(zones))


def told(predictions, trace="w"):
    return "".join(predictions[each] or "-" for each in sorted(predictions) if each[0] == trace)


@pytest.mark.parametrize(
    ("guesses", "held"),
    [
        ("aaaa", "aaaa"),
        ("aabbab", "aaaaaa"),
        ("abbbb", "aaabb"),
        ("abbaabbb", "aaaaaaab"),
        ("abcbcbc", "aaaaaaa"),
        ("-a--b-bb", "-aaaaaab"),
        ("abbbaaa", "aaabbba"),
    ],
)
def test_three_samples_in_a_row_change_the_zone(guesses, held):
    one = plain.Held()
    assert "".join(one.told(None if guess == "-" else guess) or "-" for guess in guesses) == held


def test_a_window_is_the_five_seconds_up_to_now():
    rows = [heard("w", second, "m", -60) for second in (0, 1, 5, 6)]
    assert [row.t_ms for row in plain.Windows(rows).at("w", 5000)] == [1000, 5000]
    assert plain.Windows(rows).at("other", 5000) == []


def test_a_beacon_belongs_where_it_was_heard_loudest():
    rows = [heard("s1", 5, "m", -70), heard("s1", 6, "m", -71), heard("s2", 105, "m", -60)]
    survey = Survey((*rows, heard("s1", 900, "late", -50)), stay("s1", "a") | stay("s2", "b", begins_s=100))
    assert plain.homes_of(survey, PLAN) == {"m": "b"}


def test_the_loudest_known_beacon_tells_the_zone():
    rows = [heard("w", 0, "in-a", -80), heard("w", 0, "in-b", -70), heard("w", 0, "stranger", -40)]
    walks = Walks(tuple(rows), asked("bb"))
    assert told(plain.strongest({"in-a": "a", "in-b": "b"}, walks)) == "bb"


def test_nothing_heard_after_now_tells_anything():
    walks = Walks((heard("w", 3, "in-b", -50),), asked("bbbbb"))
    assert told(plain.strongest({"in-b": "b"}, walks)) == "---bb"


def levels_survey():
    """In a the first beacon is louder, in b the second; c was never walked."""
    rows = [heard("s1", second, mac, rssi) for second in range(30) for mac, rssi in (("x", -60), ("y", -80))]
    rows += [
        heard("s2", 100 + second, mac, rssi) for second in range(30) for mac, rssi in (("x", -80), ("y", -60))
    ]
    return Survey(tuple(rows), stay("s1", "a") | stay("s2", "b", begins_s=100))


@pytest.mark.parametrize(("x", "y", "zone"), [(-62, -79, "a"), (-75, -66, "b"), (-70, -90, "a")])
def test_the_likest_fingerprints_vote(x, y, zone):
    walks = Walks((heard("w", 0, "x", x), heard("w", 0, "y", y)), asked("a"))
    assert told(plain.fingerprint(levels_survey(), walks, PLAN)) == zone


def test_a_fingerprint_that_knows_nothing_says_nothing():
    unknown = Walks((heard("w", 0, "z", -50),), asked("aa"))
    assert told(plain.fingerprint(levels_survey(), unknown, PLAN)) == "--"
    assert told(plain.fingerprint(Survey((), {}), unknown, PLAN)) == "--"


def test_a_plan_knows_its_zones_by_floor_and_the_deepest_of_nested_ones():
    nested = Plan([*PLAN.zones.values(), Zone("corner", "F1", box(0, 0, 0.0001, 0.0001))])
    assert nested.zone_at("F1", 0.00005, 0.00005) == "corner"
    assert nested.zone_at("F2", 0.0005, 0.0005) == "up"
    assert nested.zone_at("F2", 0.0015, 0.0005) is None
    assert nested.zone_at("F9", 0.0005, 0.0005) is None


WALKED_ABOUT = ("phones", 7, 7)


def rotating_survey(walks=8):
    """A beacon that stays for hours and an identity whose address is another one on each walk."""
    rows, ways = [], {}
    for number in range(walks):
        begins_s = number * 3600
        rows.append(heard(f"s{number}", begins_s + 5, "fixed", -60))
        rows += [heard(f"s{number}", begins_s + at, f"r{number}", -50, WALKED_ABOUT) for at in (5, 9)]
        ways |= stay(f"s{number}", "abc"[number % 3], begins_s=begins_s)
    return Survey(tuple(rows), ways)


def trial(**changes):
    walks = Walks((heard("w", 0, "fixed", -60), heard("w", 0, "r1", -50, WALKED_ABOUT)), asked("aab"))
    return Trial(**{"zones": Path("zones.geojson"), "plan": PLAN, "walks": walks} | changes)


def test_identities_whose_addresses_live_for_minutes_are_left_out_on_both_sides():
    survey = rotating_survey()
    assert rotating_identities(survey) == {WALKED_ABOUT}
    cleaned = without_rotating(trial(survey=survey))
    assert {row.mac for row in cleaned.survey.sightings} == {"fixed"}
    assert {row.mac for row in cleaned.walks.sightings} == {"fixed"}
    assert cleaned.survey.ways == survey.ways
    assert without_rotating(trial(beacons=Path("b"))) == trial(beacons=Path("b"))


def write_truth(folder, survey):
    rows = [(trace, way[0].t_ms + 10_000, "F1", "a", 0, 0) for trace, way in survey.ways.items()]
    write_rows(folder / "truth.csv.gz", TRUTH, rows)


def test_each_walk_of_the_survey_is_asked_once_and_never_learned_from_then(tmp_path):
    survey = rotating_survey(walks=9)
    write_truth(tmp_path, survey)
    parts = list(folds(trial(survey=survey), tmp_path, 4))
    found = [each.trace for part in parts for each in part.walks.truth]
    assert sorted(found) == sorted(survey.ways)
    for part in parts:
        those = {each.trace for each in part.walks.truth}
        assert {row.trace for row in part.walks.sightings} == those
        assert not those & part.survey.ways.keys()
        assert not those & {row.trace for row in part.survey.sightings}
        assert those | part.survey.ways.keys() == survey.ways.keys()
    again = list(folds(trial(survey=survey), tmp_path, 4))
    assert [part.walks for part in again] == [part.walks for part in parts]


def test_more_folds_than_walks_are_refused(tmp_path):
    survey = rotating_survey(walks=3)
    write_truth(tmp_path, survey)
    with pytest.raises(WalksError, match=r"3 walks .* too few for 4 folds"):
        list(folds(trial(survey=survey), tmp_path, 4))


def test_a_thinner_survey_is_part_of_a_thicker_one():
    whole = trial(survey=rotating_survey(walks=8))
    quarter, half, full = (thinned(whole, share).survey.ways.keys() for share in (0.25, 0.5, 1.0))
    assert (len(quarter), len(half), len(full)) == (2, 4, 8)
    assert quarter < half < full


def test_trials_of_several_folds_add_up_to_one_row():
    right = Method(
        "right", "right", lambda each: {(one.trace, one.t_ms): one.zone for one in each.walks.truth}
    )
    (row,) = play([trial(), trial()], [right], lambda _: None)
    assert (row.score.scored_s, row.score.zone_acc, row.changes) == (6, 1.0, 2)


def test_beacons_without_a_survey_belong_to_the_zone_in_which_they_hang(tmp_path):
    path = tmp_path / "beacons.geojson"
    properties = {"floor": "F1", "identities": [{"type": "mac", "mac": "fixed"}, {"type": "ibeacon"}]}
    feature = {"geometry": {"coordinates": [MIDDLES["b"], 0.0005]}, "properties": properties}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert told(STRONGEST.predict(trial(beacons=path))) == "bbb"


@pytest.fixture
def service(tmp_path, monkeypatch):
    """In place of the command: keeps what it was asked with, and says b everywhere."""
    seen = {}

    def run(name, *arguments):
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        seen.update(name=name, options=options)
        for option in ("--sightings", "--at"):
            seen[option] = rows_of(Path(options[option]))
        if "--survey" in options:
            seen["files"] = sorted(path.name for path in Path(options["--survey"]).iterdir())
            seen["waypoints"] = rows_of(Path(options["--survey"]) / "waypoints.csv.gz")
        rows = "".join(f"{row['trace']},{row['t_ms']},b\n" for row in seen["--at"])
        Path(options["-o"]).write_text("trace,t_ms,zone\n" + rows)

    monkeypatch.setattr(engine, "_run", run)
    return seen


def rows_of(path):
    with gzip.open(path, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_service_is_asked_with_moments_and_without_the_truth(service):
    assert told(SERVICE.predict(trial(survey=rotating_survey()))) == "bbb"
    assert service["name"] == "locate"
    assert service["options"].keys() == {"--zones", "--survey", "--sightings", "--at", "-o"}
    assert service["--at"] == [{"trace": "w", "t_ms": str(t_ms)} for t_ms in (0, 1000, 2000)]
    assert [row["mac"] for row in service["--sightings"]] == ["fixed", "r1"]
    assert service["files"] == ["sightings.csv.gz", "waypoints.csv.gz"]
    assert len(service["waypoints"]) == 16


def test_without_a_survey_the_service_is_told_where_beacons_hang(service):
    SERVICE.predict(trial(beacons=Path("hung.geojson")))
    assert service["options"]["--beacons"] == "hung.geojson"
    assert "--survey" not in service["options"]


def test_a_command_that_fails_is_told_in_its_own_words(monkeypatch):
    monkeypatch.setattr(engine, "MODULE", "simulators.no_such_module")
    with pytest.raises(LocateError, match="no_such_module"):
        SERVICE.predict(trial(beacons=Path("hung.geojson")))


def test_an_answer_without_the_columns_asked_for_is_told(tmp_path):
    answer = tmp_path / "predictions.csv"
    for text in (None, "trace,zone\nw,a\n", "trace,t_ms,zone\nw,soon,a\n"):
        if text is not None:
            answer.write_text(text)
        with pytest.raises(LocateError, match="trace,t_ms,zone"):
            engine.read_predictions(answer)


ROW = contest.Row(STRONGEST, play([trial(survey=rotating_survey())], [STRONGEST], lambda _: None)[0].score, 3)


def test_a_table_has_a_line_for_each_method_and_the_json_is_one_line():
    table = report.Table("a hall: learned from 8 walks", (ROW,))
    lines = report.as_text(table).splitlines()
    assert lines[0] == "a hall: learned from 8 walks; 3 s scored"
    assert lines[1].split() == [*report.COLUMNS, "changes"]
    assert lines[2].startswith("strongest beacon's zone")
    (said,) = json.loads(report.as_json([table]))
    assert said["strongest"]["scored_s"] == 3
    assert said["strongest"]["changes"] == 3
    assert "\n" not in report.as_json([table])


def site_of(tmp_path):
    """A site as files, asked on its own dev walk."""
    site, survey = tmp_path / "hall", rotating_survey(walks=8)
    features = [
        {
            "type": "Feature",
            "properties": {"zone": zone.id, "floor": zone.floor},
            "geometry": zone.shape.__geo_interface__,
        }
        for zone in PLAN.zones.values()
    ]
    site.mkdir()
    (site / "zones.geojson").write_text(json.dumps({"features": features}))
    engine.write_survey(site / "survey", survey)
    write_truth(site / "survey", survey)
    engine.write_sightings(site / "dev/sightings.csv.gz", trial().walks.sightings)
    rows = [(each.trace, each.t_ms, each.floor, each.zone, 0, 0) for each in trial().walks.truth]
    write_rows(site / "dev/truth.csv.gz", TRUTH, rows)
    return site


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("options", "tables"),
    [
        ([], 1),
        (["--density"], 3),
        (["--folds", "4"], 1),
        (["--folds", "4", "--density"], 3),
        (["--without-rotating"], 1),
    ],
)
def test_the_command_prints_its_tables(tmp_path, monkeypatch, capsys, options, tables):
    monkeypatch.setattr(sys, "argv", ["x", str(site_of(tmp_path)), *options, "--json"])
    assert command.main() == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(said) == tables
    assert all(each.keys() == {"title", "strongest", "fingerprint", "service"} for each in said)
    assert all(each["service"]["scored_s"] for each in said)


def test_the_command_ends_with_a_sentence_where_there_is_no_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path)])
    assert command.main() == 1
    assert "no zones.geojson" in capsys.readouterr().err.replace("\n", " ")


def test_the_module_that_is_asked_answers_when_run():
    with pytest.raises(LocateError, match="No such command"):
        engine._run("no-such-command")
