"""`beacon-service import survey` and `surveys`: the same checks as over HTTP, told in sentences, and seen to the end."""

import threading

import pytest
from click.testing import CliRunner

from beacon_service import surveying
from beacon_service.cli import main
from tests.factories.survey import survey_body, write_survey


@pytest.fixture
def run(brand, database_url):
    def run(*arguments):
        environment = {"BEACON_DATABASE_URL": database_url}
        return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)

    return run


@pytest.fixture
def survey(tmp_path):
    return write_survey(tmp_path / "survey")


def test_a_survey_is_imported_learned_and_used_without_a_worker(run, brand, survey, rows):
    done = run("import", "survey", "shop", survey, "--here")

    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "survey 1 of shop: 2 walks, 1 floors, 480 sightings"
    assert lines[-1] == (
        "radio map 1 of shop is in use  (from survey 1, 2 walks, 480 sightings, 4 transmitters)"
    )
    assert brand.get("/sites/shop/radio-map").json["number"] == 1
    assert rows("SELECT actor FROM catalogue_log WHERE kind = 'radio_map'") == [("cli",)]


def test_files_and_http_bring_in_the_same(run, brand, survey):
    assert brand.post("/sites/shop/surveys", survey_body()).status_code == 202
    again = run("import", "survey", "shop", survey, "--here")

    assert (again.exit_code, "survey 1 already" in again.stderr) == (1, True)


def test_a_worker_learns_while_the_command_watches(run, leader, survey):
    working = threading.Timer(1.5, leader.learn_maps)
    working.start()
    done = run("import", "survey", "shop", survey)
    working.join()

    assert done.exit_code == 0
    assert "radio map 1 of shop is in use" in done.stderr


def test_who_waits_for_nobody_is_told(run, leader, survey, monkeypatch):
    monkeypatch.setattr(surveying, "NOBODY_CAME_S", 0.0)
    working = threading.Timer(2.0, leader.learn_maps)
    working.start()
    done = run("import", "survey", "shop", survey)
    working.join()

    assert done.stderr.count("No worker has taken it yet") == 1
    assert "surveys learn shop --here" in done.stderr


def test_a_map_may_be_learned_and_used_later(run, brand, survey):
    done = run("import", "survey", "shop", survey, "--here", "--no-activate")

    assert "radio map 1 of shop is ready: beacon-service surveys activate shop 1" in done.stderr
    assert brand.get("/sites/shop/radio-map").status_code == 404
    assert run("surveys", "activate", "shop", 1).exit_code == 0
    assert brand.get("/sites/shop/radio-map").json["number"] == 1
    assert run("surveys", "deactivate", "shop").exit_code == 0
    assert brand.get("/sites/shop/radio-map").status_code == 404


def test_surveys_and_maps_are_listed_and_withdrawn(run, survey, tmp_path):
    run("import", "survey", "shop", survey, "--here")
    run("import", "survey", "shop", write_survey(tmp_path / "next", begins_ms=0), "--here")
    assert run("surveys", "withdraw", "shop", 1).exit_code == 0
    assert run("surveys", "learn", "shop", "--here", "--no-activate").exit_code == 0

    listed = [line.split("  ") for line in run("surveys", "list", "shop").stdout.splitlines()]

    assert [(one[0], one[2].strip()) for one in listed] == [
        ("survey 2", "counts"),
        ("survey 1", "withdrawn"),
        ("map 3", "ready"),
        ("map 2", "in use"),
        ("map 1", "ready"),
    ]
    assert listed[2][-1].strip().startswith("from survey 2, 2 walks")
    assert listed[3][-1].strip().startswith("from surveys 1, 2, 4 walks")


def test_what_is_wrong_is_a_sentence_and_nothing_comes_in(run, brand, survey, tmp_path):
    bad = write_survey(tmp_path / "bad", floor="attic")
    refused = run("import", "survey", "shop", bad)
    assert (refused.exit_code, refused.stderr.splitlines()[1:]) == (
        2,
        [
            f"walk walk-{number}: is on the floor attic, which the site does not have. "
            "Create it first, or name one of: ground."
            for number in (1, 2)
        ],
    )
    with (bad / "sightings.csv").open("a") as file:
        file.write("walk-1,now,,,,,,\n")
    refused = run("import", "survey", "shop", bad)
    assert (refused.exit_code, "line 482, column mac: is empty" in refused.stderr) == (2, True)
    assert run("import", "survey", "shop", tmp_path / "nowhere").exit_code == 2
    assert run("import", "survey", "a/b", survey).exit_code == 2
    unknown = run("import", "survey", "nowhere", survey)
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: There is no site nowhere.\n")
    assert brand.get("/sites/shop/surveys").json["items"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "nowhere"),
        ("withdraw", "shop", 1),
        ("learn", "shop"),
        ("activate", "shop", 1),
        ("deactivate", "shop"),
    ],
)
def test_what_there_is_not_is_said(run, arguments):
    refused = run("surveys", *arguments)

    assert (refused.exit_code, refused.stderr.startswith("Error: The")) == (1, True)


def test_what_cannot_be_learned_ends_with_its_reason(run, survey):
    rows = (survey / "waypoints.csv").read_text().splitlines()
    (survey / "waypoints.csv").write_text("\n".join([rows[0], rows[1], rows[4]]) + "\n")
    failed = run("import", "survey", "shop", survey, "--here")

    assert failed.exit_code == 1
    assert "Error: The radio map 1 of shop could not be learned: no walk with two waypoints" in failed.stderr
