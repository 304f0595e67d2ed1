"""On SIGTERM a server finishes what it has accepted, and only then ends."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from beacon_service.serving import server_command
from beacon_service.settings import Settings

ROOT = Path(__file__).parents[3]
TARGET = "tests.integration.ground.slow_app:create_app"
REQUESTS = 6  # more than the two threads: some wait in the queue when the signal comes


def wait_until(condition, within_s=20):
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(address):
    try:
        return httpx2.get(address + "/", timeout=1).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_requests_that_were_accepted_are_answered_after_the_signal(server, tmp_path):
    seen = tmp_path / "seen"
    settings = Settings(server=server, port=free_port(), web_threads=2)
    address = f"http://127.0.0.1:{settings.port}"
    process = subprocess.Popen(
        server_command(settings, TARGET), cwd=ROOT, env=os.environ | {"SLOW_APP_SEEN": str(seen)}
    )
    try:
        wait_until(lambda: answers(address))
        with ThreadPoolExecutor(REQUESTS) as pool:
            pending = [pool.submit(httpx2.get, address + "/slow", timeout=20) for _ in range(REQUESTS)]
            wait_until(lambda: seen.exists() and len(seen.read_text().splitlines()) >= 2)
            time.sleep(0.3)  # the others have been sent and queued by now
            process.send_signal(signal.SIGTERM)
            assert [answer.result().text for answer in pending] == ["done"] * REQUESTS
        assert process.wait(15) == 0
        assert len(seen.read_text().splitlines()) == REQUESTS
        assert not answers(address)
    finally:
        process.kill()
        process.wait(15)
