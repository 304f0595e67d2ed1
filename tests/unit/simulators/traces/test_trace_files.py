"""Traces in files: what is written is read, bit by bit the same, in order; what is wrong is told with its line."""

import gzip
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.traces.files import (
    bytes_of,
    checked,
    line_of,
    open_trace,
    open_truth,
    write_trace,
    write_truth,
)
from simulators.traces.model import (
    CustomerConsents,
    CustomerTold,
    EventTold,
    Identified,
    InstallationConsents,
    Note,
    Other,
    OutcomeTold,
    Registered,
    Report,
    Response,
    TraceError,
    Truth,
    TruthHeader,
)
from simulators.traces.packed import LONGEST_LINE_BYTES
from tests.unit.simulators.traces.lines import RAW_HEADER, at, header, ping, registered, report, write_raw

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
names = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)
words = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable())
instants = st.integers(0, 7_000_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros))
shares = st.floats(0, 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
objects = st.dictionaries(words, json_values, max_size=4)
consents = st.builds(InstallationConsents, location=st.booleans(), marketing=st.booleans())
others = st.builds(
    lambda at, rest: line_of(b'{"kind":"tick","at":"%b","rest":%d}' % (at.isoformat().encode(), rest)),
    instants,
    st.integers(0, 9),
)
lines = st.one_of(
    st.builds(Registered, at=instants, installation_id=names, platform=words, model=st.none() | words, consents=consents),
    st.builds(
        CustomerTold, at=instants, customer_id=names, attributes=st.dictionaries(names, json_values, max_size=3),
        consents=st.none() | st.builds(CustomerConsents, st.booleans()),
    ),
    st.builds(Identified, at=instants, installation_id=names, customer_id=names),
    st.builds(
        Report, at=instants, installation_id=names, sent_at=instants,
        pings=st.lists(objects, min_size=1, max_size=3).map(tuple), recorded=st.none() | objects,
    ),
    st.builds(
        EventTold, at=instants, customer_id=names,
        event=objects.map(lambda event: event | {"type": "purchase", "at": "2026-11-02T10:00:00Z"}),
    ),
    st.builds(OutcomeTold, at=instants, installation_id=st.none() | names, decision_id=names, type=words),
    st.builds(
        Response, at=instants, installation_id=names, view=shares, click=shares, dismiss=shares, redeem=shares,
        buy=shares, buy_if_offered=shares, delay_s=st.floats(0, 86_400),
    ),
    st.builds(Note, at=instants, text=words),
    others,
)  # fmt: skip


@given(st.lists(lines, max_size=12), st.sampled_from(["t.jsonl", "t.jsonl.gz"]))
def test_what_is_written_is_read(tmp_path_factory, told, name):
    told.sort(key=lambda line: line.at)
    path = tmp_path_factory.mktemp("trace") / name
    assert write_trace(path, header(), told) == len(told)
    read_header, read = open_trace(path)
    assert (read_header, list(checked(read))) == (header(), told)


@given(lines)
def test_a_line_is_one_line_of_utf_8(line):
    assert b"\n" not in bytes_of(line)
    assert line_of(bytes_of(line)) == line


def test_the_same_lines_are_the_same_bytes_whatever_the_hour_and_the_file_s_name(tmp_path, monkeypatch):
    packed = []
    for name, now in (("one.jsonl.gz", 1e9), ("two.jsonl.gz", 2e9)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        write_trace(tmp_path / name, header(), [registered(), report()])
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]


def test_a_file_is_packed_where_its_name_ends_in_gz(tmp_path):
    for name in ("plain.jsonl", "packed.jsonl.gz"):
        write_trace(tmp_path / name, header(), [report()])
    plain = (tmp_path / "plain.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "packed.jsonl.gz").read_bytes()) == plain


def test_lines_are_read_one_by_one_so_that_a_fault_far_on_does_not_hide_what_is_before_it(tmp_path):
    path = write_raw(tmp_path / "t.jsonl", RAW_HEADER, bytes_of(report()), b"no JSON")
    _, read = open_trace(path)
    assert next(read) == report()
    with pytest.raises(TraceError, match=r"line 3 of .*t\.jsonl: JSON is malformed"):
        next(read)


def test_what_cannot_be_written_whole_is_not_written_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    write_trace(path, header(), [report()])
    before = path.read_bytes()

    def breaks():
        yield report()
        raise TraceError("the source broke")

    with pytest.raises(TraceError, match="the source broke"):
        write_trace(path, header(), breaks())
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, ["t.jsonl.gz"])


def test_lines_out_of_order_are_not_written(tmp_path):
    with pytest.raises(TraceError, match=r"line 3: at: .*09:59:59.* is before the line above it"):
        write_trace(tmp_path / "t.jsonl", header(), [report(), report(seconds=-1)])


def test_lines_out_of_order_are_told_with_their_number_when_they_are_read(tmp_path):
    path = write_raw(tmp_path / "t.jsonl", RAW_HEADER, bytes_of(report(seconds=1)), bytes_of(report()))
    with pytest.raises(TraceError, match=r"line 3 of .*t\.jsonl: at: "):
        list(checked(open_trace(path)[1]))


def test_a_program_s_own_lines_are_held_to_the_format_as_well():
    broken = Report(at=at(0), installation_id="two words", sent_at=at(0), pings=({},))
    with pytest.raises(TraceError, match=r"line 3: installation_id: "):
        list(checked([report(), broken]))


def test_a_header_that_could_not_be_read_again_is_not_written(tmp_path):
    with pytest.raises(TraceError, match=r"line 1 of .*: sites\[0\]: "):
        write_trace(tmp_path / "t.jsonl", header(sites=("two words",)), [])
    assert not (tmp_path / "t.jsonl").exists()


def test_a_kind_that_is_not_known_is_kept_as_it_stands(tmp_path):
    line = b'{"kind": "configuration",  "at": "2026-11-02T10:00:00Z", "zones": {"b": 1, "a": 2.50}}'
    _, read = open_trace(write_raw(tmp_path / "t.jsonl", RAW_HEADER, line))
    (kept,) = read
    assert kept == Other("configuration", at(0), line)
    write_trace(tmp_path / "again.jsonl", header(), [kept])
    assert (tmp_path / "again.jsonl").read_bytes().splitlines()[1] == line


def raw_report(**other):
    told = {"kind": "report", "at": "2026-11-02T10:00:00.000Z", "installation_id": "phone-1"}
    return told | {"sent_at": "2026-11-02T12:00:00+02:00", "pings": [ping()]} | other


def test_a_phone_s_own_clock_may_be_told_in_any_zone(tmp_path):
    _, read = open_trace(write_raw(tmp_path / "t.jsonl", RAW_HEADER, raw_report()))
    (told,) = read
    assert told.sent_at == at(0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "line 2 of .* is empty"),
        (b"[1, 2]", "line 2 of .*: Expected `object`, got `array`"),
        (b'{"kind": "report"', "line 2 of .*: Input data was truncated"),
        (b"\xff\xfe", "line 2 of .*: JSON is malformed"),
        (b'{"at": "2026-11-02T10:00:00Z"}', "missing required field `kind`"),
        (b'{"kind": "tick"}', "missing required field `at`"),
        (b'{"kind": "tick", "at": "2026-11-02T10:00:00+01:00"}', "`at` should be in UTC"),
        (RAW_HEADER | {"at": "2026-11-02T10:00:00Z"}, "a header stands in the first line only"),
        (raw_report(pings=[]), "pings: Expected `array` of length >= 1"),
        (raw_report(pings=[{}] * 1001), "pings: Expected `array` of length <= 1000"),
        (raw_report(pings=[{}, 1]), r"pings\[1\]: Expected `object`, got `int`"),
        (raw_report(at="2026-11-02T11:00:00+01:00"), "`at` should be in UTC"),
        (raw_report(at="2026-11-02T10:00:00"), "at: Expected `datetime` with a timezone"),
        (raw_report(at="1969-12-31T23:59:59Z"), "between 1970 and 2200"),
        (raw_report(installation_id="a b"), "installation_id: "),
        (raw_report(sent=1), "unknown field `sent`"),
        ({"kind": "event", "at": "2026-11-02T10:00:00Z", "customer_id": "c", "event": {"at": "x"}}, "its `type`"),
        (b"[" * 200_000, "line 2"),
        (b'{"kind":"report","at":"2026-11-02T10:00:00Z","x":' + b"[" * 200_000, "line 2"),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_told_with_its_number_its_field_and_what_it_should_be(tmp_path, line, told):
    path = write_raw(tmp_path / "t.jsonl", RAW_HEADER, line)
    with pytest.raises(TraceError, match=told):
        list(checked(open_trace(path)[1]))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{}", "line 1 of .*missing required field `made_by`"),
        (RAW_HEADER | {"format": "walks"}, "`format` should be beacon-trace"),
        (RAW_HEADER | {"version": 2}, "version 2 is not known here; this reads version 1"),
        (RAW_HEADER | {"ends_at": "2026-11-02T09:00:00Z"}, "`ends_at` is before `begins_at`"),
        (
            raw_report(),
            "line 1 of .*Invalid value 'report' - at `kind`|line 1 of .*kind: Invalid value 'report'",
        ),
    ],
)
def test_a_header_that_is_none_is_told(tmp_path, line, told):
    with pytest.raises(TraceError, match=told):
        open_trace(write_raw(tmp_path / "t.jsonl", line))


