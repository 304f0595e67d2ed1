"""Lines of traces as bytes, spelled from parts: a day has hundreds of thousands of pings, and most of each is known
beforehand.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from beacon_service.zones.identities import FIELDS, FIRST_METRE_DB
from simulators.generating.sites.place import Hung

encode = msgspec.json.encode

# What identifies a beacon that advertises several ways, in the order in which apps ask.
KINDS = ("ibeacon", "eddystone_uid", "altbeacon", "mac")
# A neighbour's beacon that nobody registered.
STRANGER = b'{"type":"ibeacon","uuid":"0f5c6a7e-33f0-4d7f-8f0b-d7a1b0f7c9aa","major":4242,"minor":7,"rssi":'


def instants(at_s: Sequence[float] | NDArray[np.float64]) -> list[bytes]:
    """Unix seconds as ISO 8601 in UTC with milliseconds."""
    whole = np.rint(np.asarray(at_s, dtype=np.float64) * 1000).astype(np.int64).astype("datetime64[ms]")
    return [text.encode() + b"Z" for text in np.datetime_as_string(whole, unit="ms").tolist()]


def sighting_stems(beacons: Sequence[Hung], told_dbm: NDArray[np.float64], *, android: bool) -> list[bytes]:
    """A sighting of each beacon up to its level. iOS tells neither the address nor the advertised power."""
    return [
        _stem(beacon, float(power), android=android) for beacon, power in zip(beacons, told_dbm, strict=True)
    ]


def _stem(beacon: Hung, told_dbm: float, *, android: bool) -> bytes:
    kind = next(kind for kind in KINDS if kind in beacon.identities)
    told: dict[str, Any] = {"type": kind}
    told |= {name: beacon.identities[kind][name] for name in FIELDS[kind]}
    if android:
        told["mac"] = beacon.identities.get("mac", {}).get("mac") or made_address(beacon.id)
        told["tx_power"] = round(told_dbm + (FIRST_METRE_DB if kind == "eddystone_uid" else 0))
    return encode(told)[:-1] + b',"rssi":'


def made_address(beacon: str) -> str:
    """The two highest bits of a random address that stays are set."""
    number = zlib.crc32(beacon.encode())
    parts = [0xC0 | number >> 26, *(number >> shift & 0xFF for shift in (18, 10, 2)), number & 3, 0x5A]
    return ":".join(f"{part:02x}" for part in parts)


def spelled_ping(
    ping_id: str, at: bytes, sightings: Sequence[bytes], position: bytes | None, *, foreground: bool
) -> bytes:
    where = b',"position":' + position if position else b""
    return b'{"ping_id":"%b","at":"%b","foreground":%b,"sightings":[%b]%b}' % (
        ping_id.encode(),
        at,
        b"true" if foreground else b"false",
        b",".join(sightings),
        where,
    )


def spelled_report(installation_id: str, at: bytes, sent_at: bytes, pings: Sequence[bytes]) -> bytes:
    return b'{"kind":"report","at":"%b","installation_id":"%b","sent_at":"%b","pings":[%b]}' % (
        at,
        installation_id.encode(),
        sent_at,
        b",".join(pings),
    )


def spelled_truth(
    installation_id: str, at: bytes, where: tuple[bytes, bytes, bytes], longitude: float, latitude: float
) -> bytes:
    """`where`: site, floor and zone, each as JSON."""
    return (
        b'{"at":"%b","installation_id":"%b","site":%b,"floor":%b,"zone":%b,"longitude":%.8f,"latitude":%.8f}'
        % (
            at,
            installation_id.encode(),
            *where,
            longitude,
            latitude,
        )
    )


def spelled_position(longitude: float, latitude: float, accuracy_m: float) -> bytes:
    return b'{"latitude":%.7f,"longitude":%.7f,"accuracy_m":%.1f}' % (latitude, longitude, accuracy_m)


def spelled(kind: str, at: bytes, content: Mapping[str, Any]) -> bytes:
    """Of any other kind."""
    return b'{"kind":"%b","at":"%b",' % (kind.encode(), at) + encode(content)[1:]
