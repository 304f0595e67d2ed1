"""How many small durable commits a second PostgreSQL makes by itself: the limit of whoever commits each ping alone."""

import re
import subprocess

from beacon_service import data_directory
from beacon_service.cluster import Cluster
from beacon_service.data_directory import PORT, SUPERUSER
from benchmarks.cluster import copy_database

DATABASE = "commits"
# Of about the size of a ping's own columns.
TABLE = "CREATE TABLE commits (id bigserial PRIMARY KEY, at timestamptz NOT NULL, what text NOT NULL)"
INSERT = "INSERT INTO commits (at, what) VALUES (now(), repeat('x', 100));\n"
FOUND = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def prepare(cluster: Cluster) -> None:
    copy_database(cluster, DATABASE)
    with cluster.connect(database=DATABASE) as connection:
        connection.execute(TABLE)
    (cluster.home / "commits.sql").write_text(INSERT)


def available(cluster: Cluster) -> bool:
    """Whether pgbench stands beside the server's own programs; some systems package it apart."""
    return (data_directory.programs(cluster.data) / "pgbench").exists()


def commits_per_s(cluster: Cluster, *, clients: int, seconds: int) -> float:
    """One-row inserts of so many clients, each in a transaction of its own, by pgbench."""
    command = [
        str(data_directory.programs(cluster.data) / "pgbench"),
        *("--no-vacuum", "--protocol=prepared", "--file", str(cluster.home / "commits.sql")),
        *("--client", str(clients), "--jobs", str(min(2, clients)), "--time", str(seconds)),
        *("--host", str(cluster.socket_dir), "--port", str(PORT), "--username", SUPERUSER, DATABASE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    found = FOUND.search(done.stdout)
    if done.returncode or not found:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise OSError(f"pgbench failed: {' '.join(said) or done.returncode}")
    return float(found.group(1))
