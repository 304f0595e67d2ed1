"""Commands that make up people and places."""

from pathlib import Path
from typing import BinaryIO

import click

from simulators.generate import generate as generate_walks
from simulators.mall.write import SHOPPERS, write_mall
from simulators.venue import load_venue
from simulators.walks import encode

STORE = Path(__file__).resolve().parents[2] / "demo"


@click.command()
@click.option("--store", default=STORE, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--shoppers", default=150, show_default=True, type=click.IntRange(1))
@click.option("--out", default="-", type=click.File("wb"), help="Where to write; standard output by default.")
def generate(store: Path, seed: int, shoppers: int, out: BinaryIO) -> None:
    """Write the walks of made-up shoppers through a store, one a line of JSON."""
    out.write(encode(generate_walks(load_venue(store), seed=seed, shoppers=shoppers)))


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
