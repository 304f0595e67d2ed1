"""The curl examples of docs/apps.md, run from the first to the last as one script against a live service."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from beacon_service.app import create_app
from beacon_service.clock import SystemClock
from beacon_service.db import db
from tests.factories.people import People

PAGE = Path(__file__).parents[2] / "docs" / "apps.md"


@pytest.fixture
def live(settings):
    """A service on a port of its own, with the clock that `date` reads as well."""
    clock = SystemClock()
    app = create_app(settings, clock)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield People(app, clock), f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


def test_every_example_does_what_it_says(live, tmp_path):
    people, url = live
    examples = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(examples) >= 7
    variables = {"BEACON_URL": url, "PUBLISHABLE_KEY": people.publishable, "SECRET_KEY": people.secret}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(examples)],
        cwd=tmp_path,
        env=os.environ | variables | {"no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"accepted"' in done.stdout
    erased = people.rows("SELECT count(*) FROM customers WHERE erased_at IS NOT NULL")
    assert erased == [(1,)]
