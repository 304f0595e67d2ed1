"""What is in a trace: counted as it is, in memory that a longer trace does not need more of."""

import json
import math
import random
import tracemalloc
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simulators.cli import main
from simulators.traces.files import write_trace
from simulators.traces.inspecting.gathering import gather, of_counts
from simulators.traces.inspecting.spread import Frequent, Spread, Timeline
from simulators.traces.inspecting.telling import as_json
from simulators.traces.model import CustomerTold, Identified, Note, Other
from tests.unit.simulators.traces.lines import RAW_HEADER, at, header, ping, registered, report, write_raw

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@given(values, st.sampled_from([0.01, 0.1, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_told_to_within_one_percent(given_values, share):
    spread = Spread()
    for value in given_values:
        spread.add(value)
    true = sorted(given_values)[max(1, math.ceil(share * len(given_values))) - 1]
    assert spread.quantile(share) == pytest.approx(true, rel=0.0101, abs=2e-3)


def test_a_spread_of_nothing_is_told_as_none():
    assert Spread().told() is None


def test_counts_of_whole_numbers_are_told_exactly():
    assert of_counts({1: 50, 2: 40, 7: 10}) == {
        "least": 1, "p10": 1, "p50": 1, "p90": 2, "p99": 7, "most": 7, "mean": 2.0,
    }  # fmt: skip


def test_the_most_frequent_stay_when_there_are_too_many_to_hold():
    frequent = Frequent(room=100)
    for number in range(5000):
        frequent.add("often")
        frequent.add(f"once-{number}")
    assert (frequent.counts.most_common(1)[0][0], frequent.exact, len(frequent.counts) <= 100) == (
        "often",
        False,
        True,
    )
    assert frequent.counts["often"] == 5000


@given(st.lists(st.integers(0, 10**6), max_size=300))
def test_a_timeline_loses_nothing_when_it_becomes_coarser(seconds):
    line = Timeline(room=10)
    for second in seconds:
        line.add(second)
    assert sum(line.counts.values()) == len(seconds)
    assert len(line.counts) <= 10
    rates = line.per_minute()
    assert sum(rates.values()) * line.cell_s / 60 == pytest.approx(len(seconds))


def test_empty_minutes_between_are_zero():
    line = Timeline()
    for second in (0, 1, 200):
        line.add(second)
    assert dict(line.per_minute()) == {0: 2.0, 60: 0.0, 120: 0.0, 180: 1.0}


def found(*lines):
    return as_json(gather(header(sites=("hall",)), lines))


def test_phones_customers_and_lines_of_each_kind_are_counted():
    told = found(
        registered("a"),
        CustomerTold(at=at(0), customer_id="c", attributes={}),
        Identified(at=at(0), installation_id="a", customer_id="c"),
        report("a"),
        report("b", 10),
        Note(at=at(10), text="x"),
        Other("tick", at(20), b""),
    )
    assert (told["phones"], told["customers"], told["reports"], told["pings"]) == (2, 1, 2, 2)
    assert told["lines"] == {
        "installation": 1,
        "customer": 1,
        "identify": 1,
        "report": 2,
        "note": 1,
        "tick": 1,
    }
    assert (told["sites"], told["lasts_s"], told["pings_a_second"]) == (["hall"], 20.0, 0.1)


def test_sightings_positions_and_levels_are_counted():
    position = {"latitude": 1.0, "longitude": 2.0, "accuracy_m": 3.0}
    told = found(report(pings=[ping(1, rssi=(-60, -61, 0)), ping(2, position=position)]), report("b", 1))
    assert (told["sightings"], told["pings_with_sightings"], told["pings_with_position"]) == (4, 2, 1)
    assert told["sightings_a_ping"] == {
        "least": 0,
        "p10": 0,
        "p50": 1,
        "p90": 3,
        "p99": 3,
        "most": 3,
        "mean": 1.333,
    }
    assert (told["rssi_dbm"]["least"], told["rssi_dbm"]["most"]) == (-61, 0)
    assert told["beacons"]["heard"] == 3
    assert told["beacons"]["top"][0] == {
        "beacon": "ibeacon:7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21:1:0", "sightings": 2,
    }  # fmt: skip


def test_a_ping_sent_again_is_a_repeat_and_one_of_the_same_id_with_another_content_is_a_fault():
    once = ping(1, rssi=(-60,))
    told = found(
        report(pings=[once]),
        report(seconds=1, pings=[once, ping(1, rssi=(-61,))]),
        report("b", 1, pings=[once]),
    )
    assert (told["pings"], told["repeats"], told["reused_ids"], told["sightings"]) == (4, 1, 1, 2)


def test_the_order_of_a_ping_s_fields_does_not_make_it_another():
    once = ping(1, rssi=(-60,))
    told = found(report(pings=[once]), report(seconds=1, pings=[dict(reversed(once.items()))]))
    assert (told["repeats"], told["reused_ids"]) == (1, 0)


def test_beacons_are_told_apart_by_their_address_where_they_advertise_the_same():
    shared = {"type": "altbeacon", "id1": "x", "id2": 1, "id3": 2, "rssi": -60}
    heard = [
        shared,
        shared | {"mac": "m1"},
        shared | {"mac": "m2"},
        {"type": "mac", "mac": "m3", "rssi": -60},
    ]
    told = found(report(pings=[ping() | {"sightings": heard}]))
    names = [each["beacon"] for each in told["beacons"]["top"]]
    assert names == ["altbeacon:x:1:2", "altbeacon:x:1:2 mac m1", "altbeacon:x:1:2 mac m2", "mac:m3"]


def test_gaps_are_between_the_pings_of_one_phone_and_what_goes_back_in_time_is_none():
    told = found(
        report("a", 0), report("b", 5), report("a", 10),
        report("a", 41, pings=[ping(40, 40), ping(39, 39)]),
    )  # fmt: skip
    assert (told["gaps_s"]["least"], told["gaps_s"]["most"], told["out_of_order"]) == (10.0, 30.0, 1)
    assert told["age_s"]["most"] == 2.0


def test_a_clock_that_is_ahead_is_told():
    told = found(report("a", 0, sent_at=at(90)), report("b", 1, sent_at=at(-9)))
    assert (told["clock_ahead_s"]["least"], told["clock_ahead_s"]["most"]) == (-10.0, 90.0)


def test_pings_without_a_time_are_counted_and_break_nothing():
    broken = [{"ping_id": "1"}, {"ping_id": "2", "at": "soon"}, {}, {"ping_id": "3", "at": 5, "sightings": 7}]
    odd = {"ping_id": "4", "at": "2026-11-02T10:00:00Z", "sightings": [1, {"rssi": "x", "type": []}]}
    told = found(report(pings=[*broken, odd]))
    assert (told["unreadable"], told["pings"], told["rssi_dbm"]) == (4, 5, None)


def test_memory_does_not_grow_with_the_pings():
    """Eight times as many pings of the same phones leave hardly more behind."""
    left = []
    for count in (1_000, 8_000):
        chance = random.Random(1)
        tracemalloc.start()
        gathered = gather(
            header(),
            (
                report(f"phone-{n % 50}", n, pings=[ping(n, n, rssi=[chance.randint(-95, -40)])])
                for n in range(count)
            ),
        )
        gathered._recent.clear()  # bounded by itself: see REMEMBERED_PINGS
        left.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert left[1] < 1.5 * left[0] + 100_000, left


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "day.jsonl.gz"
    write_trace(path, header(sites=("hall",)), [registered(), *(report(seconds=30 * n) for n in range(20))])
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def test_the_table_names_what_one_asks_for_first(trace):
    done = run(trace)
    assert done.exit_code == 0
    for words in (
        "phones                 1",
        "pings                  20 in 20 reports",
        "RSSI, dBm",
        "clock ahead, s",
    ):
        assert words in done.stdout


def test_the_same_is_told_as_one_line_of_json(trace):
    done = run(trace, "--json", "--top", "0")
    told = json.loads(done.stdout)
    assert (told["pings"], told["beacons"]["heard"], told["beacons"]["top"]) == (20, 1, [])
    assert done.stdout.count("\n") == 1


def test_the_plot_is_an_svg_with_a_bar_for_each_minute_and_each_level(trace, tmp_path):
    assert run(trace, "--plot", tmp_path / "day.svg").exit_code == 0
    drawn = ET.parse(tmp_path / "day.svg").getroot()
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Pings a minute", "Sightings by RSSI", "2026-11-02 10:00", "-60 dBm"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) == 1 + 10 + 1


def test_a_trace_of_nothing_is_told_and_drawn_all_the_same(tmp_path):
    write_trace(tmp_path / "none.jsonl", header(), [])
    done = run(tmp_path / "none.jsonl", "--plot", tmp_path / "none.svg")
    assert (done.exit_code, "pings                  0 in 0 reports" in done.stdout) == (0, True)


def test_a_file_that_is_no_trace_is_told_in_a_sentence(tmp_path):
    done = run(write_raw(tmp_path / "t.jsonl", RAW_HEADER, b"{"))
    assert (done.exit_code, done.stderr.startswith("Error: line 2 of ")) == (1, True)
