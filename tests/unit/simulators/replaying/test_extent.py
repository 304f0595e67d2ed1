"""When a trace ends is known beforehand, whether its header says it or not."""

import json

import pytest

from simulators.replaying.extent import ends_s
from simulators.traces.files import open_trace, write_trace
from simulators.traces.model import Header
from tests.factories.played import BEGINS_AT, at, registered, report


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
@pytest.mark.parametrize("ends_at", [None, at(9)])
def test_the_header_says_it_or_the_last_line(tmp_path, name, ends_at):
    path = tmp_path / name
    header = Header(made_by="a test", begins_at=BEGINS_AT, ends_at=ends_at)
    write_trace(path, header, [registered(), report(1), report(7)])
    assert ends_s(path, header) == at(7 if ends_at is None else 9).timestamp()


def test_without_lines_or_with_a_broken_one_nobody_knows(tmp_path):
    path = tmp_path / "day.jsonl"
    write_trace(path, Header(made_by="a test", begins_at=BEGINS_AT), [])
    header, _ = open_trace(path)
    assert ends_s(path, header) is None
    with path.open("a") as file:
        file.write(json.dumps({"kind": "note"}) + "\n")
    assert ends_s(path, header) is None
