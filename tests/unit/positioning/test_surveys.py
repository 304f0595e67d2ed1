"""What is kept of surveys and maps, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from shapely.geometry import Polygon, box

from beacon_service.positioning.learner import Given
from beacon_service.positioning.schema import SurveyIn
from beacon_service.positioning.survey_files import survey_in
from beacon_service.positioning.surveys import Ground, MapState, pack, unpack, walk_flaws
from tests.factories.survey import survey_body, write_survey

BEGUN_AT = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def survey(**told):
    return SurveyIn.model_validate(survey_body(**told)).survey()


def state(**fields):
    plain = dict.fromkeys(MapState._fields)
    return MapState(**(plain | {"status": "learning", "progress": 0.0, "begun_at": BEGUN_AT} | fields))


def test_files_and_bodies_say_the_same(tmp_path):
    assert survey_in(write_survey(tmp_path)) == survey()


def test_walks_are_packed_and_unpacked_unchanged():
    walks = survey().walks
    assert [tuple(map(tuple, walk.waypoints)) for walk in unpack(pack(survey()).body)] == [
        tuple(map(tuple, walk.waypoints)) for walk in walks
    ]
    assert [list(walk.sightings) for walk in unpack(pack(survey()).body)] == [
        list(walk.sightings) for walk in walks
    ]


def test_the_same_walks_have_the_same_digest():
    assert pack(survey()) == pack(survey())
    assert pack(survey()).sha256 != pack(survey(begins_ms=0)).sha256


def test_walks_of_several_surveys_keep_apart():
    given = Given.of({1: pack(survey()).body, 4: pack(survey()).body}, {"ground": Polygon()})
    assert [walk.trace for walk in given.walks()] == ["1/walk-1", "1/walk-2", "4/walk-1", "4/walk-2"]


@pytest.mark.parametrize(
    ("after_s", "progress", "since_s", "eta_s"),
    [(10, 0.25, 0, 30), (10, 0.25, 4, 26), (10, 0.5, 20, 0), (10, 0.0, 0, None)],
)
def test_what_is_left_is_told_by_what_it_took(after_s, progress, since_s, eta_s):
    told_at = BEGUN_AT + timedelta(seconds=after_s)
    learning = state(progress=progress, told_at=told_at)
    assert learning.eta_s(told_at + timedelta(seconds=since_s)) == eta_s


def test_nothing_is_left_of_what_is_ready():
    assert state(status="ready", progress=1.0, told_at=BEGUN_AT).eta_s(BEGUN_AT) is None


def test_where_nothing_is_drawn_nothing_is_far():
    assert list(walk_flaws(survey().walks, Ground({"ground": Polygon()}))) == []


def test_two_kilometres_are_measured_from_what_is_drawn_indoors_or_out():
    east = box(4.9 + 0.03, 52.37, 4.9 + 0.031, 52.371)  # 2.0 km
    assert list(walk_flaws(survey().walks, Ground({"ground": Polygon()}, east))) != []
    near = box(4.9 + 0.029, 52.37, 4.9 + 0.031, 52.371)
    assert list(walk_flaws(survey().walks, Ground({"ground": Polygon()}, near))) == []


def test_neighbours_across_the_antimeridian_are_near():
    body = survey_body()
    for walk in body["walks"]:
        for point in walk["waypoints"]:
            point["lon"] = 179.9999
    walks = SurveyIn.model_validate(body).survey().walks
    assert list(walk_flaws(walks, Ground({"ground": box(-180, 52.36, -179.999, 52.38)}))) == []
