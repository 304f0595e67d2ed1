"""Parts of traces, traces put together, and traces that name nobody."""

import re
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simulators.cli import main
from simulators.traces.editing.anonymising import Anonymiser
from simulators.traces.editing.cutting import Cut, cut_trace
from simulators.traces.editing.merging import Overlaps, merge_traces
from simulators.traces.files import bytes_of, checked, open_trace, open_truth, write_trace, write_truth
from simulators.traces.model import (
    CustomerConsents,
    CustomerTold,
    EventTold,
    Identified,
    Note,
    OutcomeTold,
    Registered,
    Report,
    Response,
    Truth,
    TruthHeader,
)
from tests.unit.simulators.traces.lines import at, header, ping, registered, report, write_raw

KEY = "a key that nobody guesses"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def read(path):
    told, lines = open_trace(path)
    return told, list(checked(lines))


def event(customer_id="c1", seconds=0, **other):
    told = {"event_id": "e1", "type": "purchase", "at": at(seconds).isoformat()} | other
    return EventTold(at=at(seconds), customer_id=customer_id, event=told)


def customer(customer_id="c1", seconds=0, **attributes):
    return CustomerTold(at=at(seconds), customer_id=customer_id, attributes=attributes)


def identified(installation_id="a", customer_id="c1", seconds=0):
    return Identified(at=at(seconds), installation_id=installation_id, customer_id=customer_id)


def answers(installation_id="a", seconds=0):
    shares = dict.fromkeys(("view", "click", "dismiss", "redeem", "buy", "buy_if_offered"), 0.5)
    return Response(at=at(seconds), installation_id=installation_id, delay_s=2.0, **shares)


def moment(installation_id="a", seconds=0, *, site="hall"):
    return Truth(
        at=at(seconds),
        installation_id=installation_id,
        site=site,
        floor="F1",
        zone=None,
        longitude=4.9,
        latitude=52.37,
    )


DAY = [
    registered("a"), customer("c1", tier="gold"), identified("a", "c1"), answers("a"),
    registered("b", 1), customer("c2", 1), identified("b", "c2", 1),
    report("a", 5),
    report("b", 20), event("c2", 21), Note(at=at(22), text="noon"),
    report("a", 30), event("c1", 31), report("b", 40),
]  # fmt: skip


@pytest.fixture
def day(tmp_path):
    write_trace(tmp_path / "day.jsonl.gz", header(ends_at=at(60), sites=("hall",)), DAY)
    return tmp_path / "day.jsonl.gz"


def kinds(lines):
    return [type(line).__name__ for line in lines]


# cut


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


# merge


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
    assert (told.sites, told.begins_at, told.ends_at, told.made_by) == (
        ("hall",),
        at(0),
        at(60),
        "beacon-sim merge",
    )
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


# anonymise


POSITION = {"latitude": 52.370216, "longitude": 4.895168, "accuracy_m": 8.0, "street": "Damrak 1"}
SECRETS = (
    "jane",
    "Damrak",
    "birthday",
    "gold",
    "nl-NL",
    "17.6",
    "secret-note",
    "sku name",
    "dec-1",
    "ping-1",
    "diary",
)


def private():
    return [
        registered("jane-phone", locale="nl-NL", os_version="17.6.1", model="Pixel 8", time_zone="Europe/Amsterdam"),
        CustomerTold(
            at=at(0), customer_id="jane@".replace("@", ".doe"), attributes={"tier": "gold", "birthday": "1990-05-17", "size": 38},
            consents=CustomerConsents(True),
        ),
        Identified(at=at(0), installation_id="jane-phone", customer_id="jane.doe"),
        answers("jane-phone"),
        report(
            "jane-phone", 5, sent_at=at(35),
            pings=[ping(1, 35, rssi=(-60,), position=POSITION, diary="dear diary") | {"ping_id": "ping-1", "foreground": True}],
            recorded={"state": "secret-note"},
        ),
        event(
            "jane.doe", 6, event_id="jane-1", amount=12.5, currency="EUR", decision_id="6f4c1b52-0000-4000-8000-000000000001",
            items=[{"id": "sku-1", "name": "sku name", "quantity": 2}], remark="secret-note",
        ),
        OutcomeTold(at=at(7), installation_id="jane-phone", decision_id="6f4c1b52-0000-4000-8000-000000000001", type="clicked"),
        Note(at=at(8), text="secret-note"),
    ]  # fmt: skip


@pytest.fixture
def diary(tmp_path):
    path = tmp_path / "diary.jsonl"
    write_trace(path, header(note="secret-note", made_by="jane", sites=("hall",)), private())
    state = b'{"kind":"state","at":"2026-11-02T10:00:09Z","who":"jane"}\n'
    path.write_bytes(path.read_bytes() + state)
    write_truth(tmp_path / "diary.truth.jsonl", TruthHeader(trace="diary.jsonl"), [moment("jane-phone", 1)])
    return path


def anonymised(diary, *options):
    out = diary.parent / "nobody.jsonl"
    done = run("anonymise", diary, "-o", out, "--key", KEY, *options)
    assert done.exit_code == 0, done.output
    return out, done.stderr


def test_nothing_that_names_somebody_is_left(diary):
    out, told = anonymised(diary)
    text = out.read_text() + Path(str(out).replace(".jsonl", ".truth.jsonl")).read_text() + told
    assert [secret for secret in SECRETS if secret in text] == []
    assert KEY not in text
    for what in ("dropped: 3 attributes", "dropped: 1 lines of kind state", "dropped: 1 notes"):
        assert what in told


