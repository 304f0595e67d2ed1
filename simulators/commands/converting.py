"""The command that makes what others recorded into what can be replayed."""

import csv
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from simulators.convert import Choice as IlcChoice
from simulators.convert import convert_ilc
from simulators.ilc import ConvertError
from simulators.traces.converting import identities
from simulators.traces.converting.observation import Choice, Tally
from simulators.traces.converting.writing import FORMATS, convert_to_trace, told
from simulators.traces.model import TraceError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

# Which formats an option is for; others refuse it rather than pass it over.
_ONLY_FOR = {
    "dev_share": {"ilc"},
    "seed": {"ilc"},
    "site": {"csv"},
    "ping_every_s": {"csv", "owntracks", "theengs", "espresense", "altbeacon"},
    "accuracy_m": {"gpx", "owntracks"},
    "phone": {"theengs", "espresense"},
    "receivers": {"theengs", "espresense"},
    "consents": set(FORMATS),
}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--from", "form", type=click.Choice(["ilc", *FORMATS]), required=True)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
@click.option("--skip-malformed", is_flag=True, help="Leave out lines that cannot be read, and say which.")
@click.option(
    "--dev-share",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="ilc: the share of the walks to measure with.",
)
@click.option("--seed", default=1, show_default=True, help="ilc: the same seed divides the walks alike.")
@click.option("--site", help="csv: the site walked in; by default the folder with zones.geojson.")
@click.option(
    "--ping-every-s",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="What is heard within so many seconds becomes one ping.",
)
@click.option(
    "--accuracy-m",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, 10_000),
    help="gpx, owntracks: of positions that do not say how exact they are.",
)
@click.option(
    "--phone",
    default="tag",
    show_default=True,
    type=click.Choice(["tag", "receiver"]),
    help="theengs, espresense: who walks, what was heard or who heard it.",
)
@click.option("--receivers", type=FILE, help="theengs, espresense: CSV with the columns receiver and mac.")
@click.option(
    "--consents",
    default="both",
    show_default=True,
    type=click.Choice(["both", "location", "none"]),
    help="What phones are said to have agreed to; recordings do not tell.",
)
def convert(source: Path, form: str, out: Path, *, skip_malformed: bool, **options: Any) -> None:
    """Write the recordings in SOURCE as a trace, or (ilc) as a folder of walks.

    \b
    csv         walks: sightings.csv[.gz], or a folder with it, and the truth beside it
    gpx         tracks of GPX 1.1, one phone each
    owntracks   messages of the OwnTracks apps
    theengs     what Theengs Gateway or OpenMQTTGateway heard, as mosquitto_sub -F '%J' records it
    espresense  what ESPresense nodes heard, recorded likewise
    altbeacon   beacons as the Android Beacon Library tells them, in JSON
    ilc         the Indoor Location Competition 2.0: a site's folder or one of several sites
    """  # noqa: D301 - the backslash tells click to leave the lines as they are
    _refuse_options_of_others(form)
    try:
        if form == "ilc":
            _convert_folder(source, out, IlcChoice(options["dev_share"], options["seed"], skip_malformed))
        else:
            _convert_to_trace(source, out, form, _choice(options), skip_malformed=skip_malformed)
    except (ConvertError, TraceError) as error:
        raise click.ClickException(str(error)) from None


def _refuse_options_of_others(form: str) -> None:
    context = click.get_current_context()
    for name, formats in _ONLY_FOR.items():
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and form not in formats:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{option} is not for --from {form}, but for {', '.join(sorted(formats))}")


def _convert_folder(source: Path, out: Path, choice: IlcChoice) -> None:
    if out.is_file():
        raise click.ClickException(f"{out} is a file; walks become a folder")
    for done in convert_ilc(source, out, choice, _tell):
        for line in done.malformed:
            _tell(f"left out: {line}")
        _tell(
            f"{done.site}: {done.survey_walks} walks in survey/, {done.dev_walks} in dev/, "
            f"{done.without_way} without two waypoints left out"
        )


def _convert_to_trace(source: Path, out: Path, form: str, choice: Choice, *, skip_malformed: bool) -> None:
    if out.is_dir():
        raise click.ClickException(f"{out} is a folder; name the trace's file, such as {out}/day.jsonl.gz")
    tally = Tally(_tell, skip_malformed)
    with Console(stderr=True).status("reading"):
        written = convert_to_trace(source, out, form, choice, tally)
    for what, note in sorted(tally.notes.items()):
        _tell(f"{what} {note}")
    _tell(f"read: {told(tally)}")
    _tell(f"{out}: {written.pings} pings in {written.reports} reports of {written.phones} phones")
    if written.truth is not None:
        _tell(f"{written.truth}: where they really were")


def _choice(options: dict[str, Any]) -> Choice:
    return Choice(
        site=options["site"],
        ping_every_s=options["ping_every_s"],
        accuracy_m=options["accuracy_m"],
        phone=options["phone"],
        receivers=_receivers(options["receivers"]) if options["receivers"] else {},
        location=options["consents"] != "none",
        marketing=options["consents"] == "both",
    )


def _receivers(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        try:
            return {row["receiver"]: identities.mac(row["mac"]) for row in rows}
        except (KeyError, ValueError, UnicodeDecodeError) as error:
            raise ConvertError(
                f"line {rows.line_num} of {path} should say receiver and mac: {error}"
            ) from None


def _tell(line: str) -> None:
    click.echo(line, err=True)
