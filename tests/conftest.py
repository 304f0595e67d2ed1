"""One throw-away PostgreSQL for a whole test run, a database for each worker, a clean one for each test.

The process that starts pytest only names the cluster's directory; the first test that asks for a database makes
it, so that unit tests start nothing. The same process stops it at the end, whatever happened in between.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from psycopg import sql

from beacon_service import cluster, db, migration
from beacon_service.settings import Settings

# The first text that Hypothesis makes in a fresh clone costs it seconds, for tables of its own, and the machine may be
# busy: how long making input takes says nothing of the code. What a test asserts is not touched by this.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

RESET = (Path(__file__).parent / "reset.sql").read_text()
HOME = pytest.StashKey[Path]()


def pytest_configure(config):
    for name in [name for name in os.environ if name.startswith("BEACON_")]:
        del os.environ[name]  # a developer's own settings must not decide what tests see
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[HOME] = Path(worker_input["cluster_home"])
        return
    _sweep_leftovers()
    # Under /tmp and not pytest's own directory, which only root could enter and PostgreSQL is not root.
    config.stash[HOME] = Path(tempfile.mkdtemp(prefix=f"beacon-test-{os.getpid()}-", dir="/tmp"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["cluster_home"] = str(node.config.stash[HOME])


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput") and HOME in config.stash:
        _remove(config.stash[HOME])


def _sweep_leftovers():
    """Stop what an earlier run left behind because it was killed."""
    for home in Path("/tmp").glob("beacon-test-*-*"):
        pid = home.name.split("-")[2]
        ours = os.geteuid() in {0, home.stat().st_uid}
        if ours and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _remove(home)


def _remove(home):
    cluster.stop(cluster.Cluster(home, unsafe=True))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def test_cluster(request):
    """The run's cluster; its own database is migrated once and serves as the template of all others."""
    ours = cluster.Cluster(request.config.stash[HOME], unsafe=True)
    cluster.start(ours)
    with (ours.home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        migration.upgrade(ours.url())
    return ours


@pytest.fixture(scope="session")
def worker_database(test_cluster):
    """The name of this worker's database."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    create_database(test_cluster, name)
    with test_cluster.connect(database=name) as connection:
        connection.execute(RESET)
        connection.execute("SELECT pristine.remember()")
    return name


@pytest.fixture
def database_url(test_cluster, worker_database):
    """A clean database: as after migration, whatever the test before did."""
    with test_cluster.connect(database=worker_database) as connection:
        connection.execute("SELECT pristine.restore()")
    return test_cluster.url(database=worker_database)


@pytest.fixture
def fresh_database_url(test_cluster, worker_database):
    """A database of this test alone, straight from the template: to be dumped, restored or broken."""
    name = f"{worker_database}_fresh"
    create_database(test_cluster, name)
    yield test_cluster.url(database=name)
    with test_cluster.connect(database="postgres") as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def empty_database_url(test_cluster, worker_database):
    """A database with PostGIS and no tables, as a restore wants it."""
    name = f"{worker_database}_empty"
    with test_cluster.connect(database="postgres") as server:
        names = (sql.Identifier(name), sql.Identifier(cluster.ROLE))
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
        with test_cluster.connect(database=name) as connection:
            connection.execute("CREATE EXTENSION postgis")
        yield test_cluster.url(database=name)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        allow_unsafe_database=True,
    )


@pytest.fixture
def engine(settings):
    """An engine as the worker has it; closed at the end, since an open connection is a warning."""
    made = db.make_engine(settings.database_url, settings, connections=4)
    yield made
    made.dispose()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_at):
        self.now_at = now_at

    def now(self):
        return self.now_at

    def advance(self, **duration):
        """`advance(minutes=5)`"""
        self.now_at += timedelta(**duration)


@pytest.fixture
def clock():
    """A Wednesday, noon in UTC, far from any change of daylight saving time."""
    return ManualClock(datetime(2026, 6, 3, 12, 0, tzinfo=UTC))


@pytest.fixture
def app(settings, clock):
    from beacon_service.app import create_app  # noqa: PLC0415 - unit tests need not load it

    made = create_app(settings, clock)
    yield made
    with made.app_context():
        db.db.engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


def create_database(within, name):
    """A copy of the migrated template; takes about a tenth of a second."""
    with within.connect(database="postgres") as server, (within.home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a template must have no other user while it is copied
        names = (sql.Identifier(name), sql.Identifier(cluster.DATABASE), sql.Identifier(cluster.ROLE))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
