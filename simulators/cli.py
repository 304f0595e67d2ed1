"""`beacon-sim`: makes walks of shoppers who do not exist, and plays walks to a service as phones would."""

import click

from simulators.commands import converting, generating, locating, replaying, tracing

COMMANDS = (
    generating.generate,
    generating.generate_site,
    generating.radio_statistics,
    locating.locate,
    converting.convert,
    replaying.replay,
    tracing.inspect,
    tracing.cut,
    tracing.merge,
    tracing.anonymise,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Generate and replay pings."""


for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
