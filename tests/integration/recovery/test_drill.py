"""The drill: a backup of a database in use, restored into an empty cluster, holds the cap ledger to the last row."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from beacon_service import cluster as clusters
from tests.factories.catalogue import campaign_document, cap_document, zone_document
from tests.factories.shop import Shop
from tests.torture import checker

COMMAND = Path(sys.executable).with_name("beacon-service")
LEDGER = ("grants", "tallies", "decisions", "outcomes", "catalogue_log")
ALSO = (
    "customers",
    "installations",
    "presence",
    "pings",
    "moves",
    "changes",
    "consents",
    "api_keys",
    "sites",
)
PHONES = 5


@pytest.fixture
def database(test_cluster):
    """One of its own: the tests' common one holds a schema that its role may not read, nor back up."""
    name = f"drill_{os.getpid()}"
    names = (sql.Identifier(name), sql.Identifier(clusters.DATABASE), sql.Identifier(clusters.ROLE))
    with test_cluster.connect(database="postgres") as server:
        with (test_cluster.home / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
        yield name
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(test_cluster, database):
    return test_cluster.url(database=database)


@pytest.fixture
def used(app, clock, settings):
    """A database in which offers were made, refused by a cap over all, looked at, and let expire."""
    shop = Shop(app, clock)
    over_all = cap_document(3, subject="total", counts="viewed", window={"kind": "lifetime"})
    shop.configure(zones=[zone_document()], campaigns=[campaign_document(caps=[over_all])])
    offers = []
    for number in range(PHONES):
        clock.advance(seconds=1)
        phone = shop.phone(f"phone-{number}")
        offers += shop.ping(phone, "p1")["decisions"]
    assert len(offers) == 3
    headers = {"Authorization": f"Bearer {shop.secret}"}
    seen = {"decision_id": offers[0]["decision_id"], "type": "viewed", "at": clock.now().isoformat()}
    assert shop.client.post("/v1/outcomes", json=seen, headers=headers).status_code == 201
    return settings.database_url


@pytest.fixture
def empty_cluster():
    """Another machine's, as far as the backup can tell."""
    home = Path(tempfile.mkdtemp(prefix="beacon-drill-", dir="/tmp"))
    home.chmod(0o755)
    other = clusters.Cluster(home / "cluster", unsafe=True)
    clusters.start(other)
    yield other
    clusters.stop(other)
    shutil.rmtree(home)


def command(*arguments, url):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BEACON_")}
    return subprocess.run(
        [COMMAND, *arguments],
        env={**environment, "BEACON_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fingerprints(connection, tables):
    """Of each table: how many rows, and one hash of all of them in order."""
    query = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {} t"
    return {table: connection.execute(query.format(table)).fetchone() for table in tables}


def test_a_backup_restored_into_an_empty_cluster_holds_the_same_cap_ledger(
    used, empty_cluster, test_cluster, database, tmp_path
):
    file = tmp_path / "backup"
    with test_cluster.connect(database=database) as connection:
        before = fingerprints(connection, (*LEDGER, *ALSO))
    assert before["grants"][0] == 3
    assert command("backup", str(file), url=used).returncode == 0
    restored = command("restore", str(file), url=empty_cluster.url())
    assert restored.returncode == 0, restored.stderr
    with empty_cluster.connect(database=clusters.DATABASE) as connection:
        assert fingerprints(connection, (*LEDGER, *ALSO)) == before
        assert checker.check(connection).findings == ()


def test_a_change_of_one_row_shows_in_the_fingerprint(used, test_cluster, database):
    with test_cluster.connect(database=database) as connection:
        before = fingerprints(connection, LEDGER)
        connection.execute("UPDATE grants SET decided_at = decided_at + %s", [timedelta(microseconds=1)])
        after = fingerprints(connection, LEDGER)
    assert after != before
    assert {table for table in LEDGER if after[table] != before[table]} == {"grants"}


def test_a_restore_into_a_database_that_is_in_use_is_refused_and_changes_nothing(
    used, test_cluster, database, tmp_path
):
    file = tmp_path / "backup"
    assert command("backup", str(file), url=used).returncode == 0
    with test_cluster.connect(database=database) as connection:
        before = fingerprints(connection, LEDGER)
        refused = command("restore", str(file), url=used)
        assert fingerprints(connection, LEDGER) == before
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_file_that_is_no_backup_is_refused_in_one_sentence(empty_cluster, tmp_path):
    file = tmp_path / "letter"
    file.write_text("Dear reader")
    refused = command("restore", str(file), url=empty_cluster.url())
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
