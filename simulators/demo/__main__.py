"""`python -m simulators.demo`: from nothing to a shop full of people, live, and a count at the end."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from simulators.client import Keys, ServiceError
from simulators.demo.machine import HOST, Machine, MachineError, free_port
from simulators.demo.running import Outcome, Run, floors_of
from simulators.demo.scene import Scene, recorded_scene, store_scene
from simulators.demo.screen import Screen, make_screen, summary_table
from simulators.demo.secrets_file import SecretsFile
from simulators.recorded import WalksError

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "demo"
HOME = ROOT / "var" / "demo"


@click.command()
@click.option("--walks", type=click.Path(path_type=Path), help="Replay the recorded walks in this folder.")
@click.option("--once", is_flag=True, help="End after the summary, with one line of JSON last.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same shoppers.")
@click.option("--shoppers", default=150, show_default=True, type=click.IntRange(1, 2000))
@click.option("--port", default=8080, show_default=True, help="If it is taken, the next free one.")
def main(walks: Path | None, once: bool, seed: int, shoppers: int, port: int) -> None:
    """Start the service with a shop (or recorded walks), let people walk, show the offers, and stay up."""
    # Said in words, since a shell starts what it puts in the background with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        scene = make_scene(walks, seed=seed, shoppers=shoppers)
        with Machine(HOME) as machine:
            went_well = play(machine, scene, once=once, port=port)
            if not once:
                stay(machine)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(1 if once else 0)
    except (MachineError, ServiceError, WalksError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if went_well else 1)


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends us as Ctrl-C does, by whoever handles that now: all that was started is stopped on the
    way.
    """
    signal.raise_signal(signal.SIGINT)


def make_scene(walks: Path | None, *, seed: int, shoppers: int) -> Scene:
    if walks is None:
        return store_scene(STORE, seed=seed, shoppers=shoppers)
    return recorded_scene(walks, policy=STORE / "policy.json", seed=seed)


def play(machine: Machine, scene: Scene, *, once: bool, port: int) -> bool:
    """The run itself; True if all went well."""
    screen = make_screen(floors_of(scene))
    url, keys = set_up(machine, screen, port)
    try:
        outcome = asyncio.run(Run(scene, url, keys, screen, machine.check_children).play())
    finally:
        screen.close()
    machine.check_children()
    tell_outcome(outcome)
    if once:
        click.echo(json.dumps(outcome.summary))
    else:
        tell_addresses(url, keys)
    return not outcome.faults


def set_up(machine: Machine, screen: Screen, port: int) -> tuple[str, Keys]:
    """Database, schema, keys, service, worker: what is there already is used again."""
    secrets = SecretsFile(HOME / "keys.json")
    screen.say("starting the database")
    machine.open_database()
    listen = free_port(port)
    settings = {
        "BEACON_HOST": HOST,
        "BEACON_PORT": str(listen),
    }
    machine.command("migrate", settings=settings)
    url = f"http://{HOST}:{listen}"
    screen.say(f"starting the service at {url}, and a worker")
    machine.start("serve", settings)
    machine.start("worker", settings)
    machine.wait_until_ready(url)
    keys = secrets.keys(machine.database_url)
    if keys is None or not machine.knows(url, keys):
        keys = machine.create_keys(settings)
        secrets.keep_keys(machine.database_url, keys)
    return url, keys


def tell_outcome(outcome: Outcome) -> None:
    Console().print(summary_table(outcome.summary, outcome.agreed))
    if outcome.still_open:
        click.echo(
            f"{outcome.still_open} stays were still open when the moves were counted: their phones only fell silent"
        )
    else:
        click.echo("every stay had ended when the moves were counted")
    for fault in outcome.faults:
        click.echo(f"not well: {fault}", err=True)


def tell_addresses(url: str, keys: Keys) -> None:
    click.echo(f"\nservice          {url}")
    click.echo(f"API description  {url}/openapi.json")
    click.echo(f"publishable key  {keys.publishable}")
    click.echo(f"secret key       {keys.secret}   (a demo's: never show a real one)")
    click.echo("It stays up; Ctrl-C stops it.")


def stay(machine: Machine) -> None:
    """Until Ctrl-C or SIGTERM, or until one of the processes ends by itself."""
    while True:
        machine.check_children()
        time.sleep(1.0)


if __name__ == "__main__":
    main()
