"""`beacon-sim`: makes walks of shoppers who do not exist, and plays walks to a service as phones would."""

from importlib import import_module
from typing import Any

import click

# Where each command stands. Only the one that is asked for is loaded: what the others rest on takes seconds.
COMMANDS = {
    "generate": "generating:generate",
    "generate-site": "generating:generate_site",
    "radio-statistics": "generating:radio_statistics",
    "locate": "locating:locate",
    "convert": "converting:convert",
    "replay": "replaying:replay",
    "backtest": "backtesting:backtest",
    "inspect": "tracing:inspect",
    "cut": "tracing:cut",
    "merge": "tracing:merge",
    "anonymise": "tracing:anonymise",
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: Any = getattr(import_module(f"simulators.commands.{module}"), name)
        assert isinstance(command, click.Command), f"{COMMANDS[cmd_name]} is no command"
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make up, play, convert and look into what phones send."""


if __name__ == "__main__":
    main()
