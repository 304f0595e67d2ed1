"""A radio map is learned by real workers: the one is killed at it, the next takes it up, and stops when told to."""

import os
import subprocess
import sys
import time

import pytest

from tests.factories.survey import survey_body

WORK = "from beacon_service.cli import main; main()"


@pytest.fixture
def start(database_url):
    started = []

    def start():
        environment = os.environ | {"BEACON_DATABASE_URL": database_url, "BEACON_ALLOW_UNSAFE_DATABASE": "1"}
        command = [sys.executable, "-c", WORK, "worker"]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def wait_for(brand, *states):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = brand.get("/sites/shop/radio-maps/1").json
        if (found["status"], found["active"]) in states:
            return
        time.sleep(0.05)
    pytest.fail(f"after a minute: {found}")


def test_a_map_is_learned_and_used_though_the_first_worker_is_killed(brand, start):
    brand.post("/sites/shop/surveys", survey_body())
    first = start()
    wait_for(brand, ("learning", False))
    first.kill()
    first.wait()

    second = start()
    wait_for(brand, ("ready", True))
    second.terminate()
    said = second.communicate(timeout=30)[1].decode()

    assert second.returncode == 0
    assert "a radio map is in use" in said
    assert "traceback" not in said.lower()
    assert "maximum number" not in said
