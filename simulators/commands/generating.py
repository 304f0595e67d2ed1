"""Commands that make up people and places."""

import sys
import time
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from simulators.generating.measuring.page import put_between
from simulators.generating.measuring.recordings import made_up, recorded
from simulators.generating.measuring.statistics import Figure, figures_of, table_of
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.files import Read, SiteError, read_site, write_site
from simulators.generating.trace import Tally, write_days
from simulators.generating.world import Crowd
from simulators.mall.write import SHOPPERS, write_mall
from simulators.recorded import WalksError
from simulators.traces.model import TraceError

FIRST_DAY = "2026-03-02"  # a Monday; a fixed one, so that the same words give the same bytes
# The built-in sites whose radio is put beside recorded walks.
MEASURED = ("mall", "department-store", "supermarket")
MOST_SHOPPERS, MOST_DAYS = 1_000_000, 366


@click.command()
@click.option("--site", type=click.Choice(list(BUILT_IN)), help="One of the sites that come along.")
@click.option(
    "--site-from",
    type=click.Path(path_type=Path),
    help="A folder with zones.geojson and, if there are, site.json, floors, beacons and walls.geojson.",
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0, 2**31), help="Same seed, same bytes."
)
@click.option(
    "--shoppers", default=150, show_default=True, type=click.IntRange(1, MOST_SHOPPERS), help="A day."
)
@click.option("--days", default=1, show_default=True, type=click.IntRange(1, MOST_DAYS))
@click.option(
    "--date",
    "first",
    default=FIRST_DAY,
    show_default=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day.",
)
@click.option(
    "--ping-every", "every_s", default=10, show_default=True, type=click.IntRange(1, 300), help="Seconds."
)
@click.option(
    "--in-hand", is_flag=True, help="Everybody looks at the app all the time: as many pings as can be."
)
@click.option(
    "--hurried", is_flag=True, help="All come at once and are gone after two minutes, for demonstrations."
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="NAME.jsonl or NAME.jsonl.gz."
)
@click.option(
    "--write-site",
    "site_to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the site as files that the service imports.",
)
def generate(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    site: str | None,
    site_from: Path | None,
    seed: int,
    shoppers: int,
    days: int,
    first: datetime,
    every_s: int,
    in_hand: bool,
    hurried: bool,
    out: Path | None,
    site_to: Path | None,
) -> None:
    """Write a trace of shoppers who do not exist on days at a site, with the truth in NAME.truth.jsonl beside it."""
    if (site is None) == (site_from is None):
        raise click.UsageError(f"name either a --site ({', '.join(BUILT_IN)}) or a folder with --site-from")
    if out is None and site_to is None:
        raise click.UsageError("name the file to write with --out, or a folder with --write-site")
    if out is not None:
        _refuse_out(out)
    crowd = Crowd(seed, shoppers, first.date(), days, every_s, in_hand, hurried)
    try:
        read = read_site(site_from) if site_from else Read(BUILT_IN[site or ""](seed), ())
        if site_to is not None:
            write_site(site_to, read.venue)
            said = f"{site_to}: the site {read.venue.id}, to be loaded into a service"
            click.echo(f"{said} (docs/simulator.md)", err=True)
        for guess in read.guesses:
            click.echo(f"guessed: {guess}", err=True)
        if out is not None:
            _write(out, read, crowd, _made_by(site, site_from, crowd))
    except (SiteError, TraceError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None


def _refuse_out(out: Path) -> None:
    """Told now and not after minutes."""
    if not out.name.removesuffix(".gz").endswith(".jsonl"):
        raise click.UsageError(f"{out} should end in .jsonl or .jsonl.gz, as traces do")
    if not out.parent.is_dir():
        raise click.ClickException(f"{out} cannot be written: {out.parent} is no folder; create it first")


def _made_by(site: str | None, site_from: Path | None, crowd: Crowd) -> str:
    """The command that makes it again; of a folder its name, since paths are nobody's business."""
    where = f"--site {site}" if site else f"--site-from {site_from.name if site_from else ''}"
    flags = " --in-hand" * crowd.in_hand + " --hurried" * crowd.hurried
    return (
        f"beacon-sim generate {where} --seed {crowd.seed} --shoppers {crowd.shoppers} --days {crowd.days} "
        f"--date {crowd.first} --ping-every {crowd.every_s}{flags}"
    )[:1_024]


def _write(out: Path, read: Read, crowd: Crowd, made_by: str) -> None:
    began_s = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("people come and go", total=1.0)
        tally = write_days(out, read.venue, crowd, made_by, lambda share: bar.update(task, completed=share))
    for guess in tally.guesses:
        click.echo(f"guessed: {guess}", err=True)
    click.echo(f"{out}: {told_of(tally)} in {time.monotonic() - began_s:.0f} s", err=True)


def told_of(tally: Tally) -> str:
    effect = f"; an offer adds {tally.effect / tally.people:+.3f} to the chance of a purchase, on average"
    return (
        f"{tally.visits} visits of {tally.people} people, {tally.pings} pings in {tally.reports} reports, "
        f"{tally.purchases} purchases told, {tally.truths} moments of truth{effect if tally.people else ''}"
    )


@click.command(name="generate-site")
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


@click.command(name="radio-statistics")
@click.option(
    "--walks", type=click.Path(path_type=Path), help="Recorded walks, to be put beside the made-up ones."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31))
@click.option(
    "--write",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A page with the marks <!-- radio-statistics --> and <!-- /radio-statistics -->: the table goes between them.",
)
def radio_statistics(walks: Path | None, seed: int, page: Path | None) -> None:
    """Tell how levels scatter and how often beacons are heard, of made-up sites and of recorded walks."""
    try:
        columns: list[tuple[str, list[Figure]]] = []
        if walks is not None:
            columns.append(("recorded walks", figures_of(recorded(walks))))
        columns += [(f"made-up {name}", figures_of(made_up(BUILT_IN[name](seed), seed))) for name in MEASURED]
        table = table_of(columns)
        if page is not None:
            put_between(page, table)
    except (WalksError, SiteError) as error:
        raise click.ClickException(str(error)) from None
    sys.stdout.write(table)
