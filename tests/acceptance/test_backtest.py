"""`beacon-sim backtest` against the service as an operator runs it: web processes, workers, and what they recorded."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.walks import STREET
from tests.torture.world import ZONES, campaign, middle_of

COMMAND = Path(sys.executable).with_name("beacon-sim")
PEOPLE = 12
ONCE = {"subject": "customer", "limit": 1, "counts": "decided", "window": {"kind": "lifetime"}}


@pytest.fixture(scope="module")
def recorded(place):
    """Each goes through three zones; the first two have one campaign, once for everybody. Answers when it began."""
    began_at = datetime.now(UTC)
    once = campaign("entered", ZONES[:2], priority=5, expires_after_s=60, caps=[ONCE])
    place.campaign("welcome", once)
    place.campaign("goodbye", campaign("entered", ZONES[2:3], priority=5, expires_after_s=60))
    phones = {f"walker-{n}": place.phone(f"walker-{n}", customer=f"w-{n}") for n in range(PEOPLE)}
    stops = [middle_of(number) for number in (0, 0, 1, 1, 2, 2)] + [STREET] * 2
    for second, (longitude, latitude) in enumerate(stops):
        for name, headers in phones.items():
            position = {"longitude": longitude, "latitude": latitude, "accuracy_m": 3.0}
            ping = {"ping_id": f"{second}", "at": datetime.now(UTC).isoformat(), "position": position}
            body = {"installation_id": name, "pings": [ping]}
            answer = place.http.post("/v1/pings", headers=headers, json=body)
            assert [one["status"] for one in answer.json()["results"]] == ["accepted"], answer.text
    assert offered(place, "welcome") == offered(place, "goodbye") == PEOPLE
    return began_at


def offered(place, name):
    return place.rows("SELECT count(*) FROM decisions WHERE campaign = %s", name)[0][0]


def run(place, recorded, *arguments):
    until = datetime.now(UTC) - timedelta(milliseconds=1)
    span = ["--from", recorded.isoformat(), "--to", until.isoformat()]
    environment = os.environ | {"BEACON_SECRET_API_KEY": place.keys.secret}
    command = [COMMAND, "backtest", "--url", place.service.address, *span, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_what_was_recorded_is_verified_without_a_difference(place, recorded):
    for positions in ("recorded", "anew"):
        ended = run(place, recorded, "--verify", "--positions", positions)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        told = json.loads(ended.stdout.splitlines()[-1])
        assert (told["status"], told["differences"], told["positions"]) == ("done", 0, positions)
        (kept,) = place.rows("SELECT count(*) FROM decisions WHERE decided_at >= %s", recorded)[0]
        assert told["decisions"] == kept > 0


def test_a_cap_that_is_changed_shows_where_it_binds_and_nowhere_else(place, recorded, tmp_path):
    page = tmp_path / "report.html"
    setting = "campaign/welcome/caps/0/limit=2"
    ended = run(place, recorded, "--set", setting, "--json", "--html", page)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["kinds"] == {"gained": PEOPLE}
    row = rf"welcome\W+{PEOPLE}\W+{2 * PEOPLE}\W+{PEOPLE}\W+0\W+cap -> offered"
    assert re.search(row, ended.stdout), ended.stdout
    assert page.read_text().count("<details>") == PEOPLE
    assert offered(place, "welcome") == PEOPLE


def test_what_cannot_be_asked_is_said_in_words(place, recorded):
    for arguments, says in (
        ([], "say what to change"),
        (["--set", "campaign/nobody/priority=1"], "404"),
        (["--set", "campaign/welcome/priority=high"], "priority"),
        (["--set", "campaign/welcome/hats/0=1"], "there is no hats"),
    ):
        ended = run(place, recorded, *arguments)
        assert ended.returncode != 0
        assert says in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr
