import json
from dataclasses import replace

import pytest

from benchmarks.checking import Verdict
from benchmarks.processors import Spent
from benchmarks.report import as_json, table
from benchmarks.result import Ground, Result, Standing
from benchmarks.rounds import Round, Scheduled
from benchmarks.workload import REALISTIC

GOOD = Verdict(wrong=0, first_wrong=None, pings=100, entered=20, offers=())
BAD = Verdict(wrong=3, first_wrong="accepted 0 of 1 pings", pings=100, entered=20, offers=())
GROUND = Ground(loader_requests_per_s=30_000, durable_write_ms=0.4, commits_per_s=(9_000, 1_000, 2_000))
# Of ten processor seconds the web processes had four, PostgreSQL two and the loader one; two were idle.
SPENT = Spent(web=4.0, postgres=2.0, loader=1.0, available=10.0, idle=2.0, stolen=0.5)
TURN = Scheduled(rate=250, p50_ms=8.0, p99_ms=20.0, worst_ms=90.0, late_ms=1.0, verdict=GOOD, spent=SPENT)


def standing(name, *speeds, verdict=GOOD):
    rounds = tuple(Round(speed, 1.0, 2.0, 90.0, verdict, SPENT) for speed in speeds)
    return Standing(name, name, REALISTIC, rounds)


def result(verdict=GOOD, turns=(10.0, 40.0, 20.0)):
    return Result(
        standings=(
            standing("obvious", 100, 90, 300),
            standing("obvious_worst", 50, 40, 60),
            standing("single", 400, 500, 600),
            standing("batch100", 4000, 3000, 5000, verdict=verdict),
            standing("batch100_worst", 2000, 1000, 3000),
            standing("flask", 2000, 2000, 2500),
        ),
        ground=GROUND,
        scheduled=tuple(replace(TURN, p99_ms=p99_ms) for p99_ms in turns),
    )


def test_ratios_are_those_of_the_medians_and_the_worst_case_has_its_own_base():
    found = json.loads(as_json(result()))
    assert (found["single_ratio"], found["batch100_ratio"]) == (5.0, 40.0)
    assert found["batch100_worst_ratio"] == 40.0
    assert found["obvious"]["rounds_pings_per_s"] == [100, 90, 300]
    assert found["rounds"] == 3


def test_ceilings_are_told_as_shares_of_what_could_be():
    found = json.loads(as_json(result()))
    assert found["single_of_ceiling"] == 0.25
    assert (found["commits_per_s"], found["single_of_commits"]) == (2_000, 0.25)
    assert "0.25 of Flask's requests/s" in table(result())


def test_the_p99_on_a_schedule_is_the_median_of_its_turns():
    assert json.loads(as_json(result()))["single_p99_half_ms"] == 20.0
    assert "p99 20.0 ms (10.0-40.0)" in table(result())
    assert "10 % of the processors elsewhere." in table(result())


def test_whose_work_the_processors_did_is_told_for_each_ping():
    single = json.loads(as_json(result()))["single"]
    assert single["web_us_per_ping"] == 40_000
    assert (single["postgres_us_per_ping"], single["loader_us_per_ping"]) == (20_000, 10_000)
    assert json.loads(as_json(result()))["elsewhere"] == pytest.approx(0.1)


def test_how_much_less_processor_a_ping_takes_is_told_beside_how_many_more_are_answered():
    dear = replace(SPENT, web=40.0, postgres=20.0)
    obvious = Standing(
        "obvious", "obvious", REALISTIC, (replace(standing("obvious", 1).rounds[0], spent=dear),)
    )
    found = replace(result(), standings=(obvious, *result().standings[1:]))
    assert json.loads(as_json(found))["batch100_processor_ratio"] == 10.0
    assert json.loads(as_json(found))["batch100_worst_processor_ratio"] == 1.0


def test_without_pgbench_the_run_goes_on_and_says_so():
    found = replace(result(), ground=replace(GROUND, commits_per_s=()))
    assert json.loads(as_json(found))["single_of_commits"] is None
    assert "pgbench is not installed" in table(found)


def test_the_json_is_one_line():
    assert "\n" not in as_json(result())


def test_one_wrong_answer_spoils_the_run_and_is_told():
    assert result().sound
    assert not result(verdict=BAD).sound
    assert "9 WRONG ANSWERS, the first: accepted 0 of 1 pings" in table(result(verdict=BAD))


def test_one_wrong_answer_on_the_schedule_spoils_the_run_and_is_told():
    found = replace(result(), scheduled=(TURN, replace(TURN, verdict=BAD)))
    assert not found.sound
    assert "3 WRONG ANSWERS, the first: accepted 0 of 1 pings" in table(found)
    assert json.loads(as_json(found))["sound"] is False
