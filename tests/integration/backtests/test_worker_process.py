"""A backtest is run by real workers: the one is killed at it, the next begins it anew, and stops when told to."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from tests.factories.backtests import ask, told
from tests.factories.catalogue import campaign_document, zone_document
from tests.factories.people import People

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


def wait_for(shop, id_, status):
    until = time.monotonic() + 60
    while (found := told(shop, id_))["status"] != status:
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def test_a_backtest_is_done_though_the_first_worker_is_killed(app, clock, start):
    clock.now_at = datetime.now(UTC)  # the workers' own, by which they would drop older pings
    shop = People(app, clock)
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.register("anna")
    assert len(shop.ping("anna", "1")["decisions"]) == 1
    clock.advance(seconds=5)
    id_ = ask(shop)
    first = start()
    assert wait_for(shop, id_, "running")["attempts"] == 1
    first.kill()
    first.wait()

    second = start()
    done = wait_for(shop, id_, "done")
    second.terminate()
    said = second.communicate(timeout=30)[1].decode()
    assert (second.returncode, done["attempts"]) == (0, 2)
    assert (done["report"]["decisions"], done["report"]["differences"]) == (1, 0)
    assert '"how":"done","event":"a backtest ended"' in said
    assert "traceback" not in said.lower()
    assert "maximum number" not in said
