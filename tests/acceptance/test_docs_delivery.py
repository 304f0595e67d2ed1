"""The examples of docs/delivery.md, run as one script against a live service with a worker."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from beacon_service.app import create_app
from beacon_service.campaigns.decide import decide
from beacon_service.clock import SystemClock
from beacon_service.db import db, make_engine
from beacon_service.delivery.leaving import leaving
from beacon_service.delivery.senders import sending
from beacon_service.settings import Settings
from tests.factories.catalogue import offer_document
from tests.factories.moments import campaign, question
from tests.factories.people import People

PAGE = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()


def examples(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        allow_unsafe_database=True,
        secret_key="a secret key of the tests, which is long enough",
        webhook_networks=[ip_network("127.0.0.0/8")],
    )


@pytest.fixture
def live(settings):
    """A service on a port of its own, and what a worker does beside it."""
    clock = SystemClock()
    app = create_app(settings, clock)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    engine, stopped = make_engine(settings.database_url, settings, connections=2), threading.Event()
    worker = sending(engine, clock, settings, stopped)

    def deliver():
        while not stopped.wait(0.1):
            worker.send_due()

    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=deliver)]
    for thread in threads:
        thread.start()
    yield People(app, clock), f"http://127.0.0.1:{server.port}"
    stopped.set()
    server.shutdown()
    for thread in threads:
        thread.join()
    worker.close()
    engine.dispose()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


def test_every_example_does_what_it_says(live, tmp_path):
    people, url = live
    (receiver,) = examples("python")
    (tmp_path / "receiver.py").write_text(receiver)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {
        "BEACON_URL": url,
        "SECRET_KEY": people.secret,
        "RECEIVER_PORT": str(port),
        "RECEIVER_URL": f"http://127.0.0.1:{port}/",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(examples("bash"))],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "webhook.test {'webhook': 'till'}" in done.stdout
    time.sleep(0.3)  # what was asked for last is under way
    assert people.rows("SELECT count(*) FROM deliveries") == [(1,)]


def test_a_message_says_what_the_page_shows():
    shown = next(json.loads(one) for one in examples("json") if "offer.decided" in one)
    offer = offer_document(link="https://shop.example/coffee", code="CUP")
    decided = decide(question(), [campaign(channel="webhook", offers=[offer])])
    (sent,) = leaving([decided], datetime(2026, 6, 3, 12, tzinfo=UTC))
    assert {*sent.body, "customer_id", "installation_id"} == set(shown["data"])
    assert set(sent.body["offer"]) == set(shown["data"]["offer"])


def test_a_push_address_is_registered_as_the_page_shows(live):
    people, _ = live
    shown = [json.loads(one) for one in examples("json") if '"push"' in one]
    assert len(shown) == 3
    for number, body in enumerate(shown):
        push = body["push"]
        if push["provider"] == "apns":
            push["token"] = "0a1b2c3d4e5f"
        if push["provider"] == "webpush":
            push |= {"p256dh": "A" * 87, "auth": "A" * 22}
        answer = people.register(f"phone-{number}", **body)
        assert answer.status_code == 201, answer.text
