"""Whatever is in a file: it becomes a trace that the service can read, or a sentence, never a traceback."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.ilc import ConvertError
from simulators.traces.converting.observation import Choice, Tally
from simulators.traces.converting.writing import FORMATS, convert_to_trace
from simulators.traces.files import checked, open_trace
from simulators.traces.model import TraceError
from tests.unit.simulators.traces.conversions import run, taken

UUID = "1de4b189-115e-45f6-b44e-509352269977"
scalars = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**400, -(10**400), 0, -1, 65_536, 1_793_613_600])
    | st.floats() | st.text(max_size=8) | st.sampled_from([UUID, "52:10:A8:46:90:AC", "\ud800", "0x1", "-5", ""])
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
BEACON = {"id1": UUID, "id2": "1", "id3": "2", "rssi": -67, "txPower": -59, "beaconTypeCode": 533, "mIdentifiers": [{"mValue": [1, 2]}],
          "serviceUuid": 65194, "bluetoothAddress": "AC:23:3F:5A:0B:1C", "timestamp": 1, "device": "d", "uuid": UUID, "major": 1, "minor": 2}  # fmt: skip
SHAPES = {
    "owntracks": {"_type": "location", "tst": 1, "lat": 1, "lon": 1, "acc": 1, "tid": "x", "created_at": 2, "topic": "a/b/c", "username": "u"},
    "theengs": {"id": "52:10:A8:46:90:AC", "mac": "52:10:A8:46:90:AC", "rssi": -1, "uuid": UUID, "major": 1, "minor": 2, "txpower": 3,
                "manufacturerdata": f"4c000215{UUID.replace('-', '')}00010002c5", "servicedata": "00ee" + "1" * 32, "servicedatauuid": "feaa"},
    "espresense": {"id": f"iBeacon:{UUID}-1-2", "mac": "5a3f1c9d0e42", "rssi": -1, "rssi@1m": -59},
    "altbeacon": BEACON | {"beacons": [BEACON]},
}  # fmt: skip
TOPICS = {"theengs": "a/gate/BTtoMQTT/x", "espresense": "espresense/devices/i/node"}


@st.composite
def messages(draw, form):
    """A message as it should be, with some of its fields lost or something else, in an envelope or bare, or anything at all."""
    shape = SHAPES[form]
    body = {
        name: draw(anything) if draw(st.integers(0, 14)) == 14 else value
        for name, value in shape.items()
        if draw(st.integers(0, 14)) < 14
    }
    body = draw(anything) if draw(st.integers(0, 9)) == 9 else body
    told = {
        "tst": draw(st.sampled_from([*[1_793_613_600, "2026-11-02T10:00:00.5Z"] * 4, draw(anything)])),
        "topic": draw(st.sampled_from([*[TOPICS.get(form, "owntracks/jane/phone")] * 5, "x", "", "/"])),
        "payload": body,
    }
    return draw(st.sampled_from([told, told, body]))


def converted(tmp_path_factory, raw, form):
    """How many pings the trace has; 0 where nothing could be made of it, and nothing was left behind."""
    folder = tmp_path_factory.mktemp("anything")
    (folder / "source").write_bytes(raw)
    choice = Choice(phone="tag" if len(raw) % 2 else "receiver")
    with suppress(ConvertError, TraceError):
        convert_to_trace(folder / "source", folder / "t.jsonl", form, choice, Tally(str, skip_malformed=True))
    if not (folder / "t.jsonl").exists():
        assert [path.name for path in folder.iterdir()] == ["source"]
        return 0
    return len(taken(checked(open_trace(folder / "t.jsonl")[1])))


@pytest.mark.parametrize("form", SHAPES)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example], deadline=None)
@given(st.data())
def test_messages_of_any_kind(tmp_path_factory, form, data):
    told = data.draw(st.lists(messages(form), max_size=6))
    converted(tmp_path_factory, "\n".join(map(json.dumps, told)).encode("utf-8", "replace"), form)


@pytest.mark.parametrize("form", FORMATS)
@given(
    st.binary(max_size=200)
    | st.text(alphabet='{}[]":,0123456789 \n\t<>/aT-Z\x1f', max_size=80).map(str.encode)
)
def test_bytes_of_any_kind(tmp_path_factory, form, raw):
    converted(tmp_path_factory, raw, form)


CELLS = st.sampled_from(
    ["w1", "1793613600250", UUID, "1", "70000", "-59", "ac:23:3f:5a:0b:1c", "", '"', "x", "-1e999", "٣"]
)


@given(st.lists(st.lists(CELLS, max_size=9), max_size=8))
def test_rows_of_any_kind(tmp_path_factory, rows):
    head = "trace,t_ms,uuid,major,minor,mac,tx_power,rssi"
    converted(tmp_path_factory, "\n".join([head, *(",".join(row) for row in rows)]).encode(), "csv")


POINTS = st.sampled_from(
    ["<trk>", "</trk>", "<trkseg>", "</trkseg>", '<trkpt lat="1" lon="2">', "<trkpt>", "</trkpt>", "<time>2026-11-02T10:00:00Z</time>",
     "<time/>", "<name>a</name>", "<hdop>2</hdop>", "<hdop>-1</hdop>", "<wpt/>", "&a;", "<x:trk>", "<!-- -->", "text"]
)  # fmt: skip


@given(st.lists(POINTS, max_size=15))
def test_tracks_of_any_kind(tmp_path_factory, points):
    converted(tmp_path_factory, f"<gpx>{''.join(points)}</gpx>".encode(), "gpx")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_packed_wrongly_is_told(tmp_path, form):
    whole = gzip.compress(json.dumps(SHAPES["owntracks"]).encode() * 200)
    for name, raw in {
        "cut": whole[:-12],
        "broken": whole[:30] + b"\0" * 20 + whole[50:],
        "plain": b"{}",
    }.items():
        (tmp_path / f"{name}.gz").write_bytes(raw)
        done = run("--from", form, tmp_path / f"{name}.gz", "-o", tmp_path / "t.jsonl")
        assert (done.exit_code, done.stderr.startswith("Error: ")) == (1, True), done.output


def test_a_row_with_more_columns_than_there_are_is_malformed_and_not_shortened(tmp_path):
    (tmp_path / "s.csv").write_text("trace,t_ms,mac,rssi\nw1,1793613600250,ac:23:3f:5a:0b:1c,-60,7\n")
    done = run("--from", "csv", tmp_path / "s.csv", "-o", tmp_path / "t.jsonl")
    assert "line 2 of" in done.stderr
    assert "has more columns than line 1 names" in done.stderr
