"""The command that plays a trace to a service again, as phones would."""

import asyncio
import json
import sys
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from simulators.client import Keys, ServiceError
from simulators.replaying.clock import Times
from simulators.replaying.expectations import ExpectationError, read_expectations
from simulators.replaying.names import Names, new_run
from simulators.replaying.resuming import ResumeError, Settings
from simulators.replaying.running import Order, Outcome, Replay
from simulators.replaying.screen import Screen
from simulators.replaying.summary import campaigns_of, faults_of, offers_table, summary_of, summary_table
from simulators.traces.model import TraceError
from simulators.wire import origin_of

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
WENT_WELL, NOT_WELL, STOPPED = 0, 1, 3
# Of what the service takes in one request by default, a half: a gateway of its own should not be the largest.
GATEWAY_PINGS = 500


class Speed(click.ParamType["float | None"]):
    name = "N|max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """None: as fast as it takes."""
        if value == "max" or value is None:
            return None
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0.001 <= speed <= 100_000:
            self.fail(f"{value!r} is no speed: a number from 0.001 to 100000, or max", param, ctx)
        return speed


@click.command()
@click.argument("trace", type=FILE)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The service's address.")
@click.option("--publishable-key", envvar="BEACON_PUBLISHABLE_KEY", default="", help="With it phones speak.")
@click.option(
    "--secret-key", envvar="BEACON_SECRET_API_KEY", default="", help="With it the brand speaks of customers."
)
@click.option(
    "--speed", type=Speed(), default="1", show_default=True, help="Times as fast; max: as fast as it takes."
)
@click.option(
    "--times",
    type=click.Choice(["compressed", "kept"]),
    default="compressed",
    show_default=True,
    help="Which times pings tell at a speed: those at which they are played, or as far apart as they were.",
)
@click.option(
    "--as",
    "run",
    help="The run's name, before all ids; by default a new one. Empty: ids stay as the trace has them.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed draws the same answers to offers.")
@click.option("--batch", is_flag=True, help="Send as a gateway, many phones in a request, by the secret key.")
@click.option(
    "--batch-pings",
    type=click.IntRange(1, 1000),
    default=GATEWAY_PINGS,
    show_default=True,
    help="Most pings a request.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="Most open at once, for all phones.",
)
@click.option(
    "--inbox-every",
    type=click.FloatRange(0, 86_400),
    default=15.0,
    show_default=True,
    help="Seconds after which a phone in use looks into its inbox again; 0: never.",
)
@click.option(
    "--settle",
    type=click.FloatRange(0, 86_400),
    default=0.0,
    show_default=True,
    help="Seconds to go on after the last line, for what timers still decide.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 86_400),
    default=300.0,
    show_default=True,
    help="Seconds without any answer after which it is stopped.",
)
@click.option("--expect", type=FILE, help="What is to come; anything else is told, and is a failure.")
@click.option("--write-expect", type=NEW_FILE, help="Write what came as what is to come from now on.")
@click.option("--resume", type=FILE, help="Go on from where a replay was stopped, by the file that it left.")
@click.option("--resume-file", type=NEW_FILE, help="Where to leave that file; by default TRACE.resume, here.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON last.")
def replay(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    trace: Path,
    url: str,
    publishable_key: str,
    secret_key: str,
    speed: float | None,
    times: Times,
    run: str | None,
    seed: int,
    batch: bool,
    batch_pings: int,
    connections: int,
    inbox_every: float,
    settle: float,
    patience: float,
    expect: Path | None,
    write_expect: Path | None,
    resume: Path | None,
    resume_file: Path | None,
    as_json: bool,
) -> None:
    """Play TRACE to a service again, as the phones, gateways and tills of it did.

    Its sites with zones, beacons and campaigns must be in the service already. Ends with status 0 if every ping of the
    trace got a verdict, nothing was answered by a server error, and all is as --expect says; with 3 if it was stopped.
    """
    needs_secret = [name for name, asked in (("--batch", batch), ("--expect", expect)) if asked]
    needs_secret += ["--write-expect"] if write_expect else []
    if needs_secret and not secret_key:
        raise click.UsageError(f"{needs_secret[0]} needs the --secret-key")
    if not batch and not publishable_key:
        raise click.UsageError("name the --publishable-key that the app is shipped with, or send by --batch")
    screen = Screen(Console(stderr=True))
    try:
        origin_of(url)
        expected = read_expectations(expect) if expect else None
        settings = Settings(
            url=url,
            run=Names(new_run() if run is None else run).run,
            seed=seed,
            batch=batch_pings if batch else None,
            inbox_every_s=inbox_every or None,
            settle_s=max(settle, expected.settle_s if expected else 0.0),
        )
        order = Order(
            trace=trace,
            keys=Keys(publishable_key, secret_key),
            settings=settings,
            speed=speed,
            times=times,
            connections=connections,
            patience_s=patience,
            hurries=click.get_current_context().get_parameter_source("speed") is not ParameterSource.DEFAULT,
            keeps=resume_file or resume or Path(f"{trace.name}.resume"),
            resumes=resume,
            expected=expected,
            writes_expected=write_expect,
        )
        replay = Replay.opened(order, screen)
        outcome = asyncio.run(replay.run())
    except (TraceError, ResumeError, ExpectationError, ServiceError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    status = tell(replay, outcome)
    if as_json:
        click.echo(json.dumps(told_as_json(replay, outcome, status)))
    sys.exit(status)


def tell(replay: Replay, outcome: Outcome) -> int:
    """In words; answers the exit status."""
    console = Console()
    console.print(summary_table(summary_of(outcome.record)))
    if outcome.record.offers:
        console.print(offers_table(outcome.record, 30))
    click.echo(
        f"{outcome.seconds:.1f} s, of which the player took {outcome.processor_s:.1f} s of processor time"
    )
    faults = faults_of(outcome.record)
    for fault in [*faults, *([outcome.fault] if outcome.fault else [])]:
        click.echo(f"not well: {fault}", err=True)
    for line in outcome.differences or ():
        click.echo(line, err=True)
    if outcome.differences == []:
        click.echo("all is as expected")
    if not outcome.ended:
        tell_where(replay, outcome)
        return NOT_WELL if outcome.fault else STOPPED
    return NOT_WELL if faults or outcome.fault or outcome.differences else WENT_WELL


def tell_where(replay: Replay, outcome: Outcome) -> None:
    waiting = outcome.record.planned - outcome.record.judged
    click.echo(
        f"stopped after line {outcome.place.line} of {replay.order.trace}{outcome.place.at}; {waiting} pings wait. "
        "Go on with\n"
        f"  beacon-sim replay {replay.order.trace} --resume {outcome.kept}",
        err=True,
    )


def told_as_json(replay: Replay, outcome: Outcome, status: int) -> dict[str, object]:
    settings = replay.stopped.settings if replay.stopped else replay.order.settings
    return {
        "run": settings.run,
        "status": status,
        "ended": outcome.ended,
        **summary_of(outcome.record),
        "campaigns": campaigns_of(outcome.record),
        "seconds": round(outcome.seconds, 1),
        "processor_s": round(outcome.processor_s, 2),
        "faults": faults_of(outcome.record) + ([outcome.fault] if outcome.fault else []),
        "differences": outcome.differences,
        "resume": str(outcome.kept) if outcome.kept else None,
    }
