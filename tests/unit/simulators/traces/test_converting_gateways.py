"""What gateways hear of tags that walk: the tag becomes the phone, or the gateway does."""

import pytest

from simulators.traces.model import Note
from tests.unit.simulators.traces.conversions import (
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


def theengs(after_s=0.0, *, gateway="door", **body):
    told = {"id": "52:10:A8:46:90:AC", "mac_type": 1, "rssi": -77} | body
    return enveloped(f"home/{gateway}/BTtoMQTT/5210A84690AC", told, after_s)


def decoded(**other):
    """An iBeacon as the decoder of OpenMQTTGateway tells it."""
    return {
        "model_id": "IBEACON",
        "mfid": "4c00",
        "uuid": BARE,
        "major": 7,
        "minor": 9,
        "txpower": -66,
    } | other


def test_a_tag_that_walks_is_the_phone_and_the_gateway_is_the_beacon_that_it_hears(tmp_path):
    source = write_messages(
        tmp_path,
        theengs(0.2, gateway="door", **decoded()),
        theengs(0.4, gateway="till", rssi=-60, **decoded()),
    )
    lines, told = converted(source, "theengs")
    (one,) = reports(lines)
    assert one.installation_id == f"ibeacon:{BARE}:7:9"
    first, second = one.pings[0]["sightings"]
    assert (first["type"], first["rssi"], first["tx_power"], second["rssi"]) == ("mac", -77, -66, -60)
    assert first["mac"].startswith("02:")
    assert first["mac"] != second["mac"]
    assert f"receiver door is the beacon of type mac {first['mac']}" in told
    notes = [line.text for line in lines if isinstance(line, Note)]
    assert notes == [
        f"receiver {name} is the beacon of type mac {each['mac']}"
        for name, each in (("door", first), ("till", second))
    ]
    assert len(taken(lines)) == 1


def test_a_tag_without_an_identity_is_known_by_its_address(tmp_path):
    lines, _ = converted(write_messages(tmp_path, theengs()), "theengs")
    assert reports(lines)[0].installation_id == "mac:52:10:a8:46:90:ac"


def test_the_addresses_of_gateways_may_be_told(tmp_path):
    known = tmp_path / "receivers.csv"
    known.write_text("receiver,mac\ndoor,AC:23:3F:5A:0B:1C\n")
    lines, _ = converted(write_messages(tmp_path, theengs()), "theengs", "--receivers", known)
    assert pings(lines)[0]["sightings"][0]["mac"] == "ac:23:3f:5a:0b:1c"
    known.write_text("receiver,mac\ndoor,somewhere\n")
    done = run(
        "--from", "theengs", tmp_path / "messages.jsonl", "-o", tmp_path / "t.jsonl", "--receivers", known
    )
    assert f"line 2 of {known} should say receiver and mac" in done.stderr


def heard_by_receiver(tmp_path, *lines, form="theengs"):
    read, _ = converted(write_messages(tmp_path, *lines), form, "--phone", "receiver")
    assert taken(read)
    return reports(read)[0].installation_id, pings(read)[0]["sightings"]


def test_a_receiver_that_walks_is_the_phone_and_hears_what_was_advertised(tmp_path):
    assert heard_by_receiver(tmp_path, theengs(**decoded())) == (
        "door",
        [
            {
                "type": "ibeacon", "uuid": UUID, "major": 7, "minor": 9, "rssi": -77, "mac": "52:10:a8:46:90:ac",
                "tx_power": -66,
            }
        ],
    )  # fmt: skip


def test_numbers_that_a_decoder_took_for_signed_are_what_the_beacon_advertised(tmp_path):
    _, (one,) = heard_by_receiver(tmp_path, theengs(**decoded(major=-25_536, minor=-1)))
    assert (one["major"], one["minor"]) == (40_000, 65_535)


def test_a_gateway_may_name_an_ibeacon_by_its_uuid_and_tell_the_address_apart(tmp_path):
    _, (one, two) = heard_by_receiver(
        tmp_path, theengs(**decoded(id=BARE, mac="60:87:57:4C:9B:C2")), theengs(0.1, **decoded(id=BARE))
    )
    assert (one["mac"], "mac" in two) == ("60:87:57:4c:9b:c2", False)


@pytest.mark.parametrize(
    ("advertised", "identity"),
    [
        (
            {"manufacturerdata": f"4c000215{BARE}9c40fffec5"},
            {"type": "ibeacon", "uuid": UUID, "major": 40_000, "minor": 65_534, "tx_power": -59},
        ),
        (
            {"manufacturerdata": f"1801beac{BARE}00010002bf00"},
            {"type": "altbeacon", "id1": UUID, "id2": 1, "id3": 2, "tx_power": -65},
        ),
        (
            {"servicedatauuid": "0xfeaa", "servicedata": "00ee" + "edd1ebeac04e5defa017" + "0bdb87539b67" + "0000"},
            {
                "type": "eddystone_uid", "namespace": "edd1ebeac04e5defa017", "instance": "0bdb87539b67",
                "tx_power": -18,
            },
        ),
        ({"servicedatauuid": "feaa", "servicedata": "2000" + "0bb8" + "1580" + "0" * 16}, {"type": "mac"}),
        ({"servicedatauuid": "fe95", "servicedata": "00ee" + "0" * 32}, {"type": "mac"}),
        ({"manufacturerdata": "4c0010050b1c"}, {"type": "mac"}),
    ],
)  # fmt: skip
def test_bytes_are_read_as_they_were_advertised(tmp_path, advertised, identity):
    _, (one,) = heard_by_receiver(tmp_path, theengs(**advertised))
    assert one == identity | {"rssi": -77, "mac": "52:10:a8:46:90:ac"}


def test_eddystone_s_power_is_brought_to_one_metre_where_the_receiver_becomes_a_beacon(tmp_path):
    frame = {"servicedatauuid": "feaa", "servicedata": "00ee" + "1" * 32}
    lines, _ = converted(write_messages(tmp_path, theengs(**frame)), "theengs")
    assert pings(lines)[0]["sightings"][0]["tx_power"] == -18 - 41


def test_messages_that_are_no_advertisements_are_counted(tmp_path):
    source = write_messages(
        tmp_path,
        theengs(),
        enveloped("home/door/LWT", "online"),
        enveloped("home/door/SYStoMQTT", {"uptime": 5}),
        enveloped("home/door/BTtoMQTT/A", {"id": "52:10:A8:46:90:AC", "presence": "absent"}),
        enveloped("home/presence/door", {"id": "52:10:A8:46:90:AC", "rssi": -70}),
    )
    lines, told = converted(source, "theengs")
    assert (
        "read: 1 messages of other topics, left out, 1 messages that are no objects, left out, "
        "1 messages without a level, left out, 2 sightings"
    ) in told
    assert [len(ping["sightings"]) for ping in pings(lines)] == [2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"id": "52:10:A8:46:90:AC", "rssi": -77}, "says neither when it came nor from where"),
        (theengs(id="nobody"), "the mac is 'nobody'"),
        (theengs(rssi="loud"), "rssi is 'loud'"),
        (theengs(rssi=True), "rssi is True"),
        (theengs(rssi=10**400), "rssi is 100000000000000000..."),
        (theengs(rssi="x" * 1000), "rssi is 'xxxx"),
        (theengs(**decoded(major=65_536)), "major is 65536, should be a whole number from 0 to 65535"),
        (theengs(**decoded(uuid="1")), "uuid is '1'"),
        (enveloped("home/door/BTtoMQTT/A", {}) | {"tst": "now"}, "tst is 'now', should be a time"),
        (
            enveloped("home/door/BTtoMQTT/A", {}) | {"tst": "2026-11-02T10:00:00"},
            "does not say in which time zone",
        ),
    ],
)
def test_what_no_gateway_says_is_told_with_its_line(tmp_path, line, told):
    source = write_messages(tmp_path, theengs(), line)
    done = run("--from", "theengs", source, "-o", tmp_path / "t.jsonl")
    assert f"line 2 of {source}: " in done.stderr
    assert told in done.stderr
    assert len(done.stderr.replace(str(source), "")) < 300