def test_what_a_simulation_needs_is_left(diary):
    out, _ = anonymised(diary, "--keep", "tier")
    told, lines = read(out)
    phone, person, link, response, sent, bought, outcome = lines
    assert (phone.platform, phone.model, phone.time_zone, phone.consents.location) == (
        "android", "Pixel 8", "Europe/Amsterdam", True,
    )  # fmt: skip
    assert person.attributes == {"tier": "gold"}
    assert {phone.installation_id, link.installation_id, response.installation_id, sent.installation_id} == {
        outcome.installation_id
    }
    assert link.customer_id == person.customer_id == bought.customer_id != phone.installation_id
    assert response.view == 0.5
    assert (sent.sent_at, sent.pings[0]["foreground"], sent.pings[0]["sightings"][0]["rssi"]) == (
        at(35),
        True,
        -60,
    )
    assert sent.pings[0]["position"] == {"latitude": 52.370216, "longitude": 4.895168, "accuracy_m": 8.0}
    assert (bought.event["type"], bought.event["amount"], bought.event["items"]) == (
        "purchase",
        12.5,
        [{"id": "sku-1", "quantity": 2}],
    )
    assert bought.event["decision_id"] == outcome.decision_id
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", outcome.decision_id
    )
    assert told.sites == ("hall",)


def test_a_key_gives_the_same_names_again_and_another_key_others(diary):
    first, again = (anonymised(diary)[0].read_bytes() for _ in range(2))
    run("anonymise", diary, "-o", diary.parent / "other.jsonl", "--key", KEY + "!")
    other = (diary.parent / "other.jsonl").read_bytes()
    names = [
        set(re.findall(rb'"(?:installation|customer|ping)_id":"([^"]+)"', told)) for told in (first, other)
    ]
    assert first == again
    assert not names[0] & names[1]


def test_a_ping_sent_again_stays_the_same_ping(tmp_path):
    again = report("a", 1, pings=[ping(1, 0, rssi=(-60,))])
    lines = [
        report("a", 0, pings=[ping(1, 0, rssi=(-60,))]),
        again,
        report("b", 1, pings=[ping(1, 0, rssi=(-60,))]),
    ]
    one, two, others = (line.pings[0] for line in Anonymiser(b"k" * 16).lines(lines))
    assert one == two
    assert others["ping_id"] != one["ping_id"]


def test_times_move_by_whole_days_all_of_them(diary):
    out, _ = anonymised(diary, "--shift-days", "-70")
    told, lines = read(out)
    assert (str(told.begins_at), str(lines[-1].at)) == (
        "2026-08-24 10:00:00+00:00",
        "2026-08-24 10:00:07+00:00",
    )
    sent, bought = lines[4], lines[5]
    assert str(sent.sent_at) == "2026-08-24 10:00:35+00:00"
    assert sent.pings[0]["at"] == "2026-08-24T10:00:35Z"
    assert datetime.fromisoformat(bought.event["at"]) == datetime.fromisoformat("2026-08-24T10:00:06Z")
    _, truth = open_truth(diary.parent / "nobody.truth.jsonl")
    assert str(next(truth).at) == "2026-08-24 10:00:01+00:00"


def test_days_that_lead_out_of_time_are_refused(diary):
    done = run("anonymise", diary, "-o", diary.parent / "x.jsonl", "--key", KEY, "--shift-days", "-30000")
    assert "the trace would leave the years 1970 to 2200" in done.stderr


@given(st.floats(-180, 180), st.floats(-89, 89), st.sampled_from([10.0, 250.0, 5000.0]))
def test_a_coarse_position_is_one_of_its_square_and_near_the_true_one(longitude, latitude, grid_m):
    to = Anonymiser(b"k" * 16, grid_m=grid_m)
    (sent,) = to.lines(
        [report(pings=[{"position": {"longitude": longitude, "latitude": latitude, "accuracy_m": 1}}])]
    )
    told = sent.pings[0]["position"]
    step = grid_m / 111_320
    assert abs(told["latitude"] - latitude) <= step / 2 + 1e-6
    assert told["accuracy_m"] == grid_m
    (again,) = to.lines([report(pings=[{"position": told}])])
    assert again.pings[0]["position"] == told


def test_a_key_that_is_guessed_is_refused_and_one_may_come_from_the_environment(diary):
    out = diary.parent / "x.jsonl"
    assert "a key has 16 to 64 bytes" in run("anonymise", diary, "-o", out, "--key", "short").stderr
    done = CliRunner().invoke(main, ["anonymise", str(diary), "-o", str(out)], env={"BEACON_SIM_KEY": KEY})
    assert done.exit_code == 0


def test_pings_that_are_none_break_nothing(tmp_path):
    odd = [
        {},
        {
            "ping_id": 5,
            "at": 7,
            "sightings": [1, {"at": None, "uuid": "a sentence of words", "rssi": -60}],
            "position": [],
        },
    ]
    (sent,) = Anonymiser(b"k" * 16).lines([report(pings=odd)])
    assert sent.pings[1] | {"ping_id": ""} == {
        "ping_id": "",
        "at": "",
        "sightings": [{"rssi": -60, "at": ""}],
    }
    assert msgspec.json.encode(sent)


def test_registered_is_what_a_registration_is():
    (told,) = Anonymiser(b"k" * 16).lines([registered(platform="my own phone")])
    assert isinstance(told, Registered)
    assert told.platform == "unknown"
