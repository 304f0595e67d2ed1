"""Parts of traces, which stand alone."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.traces.editing.cutting import Cut, cut_trace
from simulators.traces.files import bytes_of, open_truth, write_trace, write_truth
from simulators.traces.model import (
    Report,
    TruthHeader,
)
from tests.unit.simulators.traces.edits import DAY, kinds, moment, read, run
from tests.unit.simulators.traces.lines import at, header, registered, report, write_raw


def test_a_part_begins_with_what_was_told_of_its_phones_before(day, tmp_path):
    done = run(
        "cut",
        day,
        "-o",
        tmp_path / "part.jsonl",
        "--from",
        at(25).isoformat(),
        "--to",
        "2026-11-02T11:00:35+01:00",
    )
    assert done.exit_code == 0, done.output
    told, lines = read(tmp_path / "part.jsonl")
    assert kinds(lines) == ["Registered", "CustomerTold", "Identified", "Response", "Report", "EventTold"]
    assert [line.at for line in lines] == [at(25)] * 4 + [at(30), at(31)]
    assert {line.installation_id for line in lines if hasattr(line, "installation_id")} == {"a"}
    assert (told.begins_at, told.ends_at) == (at(25), at(35))


def test_bounds_belong_to_the_part_that_they_begin(day, tmp_path):
    run("cut", day, "-o", tmp_path / "1.jsonl", "--to", at(20).isoformat())
    run("cut", day, "-o", tmp_path / "2.jsonl", "--from", at(20).isoformat())
    reports = [
        [line.at for line in read(tmp_path / f"{part}.jsonl")[1] if isinstance(line, Report)]
        for part in (1, 2)
    ]
    assert reports == [[at(5)], [at(20), at(30), at(40)]]


def test_a_customer_is_kept_who_does_something_without_a_phone(day, tmp_path):
    run("cut", day, "-o", tmp_path / "part.jsonl", "--from", at(21).isoformat(), "--to", at(22).isoformat())
    _, lines = read(tmp_path / "part.jsonl")
    assert kinds(lines) == ["CustomerTold", "EventTold"]


def test_phones_are_kept_with_their_customers_and_nobody_else(day, tmp_path):
    names = tmp_path / "names"
    names.write_text("b\n\n")
    for told in ("b", f"@{names}"):
        assert run("cut", day, "-o", tmp_path / "part.jsonl", "--installations", told).exit_code == 0
        _, lines = read(tmp_path / "part.jsonl")
        assert kinds(lines) == [
            "Registered", "CustomerTold", "Identified", "Report", "EventTold", "Note", "Report",
        ]  # fmt: skip
        assert {line.customer_id for line in lines if hasattr(line, "customer_id")} == {"c2"}


def test_lines_of_unknown_kinds_stay_in_their_time_and_with_their_phones(tmp_path):
    mine, other, nobody_s = (
        b'{"kind":"state","at":"2026-11-02T10:00:05Z","installation_id":"a","x":  1}',
        b'{"kind":"state","at":"2026-11-02T10:00:05Z","installation_id":"b"}',
        b'{"kind":"tick","at":"2026-11-02T10:00:05Z","installation_id":5}',
    )
    path = write_raw(
        tmp_path / "t.jsonl",
        bytes_of(header()),
        bytes_of(report("a")),
        bytes_of(report("b")),
        mine,
        other,
        nobody_s,
    )
    run("cut", path, "-o", tmp_path / "part.jsonl", "--installations", "a")
    assert (tmp_path / "part.jsonl").read_bytes().splitlines()[2:] == [mine, nobody_s]
    run("cut", path, "-o", tmp_path / "part.jsonl", "--to", at(5).isoformat())
    assert kinds(read(tmp_path / "part.jsonl")[1]) == ["Report", "Report"]


def test_of_several_sites_one_is_kept_by_the_truth(tmp_path):
    path = tmp_path / "day.jsonl"
    write_trace(path, header(sites=("hall", "mall")), DAY)
    assert (
        "day.truth.jsonl is not there: without the truth nobody knows who was at hall"
        in run("cut", path, "-o", tmp_path / "part.jsonl", "--site", "hall").stderr
    )
    truth = [moment("a", 0), moment("b", 2, site="mall"), moment("a", 25, site=None), moment("b", 35)]
    write_truth(tmp_path / "day.truth.jsonl", TruthHeader(trace="day.jsonl"), truth)
    assert run("cut", path, "-o", tmp_path / "part.jsonl", "--site", "hall").exit_code == 0
    told, lines = read(tmp_path / "part.jsonl")
    assert [(line.installation_id, line.at) for line in lines if isinstance(line, Report)] == [
        ("a", at(5)),
        ("b", at(40)),
    ]
    assert told.sites == ("hall",)
    _, kept = open_truth(tmp_path / "part.truth.jsonl")
    assert list(kept) == [truth[0], truth[3]]


def test_a_trace_of_one_site_needs_no_truth_to_be_cut_to_it(day, tmp_path):
    assert run("cut", day, "-o", tmp_path / "part.jsonl", "--site", "hall").exit_code == 0
    assert read(tmp_path / "part.jsonl")[1] == DAY


def test_the_truth_of_the_part_lies_beside_it(day, tmp_path):
    truth = [moment("a", 0), moment("b", 10), moment("a", 20)]
    write_truth(tmp_path / "day.truth.jsonl.gz", TruthHeader(trace="day.jsonl.gz"), truth)
    run("cut", day, "-o", tmp_path / "part.jsonl", "--to", at(20).isoformat(), "--installations", "a")
    named, kept = open_truth(tmp_path / "part.truth.jsonl")
    assert (named.trace, list(kept)) == ("part.jsonl", [truth[0]])


def test_times_without_a_zone_and_parts_that_end_before_they_begin_are_refused(day, tmp_path):
    out = tmp_path / "part.jsonl"
    assert (
        "does not say in which time zone"
        in run("cut", day, "-o", out, "--from", "2026-11-02T10:00:00").stderr
    )
    assert "'noon' is no time" in run("cut", day, "-o", out, "--from", "noon").stderr
    assert (
        "before it begins"
        in run("cut", day, "-o", out, "--from", at(9).isoformat(), "--to", at(8).isoformat()).stderr
    )
    assert "--installations names nobody" in run("cut", day, "-o", out, "--installations", " ,").stderr
    assert "mall is none of the sites of" in run("cut", day, "-o", out, "--site", "mall").stderr
    assert (
        "none of the phones named does anything" in run("cut", day, "-o", out, "--installations", "z").stderr
    )
    assert not out.exists()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=25),
    st.integers(0, 50),
    st.integers(0, 50),
)
def test_two_parts_hold_every_report_once(tmp_path_factory, sent, one, two):
    folder = tmp_path_factory.mktemp("parts")
    lines = [registered(name) for name in "abc"] + [
        report(*each) for each in sorted(sent, key=lambda each: each[1])
    ]
    write_trace(folder / "t.jsonl", header(), lines)
    parts = [
        Cut(ends_at=at(one)),
        Cut(begins_at=at(one), ends_at=at(max(one, two))),
        Cut(begins_at=at(max(one, two))),
    ]
    kept = [line for part in parts for line in cut_trace(folder / "t.jsonl", part)[1]]
    assert [line for line in kept if isinstance(line, Report)] == [
        line for line in lines if isinstance(line, Report)
    ]
