"""The command that says where the service's engine would hold walkers, without a service."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from beacon_service.positioning.survey import SurveyError
from beacon_service.positioning.survey_files import read_sightings
from simulators.locate import places_of, predictions, read_asked, write_predictions
from simulators.recorded import WalksError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--zones", required=True, type=FILE, help="GeoJSON, features with the properties zone and floor."
)
@click.option("--survey", type=FOLDER, help="Walks with waypoints, to learn the site's radio map from.")
@click.option("--beacons", type=FILE, help="GeoJSON of beacons at their places, where there is no survey.")
@click.option("--sightings", required=True, type=FILE, help="CSV of what walkers heard.")
@click.option("--at", "asked", required=True, type=FILE, help="CSV with the columns trace and t_ms.")
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def locate(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    zones: Path, survey: Path | None, beacons: Path | None, sightings: Path, asked: Path, out: Path
) -> None:
    """Say in which zone the service's engine holds recorded walkers at given moments, as CSV."""
    if survey is None and beacons is None:
        raise click.UsageError("name a --survey to learn from, or the --beacons with their places")
    if not out.parent.is_dir():  # told now and not after minutes of learning
        raise click.ClickException(f"{out} cannot be written: {out.parent} is no folder; create it first")
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            learning = bar.add_task("reading", total=1.0)
            places = places_of(
                zones,
                survey=survey,
                beacons=beacons,
                progress=lambda share, what: bar.update(learning, completed=share, description=what),
            )
            moments = read_asked(asked)
            locating = bar.add_task("locating", total=len(moments))
            found = predictions(places, read_sightings(sightings), moments)
            count = write_predictions(out, bar.track(found, len(moments), locating))
    except (WalksError, SurveyError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{out}: {count} moments", err=True)
