import os
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import httpx2
import psycopg
import pytest

from beacon_service import partitions
from beacon_service.auth import create_key
from beacon_service.auth.store import list_keys
from beacon_service.db import db
from beacon_service.serving import server_command
from beacon_service.settings import libpq_url

ROOT = Path(__file__).parents[3]


@pytest.fixture
def pings_have_a_place(settings, clock):
    """Partitions for the days around the clock's, as a worker makes them."""
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        partitions.ensure(connection, clock.now().date())


@pytest.fixture
def keys(app, clock):
    """Makes and changes keys as the command line does, each change committed."""

    def make(kind="secret", scopes=None, name="shop"):
        with app.app_context():
            known = {key.id for key in list_keys(db.session())}
            plain = create_key(db.session(), kind=kind, name=name, scopes=scopes, at=clock.now())
            db.session.commit()
            (fresh,) = {key.id for key in list_keys(db.session())} - known
        return SimpleNamespace(id=fresh, plain=plain, header={"Authorization": f"Bearer {plain}"})

    def change(operation, *args, **named):
        with app.app_context():
            result = operation(db.session(), *args, at=clock.now(), **named)
            db.session.commit()
        return result

    def all_of_them():
        with app.app_context():
            return list_keys(db.session())

    return SimpleNamespace(make=make, change=change, list=all_of_them)


@pytest.fixture(params=["granian", "gunicorn"])
def served(request, settings):
    """The service behind a real server: its address as (host, port), and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = settings.model_copy(update={"server": request.param, "port": port, "web_threads": 8})
    environment = {
        **os.environ,
        "BEACON_DATABASE_URL": settings.database_url,
        "BEACON_ALLOW_UNSAFE_DATABASE": "1",
        "BEACON_TRUSTED_PROXIES": "1",
    }
    server = subprocess.Popen(server_command(chosen), cwd=ROOT, env=environment)
    try:
        until = time.monotonic() + 120
        while not _alive(port):
            assert time.monotonic() < until, "the server did not come up"
            time.sleep(0.1)
        yield SimpleNamespace(address=("127.0.0.1", port), process=server)
    finally:
        server.terminate()
        try:
            server.wait(40)
        finally:
            server.kill()
            server.wait()


def _alive(port):
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200
    except httpx2.TransportError:
        return False