def test_files_that_are_none_are_told(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "plain.jsonl.gz").write_bytes(b'{"kind":"header"}\n')
    (tmp_path / "packed.jsonl").write_bytes(gzip.compress(b"{}\n"))
    cut = gzip.compress(b'{"kind":"header"}\n' * 1000)
    (tmp_path / "cut.jsonl.gz").write_bytes(cut[:-20])
    told = {
        "none.jsonl": "cannot be read",
        "empty.jsonl": "is empty",
        "packed.jsonl": r"its name does not end in \.gz",
    }
    for name, words_told in (
        told | {"plain.jsonl.gz": r"is not packed by gzip", "cut.jsonl.gz": "."}
    ).items():
        with pytest.raises(TraceError, match=words_told):
            list(open_trace(tmp_path / name)[1])


def test_lines_are_bounded_when_they_are_read_and_when_they_are_written(tmp_path):
    long = {"ping_id": "p", "note": "x" * LONGEST_LINE_BYTES}
    path = write_raw(tmp_path / "t.jsonl", RAW_HEADER, raw_report(pings=[long]))
    with pytest.raises(TraceError, match=r"line 2 of .* is longer than 4000000 bytes"):
        list(open_trace(path)[1])
    with pytest.raises(TraceError, match=r"line 2 of .* would be longer than 4000000 bytes"):
        write_trace(tmp_path / "o.jsonl", header(), [report(pings=[long])])


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(TraceError, match="cannot be written: No such file or directory"):
        write_trace(tmp_path / "none" / "t.jsonl", header(), [])


def test_truth_is_written_and_read_in_order(tmp_path):
    told = [
        Truth(
            at=at(second), installation_id="phone-1", site="mall", floor="F1", zone=zone,
            longitude=4.9, latitude=52.37,
        )
        for second, zone in ((0, "hall"), (1, None))
    ]  # fmt: skip
    path = tmp_path / "t.truth.jsonl.gz"
    assert write_truth(path, TruthHeader(trace="t.jsonl.gz"), told) == 2
    read_header, read = open_truth(path)
    assert (read_header.trace, list(read)) == ("t.jsonl.gz", told)
    with pytest.raises(TraceError, match="line 3: at: "):
        write_truth(path, TruthHeader(trace="t.jsonl.gz"), told[::-1])


def test_times_keep_their_microseconds(tmp_path):
    line = report(sent_at=at(0) + timedelta(microseconds=1))
    write_trace(tmp_path / "t.jsonl", header(), [line])
    assert next(open_trace(tmp_path / "t.jsonl")[1]).sent_at == line.sent_at
