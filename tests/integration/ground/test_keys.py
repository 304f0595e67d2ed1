"""Keys as an operator handles them on the command line."""

import pytest
from click.testing import CliRunner

from beacon_service.cli import main


@pytest.fixture
def keys(database_url):
    def run(*arguments, status=0):
        answer = CliRunner().invoke(main, ["keys", *arguments], env={"BEACON_DATABASE_URL": database_url})
        assert answer.exit_code == status, answer.output
        return answer.output.strip() if status == 0 else answer.stderr

    return run


def states(keys):
    return {line.split()[0]: line.split()[2] for line in keys("list").splitlines()}


def test_a_new_key_is_printed_once_and_listed_without_its_text(keys):
    plain = keys("create", "--kind", "publishable", "--name", "app")
    assert plain.startswith("pk_")
    assert plain not in keys("list")
    assert list(states(keys).values()) == ["valid"]


def test_a_secret_key_has_all_scopes_unless_told(keys):
    keys("create", "--kind", "secret", "--name", "gateway", "--scope", "ping")
    assert keys("list").split()[3:] == ["gateway", "ping"]


def test_a_rotated_key_and_its_successor_both_work_for_a_while(keys):
    keys("create", "--kind", "secret", "--name", "gateway")
    [old] = states(keys)
    assert keys("rotate", old).startswith("sk_")
    assert sorted(states(keys).values()) == ["valid", "valid"]
    keys("revoke", old)
    assert states(keys)[old] == "revoked"


def test_without_an_overlap_the_old_key_ends_at_once(keys):
    keys("create", "--kind", "secret", "--name", "gateway")
    [old] = states(keys)
    keys("rotate", old, "--overlap-h", "0")
    assert states(keys)[old] == "expired"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["revoke", "key_none"], "There is no key key_none."),
        (["create", "--kind", "secret", "--name", "x", "--scope", "all"], "There is no scope all."),
    ],
)
def test_a_mistake_is_one_sentence(keys, arguments, said):
    assert keys(*arguments, status=1) == f"Error: {said}\n"
