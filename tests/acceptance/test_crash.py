"""The short torture: processes and PostgreSQL are killed in mid-traffic, and everything promised is there."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Two thirds of a minute: one death of PostgreSQL, five of web processes, three of workers.
MINUTES = "0.67"
# Set-up and the count included; a machine under load takes its time.
WITHIN_S = 400


def test_nothing_acknowledged_is_lost_no_cap_exceeded_and_nothing_decided_twice():
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--json", "--minutes", MINUTES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    zeros = (
        "acked_lost",
        "caps_exceeded",
        "budgets_overspent",
        "decisions_doubled",
        "codes_doubled",
        "records_torn",
    )
    assert {name: told[name] for name in zeros} == dict.fromkeys(zeros, 0), done.stderr
    assert told["planted_found"] == told["planted"] >= 10, done.stderr
    assert told["kills_by"]["database"] >= 1
    assert told["kills_by"]["web"] >= 3
    assert done.returncode == 0, done.stderr
