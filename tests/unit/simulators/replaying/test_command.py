"""`beacon-sim replay`: what it prints, what its status says, and how it is stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulators.cli import main
from tests.factories.played import customer, registered, report, trace
from tests.factories.small_service import SmallService

COMMAND = Path(sys.executable).with_name("beacon-sim")
KEYS = ["--publishable-key", "pk", "--secret-key", "sk"]


@pytest.fixture
def service():
    with SmallService() as one:
        yield one


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return trace(tmp_path / "day.jsonl.gz", registered(), report(1), report(2), report(3))


def run(*arguments):
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], catch_exceptions=False)


def test_the_last_line_is_json_and_the_status_says_that_all_went_well(service, path):
    done = run(path, "--url", service.url, *KEYS, "--speed", "max", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, told["status"], told["ended"]) == (0, 0, True)
    assert (told["pings"], told["verdicts"], told["accepted"]) == (3, 3, 3)
    assert told["p50_ms"] > 0
    assert re.fullmatch(r"replay-\d{10}-[0-9a-f]{4}", told["run"])


def test_each_replay_is_of_new_people(service, path):
    names = {
        json.loads(
            run(path, "--url", service.url, *KEYS, "--speed", "max", "--json").stdout.splitlines()[-1]
        )["run"]
        for _ in range(2)
    }
    assert len(names) == 2


def test_a_server_error_is_told_and_is_a_failure(service, path):
    service.failing = [503]
    done = run(path, "--url", service.url, *KEYS, "--speed", "max", "--json")
    assert done.exit_code == 1
    assert "not well: 1 answers were server errors" in done.stderr


def lists(moves=(), decisions=()):
    def answer(asked):
        if asked.path.startswith("/v1/moves?since="):
            return 200, {}, {"items": list(moves), "next_cursor": None}
        if asked.path.startswith("/v1/decisions?since=") and "&offered=true" in asked.path:
            return 200, {}, {"items": list(decisions), "next_cursor": None}
        return service_of.usual(asked)

    service_of = SmallService(answer)
    return service_of


def decided(name, campaign="wine"):
    return {"installation_id": name, "at": "2026-03-02T10:00:00Z", "campaign": campaign, "offer": "Two"}


def test_what_came_is_compared_with_what_was_expected(path, tmp_path):
    expected = tmp_path / "expected.json"
    wish = {"anna": {"decisions": [{"campaign": "wine"}]}}
    expected.write_text(
        json.dumps({"format": "beacon-expectations", "version": 1, "installations": wish, "others": "none"})
    )
    arguments = [path, *KEYS, "--speed", "max", "--as", "ci", "--expect", expected, "--json"]
    with lists(decisions=[decided("ci-anna"), decided("someone-else")]) as service:
        done = run(*arguments, "--url", service.url)
    assert (done.exit_code, "all is as expected" in done.stdout) == (0, True)
    with lists(decisions=[decided("ci-anna", "cheese")]) as service:
        done = run(*arguments, "--url", service.url)
    assert done.exit_code == 1
    assert "anna, decisions: 1 expected, 1 came" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["differences"]


def test_what_came_is_written_down_and_is_as_expected_from_then_on(path, tmp_path):
    expected = tmp_path / "expected.json"
    arguments = [path, *KEYS, "--speed", "max", "--as", "ci"]
    with lists(decisions=[decided("ci-anna")]) as service:
        assert run(*arguments, "--url", service.url, "--write-expect", expected).exit_code == 0
        assert run(*arguments, "--url", service.url, "--expect", expected).exit_code == 0
    with lists() as service:
        assert run(*arguments, "--url", service.url, "--expect", expected).exit_code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_stopped_by_a_signal_says_where_and_goes_on(service, tmp_path, number):
    path = trace(tmp_path / "day.jsonl", registered(), *(report(1 + n / 10) for n in range(100)))
    command = [COMMAND, "replay", path, *KEYS, "--url", service.url, "--json"]
    running = subprocess.Popen([*command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    while not service.sent():
        time.sleep(0.02)
    os.kill(running.pid, number)
    out, err = running.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])
    assert (running.returncode, told["status"], told["ended"]) == (3, 3, False)
    assert re.search(rb"stopped after line \d+ of .*day.jsonl, 10:00:\d\d; 0 pings wait", err)
    assert b"--resume day.jsonl.resume" in err
    done = run(path, *KEYS, "--resume", tmp_path / "day.jsonl.resume", "--speed", "max", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, told["pings"], told["accepted"]) == (0, 100, 100)
    ids = [ping["ping_id"] for body in service.sent() for ping in body["pings"]]
    assert len(ids) == len(set(ids)) == 100


def test_without_a_terminal_progress_is_told_in_lines(service, tmp_path, monkeypatch):
    monkeypatch.setattr("simulators.replaying.screen.PLAIN_EVERY_S", 0.1)
    path = trace(tmp_path / "day.jsonl", registered(), *(report(n / 10) for n in range(20)))
    done = run(path, *KEYS, "--url", service.url)
    lines = done.stderr.splitlines()
    assert re.match(r"\d+% \| 10:00:0\d of the trace \| \d+ pings, \d+ a second \| 1 phones", lines[1])
    assert any("left" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--speed", "0"], "is no speed"),
        (["--speed", "fast"], "is no speed"),
        (["--url", "localhost"], "is no address of a service"),
        (["--as", "a b"], "cannot name a run"),
        (["--expect", "nothing"], "does not exist"),
        (["--times", "kept", "--url", "http://127.0.0.1:1"], "when it ends"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path, arguments, told):
    path = tmp_path / "day.jsonl"
    header = {"kind": "header", "format": "beacon-trace", "version": 1, "made_by": "a test"}
    path.write_text(json.dumps({**header, "begins_at": "2026-03-02T10:00:00Z", "ends_at": None}) + "\n")
    done = run(path, *KEYS, *arguments)
    assert done.exit_code in {1, 2}
    assert told in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("keys", "more", "told"),
    [
        ([], [], "--publishable-key"),
        (["--publishable-key", "pk"], ["--batch"], "--batch needs the --secret-key"),
        (["--publishable-key", "pk"], ["--write-expect", "x"], "--write-expect needs the --secret-key"),
    ],
)
def test_a_key_that_is_missing_is_named(path, keys, more, told, monkeypatch):
    for name in ("BEACON_PUBLISHABLE_KEY", "BEACON_SECRET_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    done = run(path, *keys, *more)
    assert (done.exit_code, told in done.stderr) == (2, True)


def test_a_trace_that_is_none_is_told_with_its_line(tmp_path):
    path = tmp_path / "day.jsonl"
    path.write_text("walks\n")
    done = run(path, *KEYS)
    assert done.exit_code == 1
    assert "line 1 of" in done.stderr


def test_a_customer_without_a_secret_key_stops_it_with_its_line(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEACON_SECRET_API_KEY", raising=False)
    path = trace(tmp_path / "day.jsonl", customer("c"), registered(seconds=1))
    done = run(path, "--publishable-key", "pk", "--url", service.url)
    assert done.exit_code == 1
    assert "line 2 is of a customer" in done.stderr
