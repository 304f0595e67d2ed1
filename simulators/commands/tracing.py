"""Commands that look into traces and make new ones of them."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from simulators.traces.editing.anonymising import SHORTEST_KEY, Anonymiser
from simulators.traces.editing.cutting import Cut, cut_trace, cut_truth
from simulators.traces.editing.merging import Overlaps, merge_traces, merge_truth
from simulators.traces.files import checked, open_trace, open_truth, truth_beside, write_trace, write_truth
from simulators.traces.inspecting.gathering import gather
from simulators.traces.inspecting.plot import svg
from simulators.traces.inspecting.telling import MOST_BEACONS, as_json, as_table
from simulators.traces.model import TraceError, Truth, TruthHeader

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
KEY_VARIABLE = "BEACON_SIM_KEY"
out_option = click.option("-o", "--out", required=True, type=OUT, help="Packed if it ends in .gz.")


class Instant(click.ParamType[datetime]):
    """ISO 8601 with its offset from UTC: two clocks would read another time otherwise."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-11-02T10:00:00Z", param, ctx)
        if at.tzinfo is None:
            self.fail(f"{value!r} does not say in which time zone; add Z or an offset", param, ctx)
        return at.astimezone(UTC)


@click.command()
@click.argument("trace", type=FILE)
@click.option("--json", "machine", is_flag=True, help="One line of JSON instead of the table.")
@click.option("--plot", type=OUT, help="Write an SVG of pings a minute and of levels.")
@click.option(
    "--top", default=MOST_BEACONS, show_default=True, type=click.IntRange(0, 1000), help="Beacons to list."
)
def inspect(trace: Path, *, machine: bool, plot: Path | None, top: int) -> None:
    """Tell what is in TRACE: who sent how much and when, and how well beacons were heard."""
    with errors_told(), shown("reading") as progress:
        header, lines = open_trace(trace, progress)
        found = gather(header, checked(lines))
    told = as_json(found, top)
    if plot is not None:
        write_text(plot, svg(found))
    click.echo(json.dumps(told) if machine else "\n".join(as_table(told)))


@click.command()
@click.argument("trace", type=FILE)
@out_option
@click.option("--from", "begins_at", type=Instant(), help="The first instant that is kept.")
@click.option("--to", "ends_at", type=Instant(), help="The first instant that is not kept any more.")
@click.option("--installations", help="Phones to keep: names parted by commas, or @FILE with one a line.")
@click.option("--site", help="Keep what was sent there, by the truth beside the trace.")
def cut(  # noqa: PLR0913 - a command's options are its arguments
    trace: Path,
    out: Path,
    *,
    begins_at: datetime | None,
    ends_at: datetime | None,
    installations: str | None,
    site: str | None,
) -> None:
    """Write a part of TRACE, with the registrations and customers that its reports rest on."""
    with errors_told(), shown("cutting") as progress:
        part = Cut(begins_at, ends_at, _names(installations), site)
        header, lines = cut_trace(trace, part, progress)
        count = write_trace(out, header, lines)
        click.echo(f"{out}: {count} lines", err=True)
        if truth_beside(trace).exists():
            _write_truth(out, cut_truth(trace, part))


@click.command()
@click.argument("traces", type=FILE, nargs=-1, required=True)
@out_option
@click.option(
    "--prefix", "prefixes", multiple=True, help="Before all names of a trace; one for each of them."
)
def merge(traces: tuple[Path, ...], out: Path, *, prefixes: tuple[str, ...]) -> None:
    """Write TRACES as one, in order of time.

    Names of installations and customers stay as they are, so that parts of one trace fit together again; give as many
    --prefix as there are traces (one may be empty) where different phones bear the same name.
    """
    if prefixes and len(prefixes) != len(traces):
        raise click.UsageError(
            f"{len(traces)} traces and {len(prefixes)} --prefix: give one for each, or none"
        )
    overlaps = Overlaps()
    with errors_told(), shown("merging") as progress:
        header, lines = merge_traces(traces, prefixes, overlaps, progress)
        count = write_trace(out, header, lines)
        click.echo(f"{out}: {count} lines", err=True)
        if overlaps.shared:
            shared = f"{len(overlaps.shared)} phones stand in more than one trace"
            click.echo(f"{shared}; if they are not the same ones, part them by --prefix", err=True)
        if any(truth_beside(trace).exists() for trace in traces):
            _write_truth(out, merge_truth(traces, prefixes))


@click.command()
@click.argument("trace", type=FILE)
@out_option
@click.option(
    "--key",
    required=True,
    envvar=KEY_VARIABLE,
    show_envvar=True,
    help="The same key gives the same new names.",
)
@click.option("--shift-days", default=0, show_default=True, type=click.IntRange(-40_000, 40_000))
@click.option(
    "--grid-m",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 100_000),
    help="Positions become the middle of squares of this size; 0 leaves them.",
)
@click.option("--keep", multiple=True, help="An attribute of customers that stays. Others are dropped.")
def anonymise(  # noqa: PLR0913 - a command's options are its arguments
    trace: Path, out: Path, *, key: str, shift_days: int, grid_m: float, keep: tuple[str, ...]
) -> None:
    """Write TRACE so that it names nobody: new names, no free text, attributes only where --keep says so."""
    raw = key.encode()
    if not SHORTEST_KEY <= len(raw) <= 64:
        raise click.UsageError(
            f"a key has {SHORTEST_KEY} to 64 bytes; a shorter one is guessed, and with it the names"
        )
    to = Anonymiser(raw, timedelta(days=shift_days), grid_m, frozenset(keep))
    with errors_told(), shown("writing") as progress:
        header, lines = open_trace(trace, progress)
        count = write_trace(out, to.header(header), to.lines(checked(lines)))
        click.echo(f"{out}: {count} lines", err=True)
        for what, number in sorted(to.dropped.items()):
            if number:
                click.echo(f"dropped: {number} {what}", err=True)
        if truth_beside(trace).exists():
            _write_truth(out, to.truth(open_truth(truth_beside(trace))[1]))


def _write_truth(out: Path, moments: Iterable[Truth]) -> None:
    path = truth_beside(out)
    count = write_truth(path, TruthHeader(trace=out.name), moments)
    click.echo(f"{path}: {count} moments of truth", err=True)


def _names(told: str | None) -> frozenset[str]:
    if told is None:
        return frozenset()
    if told.startswith("@"):
        try:
            told = Path(told[1:]).read_text(encoding="utf-8").replace("\n", ",")
        except (OSError, UnicodeDecodeError) as error:
            raise TraceError(f"{told[1:]} cannot be read: {error}") from None
    names = frozenset(name.strip() for name in told.split(",") if name.strip())
    if not names:
        raise TraceError("--installations names nobody")
    return names


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def errors_told() -> Iterator[None]:
    try:
        yield
    except TraceError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def shown(what: str) -> Iterator[Callable[[float], None]]:
    """A bar with an estimate, on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)
