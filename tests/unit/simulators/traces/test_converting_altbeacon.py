"""Beacons as the Android Beacon Library tells them become pings."""

import pytest

from tests.unit.simulators.traces.conversions import (
    T0,
    converted,
    pings,
    reports,
    run,
    taken,
    write_messages,
)

UUID = "1de4b189-115e-45f6-b44e-509352269977"
BARE = UUID.replace("-", "")


def ranged(*beacons, **other):
    return {"timestamp": T0 * 1000, "device": "pixel-8", "beacons": list(beacons)} | other


IBEACON = {
    "id1": UUID,
    "id2": "1",
    "id3": "2",
    "rssi": -67,
    "txPower": -59,
    "bluetoothAddress": "AC:23:3F:5A:0B:1C",
}


@pytest.mark.parametrize(
    ("beacon", "told"),
    [
        (
            IBEACON | {"beaconTypeCode": 533},
            {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": 2, "rssi": -67, "mac": "ac:23:3f:5a:0b:1c", "tx_power": -59},
        ),
        (
            {"mIdentifiers": [{"mValue": [byte - 256 if byte > 127 else byte for byte in bytes.fromhex(BARE)]},
                              {"mValue": [-100, 64]}, {"mValue": [0, 2]}],
             "mRssi": -67, "mTxPower": -59, "mBeaconTypeCode": 48812, "mManufacturer": 280, "mServiceUuid": -1,
             "mBluetoothAddress": "AC:23:3F:5A:0B:1C"},
            {"type": "altbeacon", "id1": UUID, "id2": 40_000, "id3": 2, "rssi": -67, "mac": "ac:23:3f:5a:0b:1c", "tx_power": -59},
        ),
        (
            {"identifiers": ["0xedd1ebeac04e5defa017", "0x0bdb87539b67"], "rssi": -67, "txPower": -59, "serviceUuid": 65194},
            {"type": "eddystone_uid", "namespace": "edd1ebeac04e5defa017", "instance": "0bdb87539b67", "rssi": -67,
             "tx_power": -18},
        ),
        (
            {"uuid": UUID.upper(), "major": 1, "minor": 2, "rssi": -58, "proximity": "ProximityImmediate", "accuracy": 0.3},
            {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": 2, "rssi": -58, "proximity": "immediate"},
        ),
    ],
)  # fmt: skip
def test_a_turn_of_ranging_is_a_ping_with_each_beacon_s_own_identity(tmp_path, beacon, told):
    lines, said = converted(write_messages(tmp_path, ranged(beacon)), "altbeacon")
    (one,) = reports(lines)
    assert (one.installation_id, str(one.at)[11:19], one.pings[0]["sightings"]) == (
        "pixel-8",
        "10:00:00",
        [told],
    )
    assert "read: 1 sightings, 1 turns of ranging" in said
    assert len(taken(lines)) == 1


def test_single_beacons_are_gathered_by_the_time_at_which_the_library_saw_them_last(tmp_path):
    seen = IBEACON | {"manufacturer": 76, "lastCycleDetectionTimestamp": T0 * 1000 + 250}
    lines, _ = converted(write_messages(tmp_path, seen, seen | {"id3": "3"}), "altbeacon")
    (ping,) = pings(lines)
    assert ([each["minor"] for each in ping["sightings"]], ping["at"][17:]) == ([2, 3], "01.000Z")


def test_a_turn_in_which_nothing_was_heard_is_a_ping_all_the_same_and_urls_are_no_identity(tmp_path):
    url = {"identifiers": ["0x0123"], "rssi": -60, "serviceUuid": 65194}
    lines, told = converted(
        write_messages(tmp_path, ranged(), ranged(url, timestamp=T0 * 1000 + 1000)), "altbeacon"
    )
    assert [ping["sightings"] for ping in pings(lines)] == [[], []]
    assert (
        "1 beacons without an identity or an address (Eddystone URL, telemetry), left out, 2 turns of ranging"
        in told
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (ranged(IBEACON), "says neither beaconTypeCode nor manufacturer: an iBeacon or an AltBeacon?"),
        (ranged(5), "beacons should be a list of objects"),
        (ranged(timestamp=None), "does not say when; one of timestamp, at, "),
        (
            ranged(*[IBEACON | {"manufacturer": 76}] * 201),
            "201 beacons in one turn; a ping holds at most 200",
        ),
        (
            ranged({"mIdentifiers": [{"mValue": ["a"]}] * 3, "mRssi": -1, "mManufacturer": 76}),
            "a list of bytes",
        ),
    ],
)
def test_what_the_library_never_says_is_told_with_its_line(tmp_path, line, told):
    source = write_messages(tmp_path, ranged(), line)
    done = run("--from", "altbeacon", source, "-o", tmp_path / "t.jsonl")
    assert f"line 2 of {source}: " in done.stderr
    assert told in done.stderr
