"""Conversions as one would call them, and what became of a source."""

from click.testing import CliRunner

from beacon_service.pings.schema import ParsedPing, parse
from simulators.cli import main
from simulators.traces.files import bytes_of, checked, open_trace
from simulators.traces.model import Report


def run(*arguments):
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


def converted(source, form, *arguments):
    """The lines of the trace, and what was told."""
    out = source.parent / "out" / "t.jsonl"
    out.parent.mkdir(exist_ok=True)
    done = run("--from", form, source, "-o", out, *arguments)
    assert done.exit_code == 0, done.output
    _, lines = open_trace(out)
    return list(checked(lines)), done.stderr


def reports(lines):
    return [line for line in lines if isinstance(line, Report)]


def pings(lines, installation_id=None):
    return [
        ping
        for line in reports(lines)
        if installation_id in (None, line.installation_id)
        for ping in line.pings
    ]


def taken(lines):
    """What the service's own reader makes of every ping; none may be unreadable."""
    bodies = [bytes_of(line) for line in reports(lines)]
    read = [ping for body in bodies for _, ping in parse(body, most_pings=1000).pings]
    assert all(isinstance(ping, ParsedPing) for ping in read), read
    return read
