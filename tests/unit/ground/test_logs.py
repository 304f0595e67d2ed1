"""What a log line tells of an exception: where, and of what kind, and nothing that it says."""

import json
import logging

import pytest
import structlog

from beacon_service import logs
from beacon_service.settings import Settings


@pytest.fixture
def lines(capsys):
    """What has been written, line by line."""
    before = structlog.get_config()
    logs.configure(Settings(database_url="postgresql:///none"))
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    structlog.configure(**before)


def fail(tell):
    try:
        {}["anna@example.org"]
    except KeyError:
        tell()


def test_an_exception_is_told_by_kind_and_place_without_what_it_says(lines):
    fail(lambda: structlog.get_logger().exception("a mistake", channel="push"))
    (line,) = lines()
    assert (line["event"], line["channel"], line["error"]) == ("a mistake", "push", "KeyError")
    (place,) = line["traceback"]
    assert place.startswith("test_logs.py:")
    assert place.endswith(" fail")
    assert "anna" not in str(line)


def test_so_it_is_where_the_scheduler_tells_of_a_job_that_failed(lines):
    executor = logging.getLogger("apscheduler.executors.default")
    fail(lambda: executor.exception('Job "%s" raised an exception', "of anna"))
    (line,) = lines()
    assert (line["event"], line["error"]) == ('Job "%s" raised an exception', "KeyError")
    assert (line["level"], line["logger"]) == ("error", "apscheduler.executors.default")
    assert "anna" not in str(line)


def test_and_where_it_tells_of_one_that_is_over(lines):
    try:
        {}["anna@example.org"]
    except KeyError as problem:
        over = (type(problem), problem, problem.__traceback__)
    logging.getLogger("apscheduler.executors.default").error("Error running job %s", "of anna", exc_info=over)
    (line,) = lines()
    assert (line["event"], line["error"]) == ("Error running job %s", "KeyError")
    assert line["traceback"]
    assert "anna" not in str(line)


def test_what_the_scheduler_skips_is_no_line(lines):
    logging.getLogger("apscheduler.scheduler").warning("Execution of job skipped")
    assert lines() == []


def test_a_line_without_one_is_left_as_it_is():
    assert logs.places_only(None, "info", {"event": "working"}) == {"event": "working"}
