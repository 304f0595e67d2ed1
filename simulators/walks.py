"""A walk: what one phone hears on one way through a place, with the truth beside it.

The demo's shoppers and recorded people become the same thing here, before they become lines of a trace. Times are
seconds since the walk's start: it gets its hour when played.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sighting:
    """One advertisement heard. iOS tells neither the radio address nor the calibrated power."""

    uuid: str
    major: int
    minor: int
    rssi_dbm: int
    mac: str | None = None
    tx_power_dbm: int | None = None

    def as_json(self) -> dict[str, Any]:
        told = {"mac": self.mac, "tx_power": self.tx_power_dbm}
        return {
            "type": "ibeacon",
            "uuid": self.uuid,
            "major": self.major,
            "minor": self.minor,
            "rssi": self.rssi_dbm,
        } | {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Position:
    longitude: float
    latitude: float
    accuracy_m: float

    def as_json(self) -> dict[str, Any]:
        return {"latitude": self.latitude, "longitude": self.longitude, "accuracy_m": self.accuracy_m}


@dataclass(frozen=True, slots=True)
class WalkPing:
    """One ping as planned. `sent_twice`: its answer gets lost on the way, so the app sends it again.

    `truth` is the deepest zone ("site/zone") that the phone really was in; None where nobody knows.
    """

    after_s: float
    sightings: tuple[Sighting, ...] = ()
    position: Position | None = None
    truth: str | None = None
    sent_twice: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """One installation's way. `customer`: the attributes of the person, where the app knows who it is."""

    label: str
    starts_after_s: float
    pings: tuple[WalkPing, ...]
    platform: str = "android"
    location_consent: bool = True
    marketing_consent: bool = True
    clock_ahead_s: float = 0.0
    customer: dict[str, Any] | None = None

    @property
    def ends_after_s(self) -> float:
        return self.starts_after_s + (self.pings[-1].after_s if self.pings else 0.0)
