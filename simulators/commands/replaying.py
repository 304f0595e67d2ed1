"""The command that plays walks to a service as phones would."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx2
import msgspec

from simulators.client import Client
from simulators.crowd import make_crowd
from simulators.phone import Keys
from simulators.record import Record, percentile
from simulators.recorded import WalksError, read_walks, site_directories
from simulators.walks import Walk, decode


@click.command()
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
