"""Places: sites, floors, zones and beacons as the engine sees them. Values only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType
from zoneinfo import ZoneInfo

import msgspec
from shapely.geometry.base import BaseGeometry

from beacon_service.hours import WeeklyHours

SiteId = NewType("SiteId", str)
FloorId = NewType("FloorId", str)
BeaconId = NewType("BeaconId", str)
# "site/zone": ids never contain a slash, so one text names a zone everywhere in the core.
ZoneKey = NewType("ZoneKey", str)
# "ibeacon:<uuid>:<major>:<minor>", "eddystone_uid:<namespace>:<instance>", "altbeacon:<id1>:<id2>:<id3>", "mac:<mac>"
Identity = NewType("Identity", str)


def zone_key(site: str, zone: str) -> ZoneKey:
    return ZoneKey(f"{site}/{zone}")


def split_zone_key(key: ZoneKey) -> tuple[SiteId, str]:
    site, _, zone = key.partition("/")
    return SiteId(site), zone


@dataclass(frozen=True, slots=True)
class Site:
    id: SiteId
    name: str
    time_zone: ZoneInfo
    hours: tuple[WeeklyHours, ...] | None = None  # when it is open; None: always


@dataclass(frozen=True, slots=True)
class Zone:
    key: ZoneKey
    site: SiteId
    floor: FloorId | None  # None: outdoors, a geofence; it holds on every floor
    name: str
    geometry: BaseGeometry = field(repr=False)
    tags: frozenset[str] = frozenset()
    priority: int = 0
    sensitive: bool = False
    dwell_s: tuple[int, ...] = ()
    enter_confirm: int | None = None  # pings that confirm an entry; None: the default
    exit_hold_s: int | None = None
    area_m2: float = 0.0
    depth: int = 0  # how many zones it lies in, by their shapes and by what was declared
    parent: ZoneKey | None = None  # declared: it lies in this one, whatever the shapes say
    hours: tuple[WeeklyHours, ...] | None = None  # when it is open; None: as its site


@dataclass(frozen=True, slots=True)
class Beacon:
    id: BeaconId
    site: SiteId
    floor: FloorId | None
    longitude: float
    latitude: float
    identities: tuple[Identity, ...]
    tx_power_dbm: int | None  # calibrated at 1 m; None: what the sighting says, else the default


def is_level(rssi_dbm: float) -> bool:
    """127, 0 and the like are how phones say "unknown"; NaN fails both bounds."""
    return -127.0 <= rssi_dbm < 0.0


class Sighting(msgspec.Struct, frozen=True):
    """One hearing of one transmitter. `identity` is what was advertised, `mac` the address where the phone tells it.

    `tx_power_dbm` is the level at 1 m, whatever distance the transmitter states it for. `at` is when it was heard,
    on the same clock as its ping, where the phone tells it apart from the ping's own time.
    """

    identity: Identity | None
    mac: Identity | None
    rssi_dbm: float
    tx_power_dbm: float | None = None
    at: datetime | None = None


class Position(msgspec.Struct, frozen=True):
    """A fix of the phone's own; accuracy is the radius that holds 68 % (as Android and iOS report it)."""

    longitude: float
    latitude: float
    accuracy_m: float
    floor: str | None = None
    mocked: bool = False


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """What an installation still remembers of a beacon: its level, smoothed, and when it was last heard.

    Stored as an array, as `Stay` is: with names, a full presence would exceed the 2 kB that a row keeps in place.
    """

    beacon: str
    rssi_dbm: float
    at: datetime
    tx_power_dbm: float | None = None


class Belief(msgspec.Struct, frozen=True, array_like=True):
    """Where an installation is believed to be at a surveyed site, as one of its radio maps numbers the cells.

    `cells` are columns of the map, ascending, two bytes each; `walking` and `resting` weigh, a byte each, that the
    phone walks by there and that it rests there, for `rested_s` by now (see `positioning.belief`).
    """

    site: str
    number: int  # of the radio map
    at: datetime
    cells: bytes
    walking: bytes
    resting: bytes
    rested_s: float = 0.0


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """Where the fixes of an installation that hears beacons have stayed together; `away_at`: since when they do not."""

    at: datetime
    rested_s: float
    longitude: float
    latitude: float
    accuracy_m: float
    site: str | None
    floor: str | None
    away_at: datetime | None = None


class Located(msgspec.Struct, frozen=True):
    """Where a ping was held to be. `zones`: each zone that may hold it, with the probability, most probable first.

    `source` is `radio_map`, `beacons`, `position` or `none`; with `none` nothing was heard that says where, and
    nothing changes.
    """

    source: str
    zones: tuple[tuple[str, float], ...] = ()
    longitude: float | None = None
    latitude: float | None = None
    accuracy_m: float | None = None
    floor: str | None = None
    beacons: tuple[tuple[str, float], ...] = ()  # used, with their weight
    rested_s: float = 0.0  # for how long it has not gone anywhere, as far as is known

    def probability(self, zone: str) -> float:
        return next((p for key, p in self.zones if key == zone), 0.0)


NOWHERE = Located(source="none")
