"""Messages of the OwnTracks apps become pings with positions, and sightings."""

import json

import pytest

from tests.unit.simulators.traces.conversions import (
    T0,
    converted,
    enveloped,
    pings,
    reports,
    run,
    taken,
    write_messages,
)

UUID = "1de4b189-115e-45f6-b44e-509352269977"
BARE = UUID.replace("-", "")


def location(after_s=0, **other):
    return {
        "_type": "location",
        "tid": "ph",
        "lat": 52.37,
        "lon": 4.9,
        "acc": 14,
        "tst": T0 + after_s,
        "t": "u",
    } | other


def test_a_location_is_a_report_of_one_ping_when_it_was_sent_and_where_the_phone_was_before(tmp_path):
    lines, told = converted(
        write_messages(tmp_path, location(created_at=T0 + 90, topic="owntracks/jane/phone")), "owntracks"
    )
    (one,) = reports(lines)
    assert (one.installation_id, str(one.at)[11:19], str(one.sent_at)[11:19]) == (
        "jane-phone",
        "10:01:30",
        "10:01:30",
    )
    assert one.pings[0] | {"ping_id": ""} == {
        "ping_id": "",
        "at": "2026-11-02T10:00:00.000Z",
        "position": {"latitude": 52.37, "longitude": 4.9, "accuracy_m": 14.0},
    }
    assert "read: 1 positions" in told
    assert len(taken(lines)) == 1


def test_a_clock_that_is_wrong_stays_wrong_beside_the_time_at_which_the_message_really_came(tmp_path):
    fast = enveloped("owntracks/jane/phone", location(300, created_at=T0 + 301), 1.5)
    lines, _ = converted(write_messages(tmp_path, fast), "owntracks")
    (one,) = reports(lines)
    assert (str(one.at)[11:23], str(one.sent_at)[11:19], one.pings[0]["at"][11:19]) == (
        "10:00:01.500", "10:05:01", "10:05:00",
    )  # fmt: skip


@pytest.mark.parametrize(
    "shape",
    [
        write_messages,
        lambda path, one, two: write_messages(path, json.dumps([one, two])),
        lambda path, one, two: write_messages(path, json.dumps([one, two], indent=2)),
        lambda path, one, two: write_messages(path, json.dumps({"count": 2, "data": [one, two]}, indent=2)),
        lambda path, one, two: write_messages(path, {"count": 2, "data": [one, two]}),
        lambda path, one, two: write_messages(path, [one], [two]),
        lambda path, one, two: write_messages(path, *(enveloped("owntracks/p/h", each) for each in (one, two))),
        lambda path, one, two: write_messages(path, *(enveloped("o/p/h", each, as_text=True) for each in (one, two))),
        lambda path, one, two: write_messages(path, *(f"2026-11-02T10:00:00+0000 o/p/h {json.dumps(x)}" for x in (one, two))),
        lambda path, one, two: write_messages(path, *(f"1793613600.250000000 o/p/h {json.dumps(x)}" for x in (one, two))),
        lambda path, one, two: write_messages(path, *(f"2026-11-02T10:00:00Z\t*                 \t{json.dumps(x)}" for x in (one, two))),
    ],
)  # fmt: skip
def test_messages_are_found_one_a_line_in_a_list_in_the_recorder_s_files_and_in_envelopes(tmp_path, shape):
    lines, _ = converted(shape(tmp_path, location(), location(1, lat=52.38)), "owntracks")
    assert sorted(ping["position"]["latitude"] for ping in pings(lines)) == [52.37, 52.38]


@pytest.mark.parametrize(
    ("line", "came"),
    [
        (
            {"tst": "2026-11-02T12:00:09.500000Z+0200", "topic": "o/p/h", "payload": location()},
            "10:00:09.500",
        ),
        ({"tst": "2026-11-02T10:00:09.500000Z", "topic": "o/p/h", "payload": location()}, "10:00:09.500"),
        ({"tst": T0 + 9, "topic": "o/p/h", "payload": location()}, "10:00:09+00:"),
        (f"1793613609.250000000 o/p/h {json.dumps(location())}", "10:00:09.250"),
        (f"2026-11-02T12:00:09+0200 o/p/h {json.dumps(location())}", "10:00:09+00:"),
    ],
)
def test_the_time_at_which_a_message_came_is_read_as_each_recorder_writes_it(tmp_path, line, came):
    """Mosquitto's own Z stands between its local time and the offset, and means nothing."""
    lines, _ = converted(write_messages(tmp_path, line), "owntracks")
    assert str(reports(lines)[0].at)[11:23] == came


def test_bytes_that_are_no_text_are_one_message_that_is_no_object(tmp_path):
    odd = {"tst": T0, "topic": "o/p/h", "payload": [1, 2, 255]}
    _, told = converted(write_messages(tmp_path, location(), odd), "owntracks")
    assert "1 messages that are no objects, left out, 1 positions" in told


def test_a_message_sent_again_keeps_its_ping_s_id_and_another_one_has_its_own(tmp_path):
    lines, _ = converted(write_messages(tmp_path, location(), location(), location(lat=52.38)), "owntracks")
    first, again, other = (ping["ping_id"] for ping in pings(lines))
    assert first == again != other


def test_old_apps_wrote_numbers_as_texts(tmp_path):
    lines, _ = converted(write_messages(tmp_path, location(tst=str(T0), lat="52.37", acc="14")), "owntracks")
    assert pings(lines)[0]["position"] == {"latitude": 52.37, "longitude": 4.9, "accuracy_m": 14.0}


def test_beacons_that_an_iphone_ranged_are_sightings(tmp_path):
    ranged = {
        "_type": "beacon",
        "tid": "ph",
        "uuid": UUID.upper(),
        "major": 1,
        "minor": 2,
        "tst": T0,
        "rssi": -71,
        "prox": 2,
    }
    lines, told = converted(
        write_messages(tmp_path, ranged, location(5), {"_type": "lwt", "tst": T0}), "owntracks"
    )
    assert pings(lines)[0]["sightings"] == [
        {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": 2, "rssi": -71, "proximity": "near"}
    ]
    assert "read: 1 messages of other types, left out, 1 positions, 1 sightings" in told
    assert len(taken(lines)) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"_type": "location"', "is no JSON: "),
        (location(lat=91), "latitude is 91, should be a number from -90 to 90"),
        (location(lat=True), "latitude is True"),
        (location(lon=-(10**400)), "longitude is -1000"),
        (location(tst=None), "tst is None, should be a time"),
        (location(tst=T0 * 1000), "which is no time between 1970 and 2200"),
        (location(tid=""), "says neither topic nor tid, so nobody knows whose it is"),
        ({"_type": "encrypted", "data": "x"}, "is encrypted; decrypt it first"),
        ({"lat": 1}, "has no _type, is no message of OwnTracks"),
        (f"owntracks/jane/phone {json.dumps(location())}", "does not say when it came; record with mosquitto_sub -F '%J'"),
        ("[" * 50_000, "nested too deeply|no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_message_of_owntracks_is_told_with_its_line(tmp_path, line, told):
    source = write_messages(tmp_path, location(), line)
    done = run("--from", "owntracks", source, "-o", tmp_path / "t.jsonl")
    assert f"line 2 of {source}: " in done.stderr
    assert any(each in done.stderr for each in told.split("|")), done.stderr
    lines, said = converted(source, "owntracks", "--skip-malformed")
    assert (len(pings(lines)), "1 malformed, left out" in said) == (1, True)
