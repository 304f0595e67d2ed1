"""`beacon-sim`: makes walks of shoppers who do not exist, and plays walks to a service as phones would."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import httpx2
import msgspec
from rich.console import Console
from rich.progress import Progress

from beacon_service.positioning.survey import SurveyError
from beacon_service.positioning.survey_files import read_sightings
from simulators.client import Client
from simulators.convert import Choice, convert_ilc
from simulators.crowd import make_crowd
from simulators.generate import generate as generate_walks
from simulators.ilc import ConvertError
from simulators.locate import places_of, predictions, read_asked, write_predictions
from simulators.mall.write import SHOPPERS, write_mall
from simulators.phone import Keys
from simulators.record import Record, percentile
from simulators.recorded import WalksError, read_walks, site_directories
from simulators.venue import load_venue
from simulators.walks import Walk, decode, encode

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
STORE = Path(__file__).resolve().parents[1] / "demo"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Generate and replay pings."""


@main.command()
@click.option("--store", default=STORE, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--shoppers", default=150, show_default=True, type=click.IntRange(1))
@click.option("--out", default="-", type=click.File("wb"), help="Where to write; standard output by default.")
def generate(store: Path, seed: int, shoppers: int, out: BinaryIO) -> None:
    """Write the walks of made-up shoppers through a store, one a line of JSON."""
    out.write(encode(generate_walks(load_venue(store), seed=seed, shoppers=shoppers)))


@main.command(name="generate-site")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The site's folder."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--shoppers", default=SHOPPERS, show_default=True, type=click.IntRange(1), help="To be found again."
)
def generate_site(out: Path, seed: int, shoppers: int) -> None:
    """Write a made-up mall, surveyed and walked, in the folders that recorded walks come in."""
    write_mall(out, seed=seed, shoppers=shoppers)
    click.echo(f"{out}: survey/, dev/ and motionless/, zones.geojson and beacons.geojson", err=True)


@main.command()
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


@main.command()
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


@main.command()
@click.argument("walks", type=click.Path(exists=True, path_type=Path))
@click.option("--url", default="http://127.0.0.1:8080", show_default=True)
@click.option("--publishable-key", envvar="BEACON_PUBLISHABLE_KEY", required=True)
@click.option("--secret-key", envvar="BEACON_SECRET_API_KEY", required=True, help="To identify customers.")
def replay(walks: Path, url: str, publishable_key: str, secret_key: str) -> None:
    """Play WALKS now and in real time: a file of `generate`, or a folder of recorded walks.

    The site with its zones and beacons must be in the service already.
    """
    try:
        people = read_people(walks)
    except (WalksError, msgspec.MsgspecError) as error:
        raise click.ClickException(f"{walks}: {error}") from None
    record = asyncio.run(play(people, url, Keys(publishable_key, secret_key)))
    click.echo(told_of(record))
    for problem in record.problems:
        click.echo(f"not well: {problem}", err=True)
    sys.exit(1 if record.problems or len(record.pings) != record.planned else 0)


def read_people(walks: Path) -> tuple[Walk, ...]:
    if walks.is_file():
        return decode(walks.read_bytes())
    return tuple(walk for site in site_directories(walks) for walk in read_walks(site))


async def play(people: tuple[Walk, ...], url: str, keys: Keys) -> Record:
    run = f"replay-{datetime.now(UTC):%Y%m%d%H%M%S}"
    async with httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False) as http:
        crowd = make_crowd(people, run, client=Client(http), keys=keys, on_answer=lambda _id, _body: None)
        click.echo(f"{len(people)} phones, for about {crowd.lasts_s:.0f} s", err=True)
        await crowd.walk()
        await crowd.finish()
    return crowd.record


def told_of(record: Record) -> str:
    verdicts = ", ".join(
        f"{record.count(status)} {status}" for status in ("accepted", "late", "duplicate", "rejected")
    )
    p50, p99 = (percentile(record.latencies_ms, share) for share in (0.5, 0.99))
    return f"{verdicts}; {len(record.offers)} offers; p50 {p50:.1f} ms, p99 {p99:.1f} ms"


if __name__ == "__main__":
    main()
