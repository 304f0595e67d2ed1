"""What an operator types: each mistake is answered with one sentence and a status, never a traceback."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from beacon_service.cli import main
from beacon_service.settings import libpq_url

SECRET = "a secret of the tests, long enough to pass"


def run(*arguments, **environment):
    """In this process: a new one takes seconds to load where the machine is busy."""
    given = {f"BEACON_{name.upper()}": value for name, value in environment.items()}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=given)


MISTAKES = {
    "port in letters": ({"port": "http"}, 2, "BEACON_PORT"),
    "unreadable keys": (
        {"identity_keys": f'[{{"alg": "none", "key": "{SECRET}"}}]'},
        2,
        "BEACON_IDENTITY_KEYS",
    ),
    "other database": ({"database_url": "mysql://x/y"}, 2, "must name a PostgreSQL database"),
    "no database": ({"database_url": "postgresql:///x?host=/nonexistent"}, 1, "No such file"),
}


@pytest.mark.parametrize(("environment", "status", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(environment, status, said):
    answer = run("serve", **environment)
    assert answer.exit_code == status
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert SECRET not in answer.stderr


def test_the_installed_program_answers_so_too():
    program = Path(sys.executable).with_name("beacon-service")
    environment = os.environ | {"BEACON_PORT": "http"}
    answer = subprocess.run([program, "serve"], capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 2
    assert answer.stderr.startswith("Error: BEACON_PORT: ")


def test_an_unsafe_database_is_not_served(database_url):
    answer = run("serve", database_url=database_url)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("Error: the database runs with fsync = off")


def test_a_taken_port_is_one_sentence(database_url):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = run("serve", database_url=database_url, port=port, allow_unsafe_database="1")
    assert answer.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr


def version_in(url):
    with psycopg.connect(libpq_url(url)) as connection:
        return connection.execute("SELECT version FROM catalogue").fetchone()[0]


def test_a_backup_is_restored_into_an_empty_database_only(fresh_database_url, empty_database_url, tmp_path):
    file = tmp_path / "backup.dump"
    with psycopg.connect(libpq_url(fresh_database_url)) as connection:
        connection.execute("UPDATE catalogue SET version = 42")
    assert run("backup", file, database_url=fresh_database_url).stderr == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists already" in run("backup", file, database_url=fresh_database_url).stderr
    assert "is not empty" in run("restore", file, database_url=fresh_database_url).stderr

    assert run("restore", file, database_url=empty_database_url).stderr == ""
    assert version_in(empty_database_url) == 42


def test_what_is_no_backup_is_refused(empty_database_url, tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader")
    answer = run("restore", str(file), database_url=empty_database_url)
    assert answer.exit_code == 1
    assert "is not a backup" in answer.stderr
