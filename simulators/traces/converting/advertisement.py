"""Beacons out of the bytes that they advertise, as gateways pass them on in hexadecimal digits.

iBeacon    manufacturer data  4c00 02 15 uuid(16) major(2) minor(2) power(1)
AltBeacon  manufacturer data  company(2) beac id1(16) id2(2) id3(2) power(1) ...
Eddystone  service data of feaa, frame 00: power(1) namespace(10) instance(6); frame 20 is telemetry
"""

import re
from typing import Any

from simulators.traces.converting import identities

_IBEACON = re.compile(r"4c000215([0-9a-f]{32})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{2})")
_ALTBEACON = re.compile(r"[0-9a-f]{4}beac([0-9a-f]{32})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{2})[0-9a-f]*")
_EDDYSTONE_UID = re.compile(r"00([0-9a-f]{2})([0-9a-f]{20})([0-9a-f]{12})[0-9a-f]*")
EDDYSTONE = "feaa"


def beacon_in(body: dict[str, Any]) -> tuple[dict[str, Any], int] | None:
    """The identity and the power as it was advertised; None where no beacon advertised this."""
    manufacturer = _digits(body.get("manufacturerdata"))
    if found := _IBEACON.fullmatch(manufacturer):
        identity = identities.ibeacon(found[1], int(found[2], 16), int(found[3], 16))
        return identity, signed_byte(found[4])
    if found := _ALTBEACON.fullmatch(manufacturer):
        identity = identities.altbeacon(found[1], int(found[2], 16), int(found[3], 16))
        return identity, signed_byte(found[4])
    service = _digits(body.get("servicedatauuid"))
    frame = _EDDYSTONE_UID.fullmatch(_digits(body.get("servicedata")))
    if frame and EDDYSTONE in (service, service[4:8], ""):
        return identities.eddystone_uid(frame[2], frame[3]), signed_byte(frame[1])
    return None


def signed_byte(digits: str) -> int:
    """c5 is -59."""
    return int.from_bytes(bytes.fromhex(digits), signed=True)


def _digits(told: object) -> str:
    return re.sub("[^0-9a-f]", "", told.lower().removeprefix("0x")) if isinstance(told, str) else ""
