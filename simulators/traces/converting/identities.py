"""The identity of a beacon out of what others call it, as a sighting of a ping has it.

Functions raise ValueError with a sentence on what is wrong.
"""

import re
from hashlib import blake2b
from typing import Any

from simulators.traces.converting.wording import short

# Eddystone states its power at 0 m, as the service expects; who tells it at 1 m has taken this off already.
FIRST_METRE_DB = 41
_UUID = re.compile(r"(?:0x)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}")


def ibeacon(uuid: object, major: object, minor: object) -> dict[str, Any]:
    return {
        "type": "ibeacon",
        "uuid": _uuid("uuid", uuid),
        "major": unsigned("major", major),
        "minor": unsigned("minor", minor),
    }


def altbeacon(id1: object, id2: object, id3: object) -> dict[str, Any]:
    return {
        "type": "altbeacon",
        "id1": _uuid("id1", id1),
        "id2": unsigned("id2", id2),
        "id3": unsigned("id3", id3),
    }


def eddystone_uid(namespace: object, instance: object) -> dict[str, Any]:
    return {
        "type": "eddystone_uid",
        "namespace": _hexadecimal("namespace", namespace, 20),
        "instance": _hexadecimal("instance", instance, 12),
    }


def mac(value: object) -> str:
    text = str(value).lower()
    if not _MAC.fullmatch(text):
        raise ValueError(f"the mac is {short(value)}, should be six bytes such as ac:23:3f:5a:0b:1c")
    digits = re.sub("[:-]", "", text)
    return ":".join(digits[index : index + 2] for index in range(0, 12, 2))


def made_up_mac(name: str) -> str:
    """For a receiver that is known by a name only: always the same, and marked as locally administered (02)."""
    digits = blake2b(name.encode(), digest_size=5).hexdigest()
    return mac("02" + digits)


def sighting(
    identity: dict[str, Any] | None, *, rssi: object, address: str | None = None, tx_power: object = None
) -> dict[str, Any]:
    """As `POST /v1/pings` takes it. Without an identity the address is what was heard."""
    if identity is None and address is None:
        raise ValueError("says neither an identity nor an address of what was heard")
    told = dict(identity or {"type": "mac"}) | {"rssi": level("rssi", rssi)}
    if address is not None:
        told["mac"] = address
    if tx_power is not None:
        told["tx_power"] = level("tx_power", tx_power)
    return told


def level(name: str, value: object) -> float:
    """In dBm; whole where it is whole, so that -67 stays -67."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not -1000 <= number <= 1000:
        raise ValueError(f"{name} is {short(value)}, should be a level in dBm")
    return int(number) if number.is_integer() else number


def unsigned(name: str, value: object) -> int:
    """Sixteen bits. Some decoders take them for signed: -1 is 65535, -32768 is 32768."""
    try:
        hexadecimal = isinstance(value, str) and value.lower().startswith("0x")
        number = int(value, 16 if hexadecimal else 10) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not -32_768 <= number <= 65_535:
        raise ValueError(f"{name} is {short(value)}, should be a whole number from 0 to 65535")
    return number % 65_536


def _uuid(name: str, value: object) -> str:
    found = _UUID.fullmatch(str(value).lower())
    if found is None:
        raise ValueError(f"{name} is {short(value)}, should be a UUID of 32 hexadecimal digits")
    return "-".join(found.groups())


def _hexadecimal(name: str, value: object, digits: int) -> str:
    text = str(value).lower().removeprefix("0x")
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text):
        raise ValueError(f"{name} is {short(value)}, should be {digits} hexadecimal digits")
    return text
