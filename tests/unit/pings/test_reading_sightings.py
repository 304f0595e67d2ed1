"""What the engine is given of a sighting, whatever the phone writes."""

import json

import pytest

from beacon_service.pings.ingest import corrected_sightings
from beacon_service.pings.schema import ParsedPing, parse

AT = "2026-06-03T12:00:00Z"
IBEACON = {"type": "ibeacon", "uuid": "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21", "major": 1, "minor": 2}
EDDYSTONE = {"type": "eddystone_uid", "namespace": "edd1ebeac04e5defa017", "instance": "0bdb87539b67"}
ALTBEACON = {"type": "altbeacon", "id1": "2f234454-cf6d-4a0f-adf2-f4911ba9ffa6", "id2": 1, "id3": 2}


def read(**fields):
    sighting = {"rssi": -67} | fields
    ping = {"ping_id": "p", "at": AT, "sightings": [sighting]}
    body = json.dumps({"installation_id": "phone", "pings": [ping]}).encode()
    ((_, parsed),) = parse(body, most_pings=1).pings
    return parsed


@pytest.mark.parametrize(
    ("type_", "stated", "at_1_m"), [(IBEACON, -59, -59), (ALTBEACON, -61, -61), (EDDYSTONE, -18, -59)]
)
def test_the_power_is_that_at_one_metre(type_, stated, at_1_m):
    assert read(**type_, tx_power=stated).sightings[0].tx_power_dbm == at_1_m


def test_a_power_that_is_not_stated_stays_unknown():
    assert read(**EDDYSTONE).sightings[0].tx_power_dbm is None


def test_a_sighting_may_say_when_it_was():
    assert (
        read(**IBEACON, at="2026-06-03T11:59:58Z").sightings[0].at.isoformat() == "2026-06-03T11:59:58+00:00"
    )
    assert read(**IBEACON).sightings[0].at is None


@pytest.mark.parametrize(
    "telemetry",
    [
        {"battery_mv": 2950},
        {"battery_mv": 0},
        {"battery_mv": 65_535},
        {"temperature_c": -12.5, "battery_mv": 3000},
    ],
)
def test_telemetry_is_kept_with_the_ping(telemetry):
    found = read(**EDDYSTONE, **telemetry)
    assert isinstance(found, ParsedPing)
    assert json.loads(found.body)["sightings"][0] == {"rssi": -67.0} | EDDYSTONE | telemetry


@pytest.mark.parametrize(
    "telemetry",
    [
        {"battery_mv": -1},
        {"battery_mv": 65_536},
        {"battery_mv": 2.5},
        {"temperature_c": 129},
        {"temperature_c": "20"},
    ],
)
def test_telemetry_that_no_frame_can_say_is_refused_and_named(telemetry):
    found = read(**EDDYSTONE, **telemetry)
    assert not isinstance(found, ParsedPing)
    assert next(iter(telemetry)) in found.detail


def test_the_time_of_a_sighting_is_put_right_with_its_pings():
    sightings = read(**IBEACON, at="2026-06-03T11:59:58Z").sightings
    behind = corrected_sightings(sightings, 3_600_000)

    assert [one.at.isoformat() for one in behind] == ["2026-06-03T12:59:58+00:00"]
    assert corrected_sightings(sightings, 0) is sightings
    assert corrected_sightings(read(**IBEACON).sightings, 3_600_000)[0].at is None
