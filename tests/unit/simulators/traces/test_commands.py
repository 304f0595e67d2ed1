"""`beacon-sim` finds each of its commands where it says it stands."""

import pytest
from click import Context
from click.testing import CliRunner

from simulators.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_found_under_its_name_and_can_be_asked_for_help(name):
    command = main.get_command(Context(main), name)
    assert command is not None
    assert command.name == name
    done = CliRunner().invoke(main, [name, "-h"])
    assert (done.exit_code, "Usage:" in done.output) == (0, True)


def test_all_commands_are_listed_and_others_are_refused():
    assert all(name in CliRunner().invoke(main, ["-h"]).output for name in COMMANDS)
    assert "No such command 'fly'" in CliRunner().invoke(main, ["fly"]).output
