"""The service's own cluster: made once, closed to others, durable, and back after a crash."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest

from beacon_service import cluster, data_directory, database_owner, migration
from beacon_service.cluster import Cluster
from beacon_service.postgresql import ClusterError
from beacon_service.safety import UnsafeDatabase, refuse_unsafe
from beacon_service.settings import DatabaseSettings, libpq_url

DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


@pytest.fixture(scope="module")
def durable():
    """Made by the first test, and restarted by whichever crashes it."""
    ours = Cluster(Path(tempfile.mkdtemp(prefix=f"beacon-test-{os.getpid()}-durable-", dir="/tmp")))
    yield ours
    cluster.stop(ours)
    shutil.rmtree(ours.home)


@pytest.fixture
def empty(durable):
    """A database with PostGIS and nothing else."""
    cluster.start(durable)
    with durable.connect(database="postgres") as server:
        server.execute("DROP DATABASE IF EXISTS empty")
        server.execute("CREATE DATABASE empty OWNER beacon")
    with durable.connect(database="empty") as connection:
        connection.execute("CREATE EXTENSION postgis")
    return durable.url(database="empty")


def wait_until(condition, within_s=20):
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.01)


def show(where, name):
    with where.connect(database="beacon") as connection:
        return connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]


def refuse(url, **settings):
    with psycopg.connect(libpq_url(url)) as connection:
        refuse_unsafe(connection, DatabaseSettings(**settings))


def test_four_starts_at_once_make_one_cluster(durable):
    with ThreadPoolExecutor(4) as pool:
        urls = [pool.submit(cluster.start, durable) for _ in range(4)]
        assert {url.result() for url in urls} == {durable.url()}
    assert show(durable, "data_checksums") == "on"


def test_it_is_durable_and_closed_to_others(durable):
    cluster.start(durable)
    assert [show(durable, name) for name in DURABILITY] == ["on", "on", "on"]
    assert show(durable, "listen_addresses") == ""
    assert stat.S_IMODE(durable.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(durable.home.stat().st_mode) == 0o700


def test_the_service_itself_is_no_superuser(durable):
    cluster.start(durable)
    with psycopg.connect(libpq_url(durable.url())) as connection:
        assert connection.execute(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False,)


def test_after_a_crash_what_was_committed_is_there(durable):
    cluster.start(durable)
    with durable.connect(database="beacon") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS n")
    crashed = cluster.running_pid(durable)
    os.kill(crashed, signal.SIGKILL)
    wait_until(lambda: cluster.running_pid(durable) != crashed)
    cluster.start(durable)
    assert cluster.running_pid(durable) != crashed
    with durable.connect(database="beacon") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_dead_server_that_nobody_has_collected_is_no_rival(durable):
    """In a container whose first process does not reap, a killed server keeps its number as a zombie."""
    cluster.start(durable)
    cluster.stop(durable)
    program = str(data_directory.programs(durable.data) / "postgres")
    command = database_owner.as_owner([program, "-D", str(durable.data)])
    ours = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: cluster.running_pid(durable) == ours.pid)
        cluster.start(durable)
        ours.kill()
        cluster.start(durable)
        assert cluster.running_pid(durable) not in {None, ours.pid}
    finally:
        ours.kill()
        ours.wait()


def test_a_directory_of_someone_else_is_refused(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "link").symlink_to(theirs)
    with pytest.raises(ClusterError, match="belongs to someone else"):
        cluster.start(Cluster(tmp_path / "link"))


def test_a_volatile_database_is_refused_unless_allowed(test_cluster):
    with pytest.raises(
        UnsafeDatabase, match="fsync = off and full_page_writes = off and synchronous_commit = off"
    ):
        refuse(test_cluster.url())
    refuse(test_cluster.url(), allow_unsafe_database=True)


def test_a_database_without_schema_is_refused_then_migrated(empty):
    with pytest.raises(UnsafeDatabase, match=r"empty and this version needs .* beacon-service migrate"):
        refuse(empty)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(migration.upgrade, [empty] * 2))  # two at once take turns
    refuse(empty)


@pytest.mark.parametrize(("found", "said"), [("9999", "newer than this program's"), ("0000", "needs")])
def test_a_database_of_another_version_is_refused(empty, found, said):
    migration.upgrade(empty)
    with psycopg.connect(libpq_url(empty)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", [found])
    with pytest.raises(UnsafeDatabase, match=said):
        refuse(empty)


def test_a_database_without_postgis_is_refused(durable):
    cluster.start(durable)
    with pytest.raises(UnsafeDatabase, match="no PostGIS"):
        refuse(durable.url(database="postgres"))
