"""What a profiler saw is told by module, whatever place on a machine the module has."""

import json
import time

import pytest

from benchmarks.checking import Verdict
from benchmarks.processors import Spent
from benchmarks.profiled.app import FORGET, PATH, Profiled
from benchmarks.profiled.report import Profile, Seen, as_json, module_of, table
from benchmarks.rounds import Round

SPENT = Spent(web=0.6, postgres=0.3, loader=0.1, available=2.0, idle=1.0, stolen=0.0)
ROUND = Round(1000.0, 1.0, 2.0, 90.0, Verdict(0, None, 1000, 10, ()), SPENT)


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/somewhere/beacon_service/pings/api.py", "beacon_service.pings.api"),
        ("/somewhere/beacon_service/engine/__init__.py", "beacon_service.engine"),
        ("/x/.venv/lib/python3.11/site-packages/psycopg/cursor.py", "psycopg.cursor"),
        ("/usr/lib/python3.11/json/decoder.py", "json.decoder"),
        ("<string>", "<string>"),
    ],
)
def test_a_file_is_told_as_its_module(file, module):
    assert module_of(file) == module


def test_shares_are_of_what_was_computed_and_waiting_is_told_apart():
    rows = [
        ["/x/beacon_service/a.py", 1, "f", 1000, 0.3, 0.4],
        ["/x/beacon_service/a.py", 9, "g", 10, 0.1, 0.1],
        ["/x/beacon_service/b.py", 1, "h", 1000, 0.1, 0.1],
    ]
    profile = Profile("batches", ROUND, ROUND, Seen.read({"requests": 10, "wall_s": 1.0, "rows": rows}))
    told = table(profile)
    assert "  80.0 %  beacon_service.a" in told
    assert "50 % of that waiting" in told
    assert "web process 600 us a ping (60 %), PostgreSQL 300 us a ping (30 %)" in told
    assert json.loads(as_json([profile]))["batches"]["modules"] == {
        "beacon_service.a": 0.8,
        "beacon_service.b": 0.2,
    }


def work():
    began = time.thread_time()
    while time.thread_time() - began < 0.05:
        pass


def ask(application, method, path):
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    return b"".join(application(environ, lambda status, headers: None))


def test_the_profiler_counts_what_a_request_computes_and_not_what_it_waits_for():
    def application(environ, start_response):
        work()
        time.sleep(0.2)
        return [b"{}"]

    profiled = Profiled(application)
    ask(profiled, "POST", "/v1/pings")
    ask(profiled, "GET", FORGET)
    ask(profiled, "POST", "/v1/pings")
    seen = Seen.read(json.loads(ask(profiled, "GET", PATH)))
    assert seen.requests == 1
    assert seen.wall_s >= 0.25
    assert 0.045 <= seen.computing_s < 0.15
    assert any(row.function.startswith("work:") for row in seen.rows)
