"""Beacons as the Android Beacon Library and the plugins after it tell them, written as JSON by an app.

The library has no format of files of its own. Read are the fields of its class `Beacon` (version 2), by their names
(`mRssi`, as Gson writes them) or by those of their getters (`rssi`), and iBeacons as `didRangeBeaconsInRegion` of the
plugins for Cordova and React Native has them (`uuid`, `major`, `minor`, `rssi`, `proximity`). A line is
    {"timestamp": ..., "device": "...", "beacons": [...]}     one turn of ranging: becomes one ping
    {..., "lastCycleDetectionTimestamp": ..., "device": "..."}   one beacon, gathered with others of its second
Times are Unix milliseconds, as the library counts, or ISO 8601.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulators.traces.converting import identities
from simulators.traces.converting.messages import Message, observed
from simulators.traces.converting.observation import (
    Choice,
    Heard,
    Observation,
    Sent,
    Tally,
    micros,
    phone_name,
)
from simulators.traces.converting.pinging import MOST_SIGHTINGS

APPLE = 0x004C
TYPE_IBEACON, TYPE_ALTBEACON = 0x0215, 0xBEAC
EDDYSTONE_SERVICE = 0xFEAA
NO_IDENTITY = "beacons without an identity or an address (Eddystone URL, telemetry), left out"
_TIMES = ("timestamp", "at", "time", "lastCycleDetectionTimestamp", "mLastCycleDetectionTimestamp")
_PHONES = ("device", "installation_id", "phone", "deviceId")


def read(source: Path, tally: Tally, choice: Choice) -> Iterator[Observation]:
    del choice
    yield from observed(source, tally, _of)


def _of(message: Message, tally: Tally) -> Observation | None:
    beacons = message.body.get("beacons")
    if beacons is not None:
        return _ranged(message, beacons, tally)
    told = sighting_of(message.body)
    if told is None:
        tally.became(NO_IDENTITY)
        return None
    heard = Heard(_at_us(message), _phone(message), told)
    tally.became("sightings")
    return heard


def _ranged(message: Message, beacons: object, tally: Tally) -> Sent:
    at_us, phone = _at_us(message), _phone(message)
    if not isinstance(beacons, list) or not all(isinstance(beacon, dict) for beacon in beacons):
        raise ValueError("beacons should be a list of objects")
    sightings = [told for told in map(sighting_of, beacons) if told is not None]
    if len(sightings) > MOST_SIGHTINGS:
        raise ValueError(f"{len(sightings)} beacons in one turn; a ping holds at most {MOST_SIGHTINGS}")
    tally.became(NO_IDENTITY, len(beacons) - len(sightings))
    tally.became("sightings", len(sightings))
    tally.became("turns of ranging")
    sent_us = message.at_us if message.at_us is not None else at_us
    return Sent(sent_us, phone, sent_us, at_us, {"sightings": sightings})


def sighting_of(beacon: dict[str, Any]) -> dict[str, Any] | None:
    """Raises ValueError; None where the beacon has no identity that a sighting could have."""
    rssi, address = _get(beacon, "rssi"), _get(beacon, "bluetoothAddress")
    power = _get(beacon, "txPower")
    identity = _identity(beacon)
    if identity is None and address is None:
        return None
    if identity and identity["type"] == "eddystone_uid" and isinstance(power, int | float):
        power += identities.FIRST_METRE_DB  # the library has taken it off, for all its powers to be at 1 m
    told = identities.sighting(
        identity, rssi=rssi, address=identities.mac(address) if address else None, tx_power=power
    )
    near = str(beacon.get("proximity", "")).lower().removeprefix("proximity")
    return told | ({"proximity": near} if near in ("immediate", "near", "far", "unknown") else {})


def _identity(beacon: dict[str, Any]) -> dict[str, Any] | None:
    if "uuid" in beacon:
        return identities.ibeacon(beacon["uuid"], beacon.get("major"), beacon.get("minor"))
    ids = _ids(beacon)
    if _get(beacon, "serviceUuid") == EDDYSTONE_SERVICE:
        return identities.eddystone_uid(*ids) if len(ids) == 2 else None
    if len(ids) != 3:
        return None
    code, company = _get(beacon, "beaconTypeCode"), _get(beacon, "manufacturer")
    if code == TYPE_ALTBEACON:
        return identities.altbeacon(*ids)
    if code == TYPE_IBEACON or (code is None and company == APPLE):
        return identities.ibeacon(*ids)
    raise ValueError("says neither beaconTypeCode nor manufacturer: an iBeacon or an AltBeacon?")


def _ids(beacon: dict[str, Any]) -> list[object]:
    told = _get(beacon, "identifiers")
    if not isinstance(told, list):
        told = [beacon[name] for name in ("id1", "id2", "id3") if beacon.get(name) is not None]
    return [
        _bytes_text(each["mValue"]) if isinstance(each, dict) and "mValue" in each else each for each in told
    ]


def _bytes_text(value: object) -> str:
    """Gson writes an identifier's bytes as signed numbers; two of them are a number, more a UUID or its like."""
    if not isinstance(value, list) or not all(isinstance(each, int) and -128 <= each < 256 for each in value):
        raise ValueError("an identifier's mValue should be a list of bytes")
    raw = bytes(each % 256 for each in value)
    return str(int.from_bytes(raw)) if len(raw) == 2 else raw.hex()


def _get(beacon: dict[str, Any], name: str) -> Any:
    """`rssi`, or the field behind it, `mRssi`; None stands for what is not known (-1, or an empty text)."""
    told = beacon.get(name, beacon.get(f"m{name[0].upper()}{name[1:]}"))
    return None if told in ("", None) or (name in ("serviceUuid", "manufacturer") and told == -1) else told


def _at_us(message: Message) -> int:
    for name in _TIMES:
        told = message.body.get(name)
        if told:
            return micros(told, name, per_second=1000)
    if message.at_us is None:
        raise ValueError(f"does not say when; one of {', '.join(_TIMES)} should")
    return message.at_us


def _phone(message: Message) -> str:
    """`phone` where the app did not say which one it is: then the file should be of one alone."""
    named = next((message.body[name] for name in _PHONES if message.body.get(name)), "phone")
    return phone_name(str(named))
