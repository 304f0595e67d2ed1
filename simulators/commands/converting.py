"""The command that makes what others recorded into what can be replayed."""

from pathlib import Path

import click

from simulators.convert import Choice, convert_ilc
from simulators.ilc import ConvertError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "kind", type=click.Choice(["ilc"]), required=True, expose_value=False)
@click.option("-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--dev-share", default=0.2, show_default=True, type=click.FloatRange(0, 1, max_open=True))
@click.option("--seed", default=1, show_default=True, help="The same seed divides the walks in the same way.")
@click.option("--skip-malformed", is_flag=True, help="Leave out lines that cannot be read, and say which.")
def convert(folder: Path, out: Path, dev_share: float, seed: int, skip_malformed: bool) -> None:
    """Write the recordings in FOLDER as walks that can be replayed and measured with.

    ilc: the Indoor Location Competition 2.0, a site's folder or one of several sites.
    """
    choice = Choice(dev_share, seed, skip_malformed)
    try:
        sites = convert_ilc(folder, out, choice, lambda line: click.echo(line, err=True))
    except ConvertError as error:
        raise click.ClickException(str(error)) from None
    for done in sites:
        for line in done.malformed:
            click.echo(f"left out: {line}", err=True)
        click.echo(
            f"{done.site}: {done.survey_walks} walks in survey/, {done.dev_walks} in dev/, "
            f"{done.without_way} without two waypoints left out",
            err=True,
        )
