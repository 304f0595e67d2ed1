import json

from benchmarks.checking import Verdict
from benchmarks.report import Ground, Standing, as_json, sound, table
from benchmarks.rounds import Round

GOOD = Verdict(wrong=0, first_wrong=None, pings=100, entered=20, offers=())
BAD = Verdict(wrong=3, first_wrong="accepted 0 of 1 pings", pings=100, entered=20, offers=())
GROUND = Ground(loader_requests_per_s=30_000, durable_write_ms=0.4)


def standing(name, *speeds, verdict=GOOD):
    return Standing(name, name, tuple(Round(speed, 1.0, 2.0, 90.0, verdict) for speed in speeds))


def standings(verdict=GOOD):
    return [
        standing("obvious", 100, 90, 300),
        standing("single", 400, 500, 600),
        standing("batch100", 4000, 3000, 5000, verdict=verdict),
    ]


def test_ratios_are_those_of_the_medians():
    result = json.loads(as_json(standings(), GROUND))
    assert (result["single_ratio"], result["batch100_ratio"]) == (5.0, 40.0)
    assert result["obvious"]["rounds_pings_per_s"] == [100, 90, 300]
    assert result["rounds"] == 3


def test_the_json_is_one_line():
    assert "\n" not in as_json(standings(), GROUND)


def test_one_wrong_answer_spoils_the_run_and_is_told():
    assert sound(standings())
    assert not sound(standings(verdict=BAD))
    assert "9 WRONG ANSWERS, the first: accepted 0 of 1 pings" in table(standings(verdict=BAD), GROUND)