def espresense(after_s=0.0, *, node="office", **body):
    told = {
        "mac": "5a3f1c9d0e42",
        "id": f"iBeacon:{UUID}-100-1",
        "rssi@1m": -59,
        "rssi": -72.35,
        "rxAdj": 0,
        "int": 1032,
    }
    told |= body
    return enveloped(f"espresense/devices/{told['id']}/{node}", told, after_s)


def test_what_nodes_hear_of_one_tag_within_a_second_is_its_ping(tmp_path):
    source = write_messages(
        tmp_path, espresense(0.1), espresense(0.6, node="loft", rssi=-90.5), espresense(1.2, id="irk:0f0f")
    )
    lines, _ = converted(source, "espresense")
    assert [(line.installation_id, [each["rssi"] for each in line.pings[0]["sightings"]]) for line in reports(lines)] == [
        (f"iBeacon:{UUID}-100-1", [-72.35, -90.5]), ("irk:0f0f", [-72.35]),
    ]  # fmt: skip
    assert pings(lines)[0]["sightings"][0]["tx_power"] == -59
    assert len(taken(lines)) == 2


def test_nodes_that_walk_hear_what_the_fingerprint_says(tmp_path):
    namespace = "edd1ebeac04e5defa017"
    doubled = namespace[:10] + namespace[8:10] + namespace[10:]
    ids = [
        f"iBeacon:{UUID}-40000-1",
        f"altBeacon:{UUID}-1-2",
        f"eddy:{doubled}-0bdb87539b67",
        "apple:1006:10-12",
    ]
    phone, heard = heard_by_receiver(
        tmp_path, *(espresense(0.1 * number, id=each) for number, each in enumerate(ids)), form="espresense"
    )
    kept = [{name: value for name, value in each.items() if name not in ("rssi", "mac")} for each in heard]
    assert (phone, kept) == (
        "office",
        [
            {"type": "ibeacon", "uuid": UUID, "major": 40_000, "minor": 1, "tx_power": -59},
            {"type": "altbeacon", "id1": UUID, "id2": 1, "id3": 2, "tx_power": -59},
            {"type": "eddystone_uid", "namespace": namespace, "instance": "0bdb87539b67", "tx_power": -18},
            {"type": "mac", "tx_power": -59},
        ],
    )


def test_what_nodes_say_of_themselves_is_counted_and_left_out(tmp_path):
    source = write_messages(
        tmp_path,
        espresense(),
        enveloped("espresense/rooms/office/telemetry", {"ip": "10.0.0.1", "uptime": 5}),
        enveloped("espresense/rooms/office/status", "online"),
        enveloped(
            "espresense/rooms/office", {"id": "irk:0f", "rssi": -60, "mac": "5a3f1c9d0e42", "rssi@1m": -71}
        ),
    )
    lines, told = converted(source, "espresense")
    assert (
        "1 messages of other topics, left out, 1 messages that are no objects, left out, 2 sightings" in told
    )
    assert len(reports(lines)) == 2
