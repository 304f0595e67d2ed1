"""Scores worked out by hand, and the same figures as the scorer that comes with the recorded mall."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest
from shapely.geometry import box

from benchmarks.positioning import plain
from benchmarks.positioning.scoring import Score, Truth, Zone, count
from benchmarks.positioning.walks import read_plan, read_survey, read_walks
from simulators.walkfiles import write_rows

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
MALL = SHARED / "data/mall/site1"
OTHER_SCORER = SHARED / "tools/score_zones.py"

# a and b side by side, c well apart, d above a: boxes of 1e-4 degrees, about ten metres
ZONES = {
    zone.id: zone
    for zone in (
        Zone("a", "F1", box(0, 0, 1e-4, 1e-4)),
        Zone("b", "F1", box(1.2e-4, 0, 2.2e-4, 1e-4)),
        Zone("c", "F1", box(3e-4, 0, 4e-4, 1e-4)),
        Zone("d", "F2", box(0, 0, 1e-4, 1e-4)),
    )
}


def walk(zones, trace="w"):
    """One letter a second."""
    return [Truth(trace, second * 1000, ZONES[zone].floor, zone) for second, zone in enumerate(zones)]


def said(zones, trace="w"):
    return {(trace, second * 1000): zone.strip() for second, zone in enumerate(zones)}


def score(truth, heard_ms, zones, predictions):
    return Score.of(count(truth, heard_ms, zones, predictions))


def scored(truth, predicted, heard=range(0, 100_000, 500)):
    return score(walk(truth), {"w": list(heard)}, ZONES, said(predicted))


def test_right_near_and_floor_are_shares_of_the_scored_seconds():
    result = scored("aaaaaaaa", "aaabbcd ")
    assert (result.scored_s, result.zone_acc, result.near_acc) == (8, 0.375, 0.625)
    assert (result.floor_acc, result.resolved) == (0.75, 0.875)


def test_the_same_box_on_another_floor_is_no_neighbour():
    assert scored("aa", "dd").near_acc == 0.0


def test_neighbours_are_those_within_two_and_a_half_metres():
    assert scored("b", "a").near_acc == 1.0
    assert scored("c", "b").near_acc == 0.0


def test_a_zone_that_no_plan_shows_is_not_resolved_and_its_entry_is_false():
    result = scored("aa", "xx")
    assert (result.resolved, result.floor_acc, result.false_enter) == (0.0, 0.0, 1.0)


def test_seconds_count_while_something_was_heard_less_than_ten_seconds_ago():
    assert scored("a" * 20, "a" * 20, heard=[]).scored_s == 0
    assert scored("a" * 20, "a" * 20, heard=[3_000]).scored_s == 10
    assert scored("a" * 20, "a" * 20, heard=[15_000, 3_001]).scored_s == 10 + 5


def test_a_score_of_nothing_divides_by_nothing():
    nothing = scored("a", "a", heard=[])
    assert (nothing.zone_acc, nothing.resolved, nothing.changes_ratio) == (None, None, None)


def test_changes_are_counted_within_a_walk_and_silence_is_none():
    truth = "aaabbbccc"
    assert scored(truth, truth).changes_ratio == 1.0
    assert scored(truth, "aa  a bbb").changes_ratio == 0.5
    assert scored(truth, "ababababa").changes_ratio == 4.0
    two = score([*walk("ab"), *walk("bb", "v")], {}, ZONES, said("ab") | said("bb", "v"))
    assert two.changes_ratio == 1.0


def test_an_entry_is_false_where_the_walker_never_is():
    assert scored("aaabbb", "bbbaaa").false_enter == 0.0
    assert scored("aaabbb", "aacccb").false_enter == 0.3333


def test_a_second_without_a_prediction_is_wrong_like_an_unresolved_one():
    missing = score(walk("aaaa"), {"w": [0]}, ZONES, {("w", 0): "a"})
    assert (missing.zone_acc, missing.resolved) == (0.25, 0.25)


@pytest.fixture
def mall():
    if not (MALL.exists() and OTHER_SCORER.exists()):
        pytest.skip(f"NOT COMPARED: the recorded mall and its scorer are not in {SHARED}")
    return read_walks(MALL / "dev"), read_plan(MALL / "zones.geojson")


@pytest.mark.parametrize("share_wrong", [0.0, 0.2, 0.9])
def test_both_scorers_agree_on_garbled_truth(mall, tmp_path, share_wrong):
    walks, plan = mall
    predictions = garbled(walks, plan, share_wrong)
    assert ours(walks, plan, predictions) == theirs(predictions, tmp_path)


def test_both_scorers_agree_on_what_a_plain_method_says(mall, tmp_path):
    walks, plan = mall
    predictions = plain.strongest(plain.homes_of(read_survey(MALL / "survey"), plan), walks)
    assert ours(walks, plan, predictions) == theirs(predictions, tmp_path)


def garbled(walks, plan, share_wrong):
    """The truth with wrong zones, unknown ones, gaps and silence in it."""
    random, zones = Random(share_wrong), [*plan.zones, "", "nowhere"]
    return {
        (each.trace, each.t_ms): random.choice(zones) if random.random() < share_wrong else each.zone
        for each in walks.truth
        if random.random() > share_wrong / 10
    }


def ours(walks, plan, predictions):
    return asdict(score(walks.truth, walks.heard_ms(), plan.zones, predictions))


def theirs(predictions, folder):
    path = folder / "predictions.csv.gz"
    write_rows(path, ("trace", "t_ms", "zone"), ((*asked, zone) for asked, zone in predictions.items()))
    files = [MALL / "dev/truth.csv.gz", MALL / "dev/sightings.csv.gz", MALL / "zones.geojson", path]
    done = subprocess.run(
        [sys.executable, OTHER_SCORER, *files], capture_output=True, check=True, text=True, timeout=60
    )
    return json.loads(done.stdout)
