"""Conversions as one would call them, and what became of a source."""

import json

from click.testing import CliRunner

from beacon_service.pings.schema import ParsedPing, parse
from simulators.cli import main
from simulators.traces.files import bytes_of, checked, open_trace
from simulators.traces.model import Report

T0 = 1_793_613_600  # 2026-11-02T10:00:00Z


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


def write_messages(tmp_path, *lines, name="messages.jsonl"):
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (tmp_path / name).write_text("\n".join(texts) + "\n")
    return tmp_path / name


def enveloped(topic, payload, after_s=0.0, *, as_text=False):
    """As mosquitto_sub -F '%J' prints it, or '%j'."""
    told = {
        "tst": f"2026-11-02T10:00:{after_s:09.6f}Z+0000",
        "topic": topic,
        "qos": 0,
        "retain": 0,
        "payloadlen": 1,
    }
    return told | {"payload": json.dumps(payload) if as_text else payload}
