import ast
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import beacon_service
from beacon_service.errors import KINDS, Conflict, Problem


def test_an_unknown_address_is_a_problem(client, problem_of):
    problem_of(client.get("/nowhere"), 404, "not_found")


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client, problem_of):
    answer = client.delete("/shelves")
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("kind", ["driver", "session", "pool"])
def test_a_database_that_is_gone_is_told_as_a_reason_to_try_again(client, problem_of, kind):
    answer = client.get(f"/fails/{kind}")
    problem = problem_of(answer, 503, "service_unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert "10.0.0.7" not in problem["detail"]


def test_who_asks_too_often_is_told_when_to_come_back(client, problem_of):
    answer = client.get("/fails/rate")
    problem_of(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "7"


def test_what_nobody_expected_is_told_without_and_logged_with_its_place_but_never_its_values(
    client, problem_of
):
    with capture_logs() as logged:
        answer = client.get("/fails/unexpected")
    problem = problem_of(answer, 500, "internal_error")
    assert "4711" not in answer.text
    (line,) = [line for line in logged if line["event"] == "unexpected_error"]
    assert line["error"] == "KeyError"
    assert line["request_id"] == problem["request_id"]
    assert "conftest.py" in line["traceback"][-1]
    assert "4711" not in str(logged)


def test_no_answer_may_be_sniffed_framed_or_kept(client):
    for path in ("/shelves", "/nowhere"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_every_class_of_problem_stands_in_the_table():
    def classes(of):
        return [of, *(below for child in of.__subclasses__() for below in classes(child))]

    assert all(one.default_code in KINDS for one in classes(Problem))
    assert Conflict().detail == "The request contradicts what is stored."


def test_every_code_that_is_raised_anywhere_stands_in_the_table():
    package = Path(beacon_service.__file__).parent
    names = {one.__name__ for one in Problem.__subclasses__()} | {"Problem"}
    raised = {
        (file.name, keyword.value.value)
        for file in package.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert len(raised) > 5
    assert [one for one in raised if one[1] not in KINDS] == []
