"""One text for each transmitter's identity, however it was written: no lookup may fail over a capital letter.

"ibeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825:10073:61418", "eddystone_uid:edd1ebeac04e5defa017:0bdb87539b67",
"altbeacon:<id1>:<id2>:<id3>", "mac:ac233f5a0b1c": lower case, no leading zeros in numbers, no separators in
a MAC.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from beacon_service.zones.model import Identity

# type -> the fields that identify it
FIELDS: Mapping[str, tuple[str, ...]] = {
    "ibeacon": ("uuid", "major", "minor"),
    "eddystone_uid": ("namespace", "instance"),
    "altbeacon": ("id1", "id2", "id3"),
    "mac": ("mac",),
}
# Eddystone states its power at 0 m; the first metre of air takes 41 dB at 2.4 GHz.
FIRST_METRE_DB = 41.0
# Both numbers are unsigned 16-bit fields of the advertisement.
LARGEST_NUMBER = 65_535

_NUMBERS = frozenset({"major", "minor", "id2", "id3"})
_DIGITS = re.compile(r"[0-9]{1,8}")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|[0-9a-f]{12}")
_UUID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")


def identity_text(kind: str, fields: Mapping[str, Any]) -> Identity:
    """The canonical text of an identity. Raises ValueError, which names the field and what it may be."""
    if kind not in FIELDS:
        raise ValueError(f"type must be one of {', '.join(FIELDS)}")
    parts = [_READ[name](name, fields.get(name)) for name in FIELDS[kind]]
    return Identity(":".join([kind, *parts]))


def mac_text(mac: Any) -> Identity:
    """The canonical text of a MAC address. Raises ValueError."""
    return Identity(f"mac:{_mac('mac', mac)}")


def _uuid(name: str, value: Any) -> str:
    found = _UUID.fullmatch(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{name} must be a UUID such as fda50693-a4e2-4fb1-afcf-c6eb07647825")
    return "-".join(found.groups())


def _number(name: str, value: Any) -> str:
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_NUMBER:
        raise ValueError(f"{name} must be a whole number from 0 to {LARGEST_NUMBER}")
    return str(number)


def _hexadecimal(digits: int) -> Callable[[str, Any], str]:
    pattern = re.compile(rf"(?:0x)?([0-9a-f]{{{digits}}})")

    def read(name: str, value: Any) -> str:
        found = pattern.fullmatch(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{name} must be {digits} hexadecimal digits")
        return found[1]

    return read


def _mac(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _MAC.fullmatch(value.lower()):
        raise ValueError(f"{name} must be a MAC address such as ac:23:3f:5a:0b:1c")
    return re.sub("[:-]", "", value.lower())


_READ: Mapping[str, Callable[[str, Any], str]] = {
    "uuid": _uuid,
    "major": _number,
    "minor": _number,
    "namespace": _hexadecimal(20),
    "instance": _hexadecimal(12),
    # AltBeacon: 16 bytes that name the beacon's owner (often a UUID), and two numbers.
    "id1": _uuid,
    "id2": _number,
    "id3": _number,
    "mac": _mac,
}


def identity_fields(identity: Identity) -> dict[str, Any]:
    """The fields of a canonical text, with its type: what `identity_text` would make the same text of."""
    kind, *parts = identity.split(":")
    values = [int(part) if name in _NUMBERS else part for name, part in zip(FIELDS[kind], parts, strict=True)]
    return {"type": kind} | dict(zip(FIELDS[kind], values, strict=True))
