"""Several traces become one."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.traces.editing.merging import Overlaps, merge_traces
from simulators.traces.files import bytes_of, checked, open_truth, write_trace, write_truth
from simulators.traces.model import (
    CustomerTold,
    EventTold,
    Report,
    TruthHeader,
)
from tests.unit.simulators.traces.edits import DAY, moment, read, run
from tests.unit.simulators.traces.lines import at, header, report


@given(st.lists(st.lists(st.integers(0, 30), max_size=10), min_size=1, max_size=4))
def test_what_is_merged_is_all_that_there_was_in_order_of_time(tmp_path_factory, seconds):
    folder = tmp_path_factory.mktemp("merge")
    sources = [
        [report(f"phone-{number}", second) for second in sorted(each)] for number, each in enumerate(seconds)
    ]
    paths = [folder / f"{number}.jsonl" for number in range(len(sources))]
    for path, lines in zip(paths, sources, strict=True):
        write_trace(path, header(), lines)
    _, merged = merge_traces(paths, (), Overlaps())
    told = list(checked(merged))
    expected = sorted((line for lines in sources for line in lines), key=lambda line: line.at)
    assert told == expected


def test_parts_of_a_trace_fit_together_again(day, tmp_path):
    run("cut", day, "-o", tmp_path / "1.jsonl", "--installations", "a")
    run("cut", day, "-o", tmp_path / "2.jsonl", "--installations", "b")
    done = run("merge", tmp_path / "1.jsonl", tmp_path / "2.jsonl", "-o", tmp_path / "whole.jsonl")
    told, lines = read(tmp_path / "whole.jsonl")
    assert sorted(map(bytes_of, lines)) == sorted(map(bytes_of, [*DAY, DAY[10]]))  # the note stands in both
    assert (told.sites, told.begins_at, told.ends_at) == (("hall",), at(0), at(60))
    assert (told.made_by, told.note) == ("beacon-sim merge", "a test")
    assert "stand in more than one trace" not in done.stderr


def test_names_that_are_the_same_in_two_traces_are_told_and_parted_by_prefixes(day, tmp_path):
    out = tmp_path / "both.jsonl"
    assert (
        "2 phones stand in more than one trace; if they are not the same ones, part them by --prefix"
        in run("merge", day, day, "-o", out).stderr
    )
    done = run("merge", day, day, "-o", out, "--prefix", "", "--prefix", "x-")
    assert "more than one" not in done.stderr
    _, lines = read(out)
    assert {line.installation_id for line in lines if isinstance(line, Report)} == {"a", "b", "x-a", "x-b"}
    assert {line.customer_id for line in lines if isinstance(line, CustomerTold)} == {
        "c1",
        "c2",
        "x-c1",
        "x-c2",
    }
    assert {line.event["event_id"] for line in lines if isinstance(line, EventTold)} == {"e1", "x-e1"}


def test_truth_is_merged_with_the_traces(day, tmp_path):
    write_truth(
        tmp_path / "day.truth.jsonl.gz", TruthHeader(trace="day.jsonl.gz"), [moment("a", 0), moment("a", 9)]
    )
    run("merge", day, day, "-o", tmp_path / "both.jsonl", "--prefix", "1-", "--prefix", "2-")
    _, told = open_truth(tmp_path / "both.truth.jsonl")
    assert [each.installation_id for each in told] == ["1-a", "2-a", "1-a", "2-a"]


def test_prefixes_that_do_not_fit_are_refused(day, tmp_path):
    out = tmp_path / "both.jsonl"
    assert "2 traces and 1 --prefix" in run("merge", day, day, "-o", out, "--prefix", "x-").stderr
    done = run("merge", day, day, "-o", out, "--prefix", "x" * 64, "--prefix", "y")
    assert "choose a shorter prefix" in done.stderr
    assert not out.exists()


def test_an_end_is_known_where_all_ends_are(tmp_path):
    write_trace(tmp_path / "1.jsonl", header(ends_at=at(5)), [])
    write_trace(tmp_path / "2.jsonl", header(), [])
    told, _ = merge_traces([tmp_path / "1.jsonl", tmp_path / "2.jsonl"], (), Overlaps())
    assert told.ends_at is None
