"""How beacons are doing, by what phones say of them: silent, elsewhere than the catalogue has it, or out of power.

Pure: pings are folded into what is kept of each beacon, and that is judged. Nothing kept names a person or a phone.
The verdict is advice to whoever looks after the beacons; `docs/operations.md` says why it is no more.
"""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias, get_args

import msgspec

from beacon_service.zones.model import Beacon
from beacon_service.zones.whereabouts import Hearing, compare, place_of

State: TypeAlias = Literal["ok", "silent", "moved", "dying", "unheard"]
STATES: tuple[State, ...] = get_args(State)
Finding: TypeAlias = Literal["unheard", "silent", "elsewhere", "battery_low", "battery_falling"]

# Hourly counts reach back so far: silence is told from them, and a day has every shop's open hours in it.
KEPT_HOURS = 24
# A beacon in a corner may go unheard for an hour or two of a quiet morning; six busy ones are most of a day's trade.
SILENT_HOURS = 6
# An hour in which the others of its site were heard so often is one with people in it, not a night watchman's round.
BUSY_SIGHTINGS = 10

# One walk past with a beacon in the bag makes a handful of pings: so many are needed, and of so many phones.
LEAST_PINGS = 20
LEAST_PHONES = 3
# Evidence is kept by the day, today and the day before: a beacon that was put back is believed within two days.
KEPT_DAYS = 2

# Two alkaline cells or a lithium coin are spent at 2.0 V; at 2.3 V some days to weeks are left to change them.
LOW_BATTERY_MV = 2_300
# A coin cell holds its voltage for most of its life and then falls. A frosty week takes 100 mV and gives them back.
FALLING_MV = 200
FALLING_DAYS = 7
LEAST_FALL_DAYS = 3
# Below is no cell, above no beacon's supply; 0 says mains or unknown.
BATTERIES_MV = (1_000, 20_000)

_HOUR_S = 3_600
_DAY_S = 86_400


class Window(msgspec.Struct, array_like=True):
    """A day's evidence of where a beacon is, from pings that heard it with others that agree on a place."""

    day: int  # since 1970
    pings: int = 0
    far: int = 0  # of them, those in which the others were elsewhere
    apart_m: float = 0.0  # summed over those
    phones: int = 0  # a bit for each phone that told so, 64 of them: as many bits, at least so many phones
    places: dict[str, int] = {}  # where the others were: "site/floor"


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one beacon. `place` is what the evidence was gathered against: moved on paper, it begins anew."""

    place: str
    last_heard_at: datetime | None = None
    hours: dict[int, int] = {}  # sightings by the hour since 1970, of the last day
    windows: tuple[Window, ...] = ()
    battery_mv: int | None = None
    battery_at: datetime | None = None
    temperature_c: float | None = None
    battery_days: dict[int, int] = {}  # the best reading of each day
    silent_after: datetime | None = None  # heard last then, when it was found silent
    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> State:
        """The first finding's; `ok` without any."""
        return _STATES[self.findings[0]] if self.findings else "ok"

    def sightings(self, now: datetime, hours: int) -> int:
        """In the current hour and those before it, `hours` in all."""
        return sum(count for hour, count in self.hours.items() if _hour(now) - hour < hours)


class Elsewhere(NamedTuple):
    """What the kept days say of where it is."""

    pings: int
    far: int
    phones: int
    apart_m: float | None  # the mean of those that were far
    near: str | None  # "site/floor" where most of those were


class HeardPing(NamedTuple):
    """What one ping heard; `phone` names its installation, and is forgotten here."""

    at: datetime
    phone: int
    hearings: Sequence[Hearing]


@dataclass(slots=True)
class Gathered:
    """What some pings add to the record of one beacon."""

    last_heard_at: datetime | None = None
    hours: Counter[int] = field(default_factory=Counter)
    windows: dict[int, Window] = field(default_factory=dict)
    battery: tuple[datetime, int, float | None] | None = None
    battery_days: dict[int, int] = field(default_factory=dict)


def gather(
    gathered: dict[str, Gathered], ping: HeardPing, levels: Mapping[str, int], *, weight: int = 1
) -> None:
    """Add one ping. `levels`: of floors, by "site/floor". `weight`: how many pings like it this one stands for."""
    at, day = ping.at, _day(ping.at)
    for one in ping.hearings:
        of_beacon = gathered.setdefault(one.beacon.id, Gathered())
        of_beacon.last_heard_at = max(of_beacon.last_heard_at or at, at)
        of_beacon.hours[_hour(at)] += weight
        _add_battery(of_beacon, one, at)
    for one, seen in compare(ping.hearings, levels):
        window = gathered[one.beacon.id].windows.setdefault(day, Window(day))
        window.pings += 1
        if seen.is_far:
            window.far += 1
            window.apart_m += seen.metres
            window.phones |= 1 << zlib.crc32(f"{ping.phone}/{one.beacon.id}".encode()) % 64
            window.places = {**window.places, seen.place: window.places.get(seen.place, 0) + 1}


def merged(record: Record | None, gathered: Gathered | None, beacon: Beacon, now: datetime) -> Record:
    """The record after what was gathered, without what is too old to keep."""
    place = f"{place_of(beacon)}@{beacon.longitude:.6f},{beacon.latitude:.6f}"
    before = record or Record(place)
    new = gathered or Gathered()
    hours = Counter(before.hours) + new.hours
    battery_days = before.battery_days | {
        day: max(mv, before.battery_days.get(day, 0)) for day, mv in new.battery_days.items()
    }
    windows = {one.day: one for one in before.windows} if before.place == place else {}
    for day, window in new.windows.items():
        windows[day] = _joined(windows[day], window) if day in windows else window
    last_heard_at = max((at for at in (before.last_heard_at, new.last_heard_at) if at), default=None)
    after = msgspec.structs.replace(
        before,
        place=place,
        last_heard_at=last_heard_at,
        hours={hour: count for hour, count in sorted(hours.items()) if _hour(now) - hour < KEPT_HOURS},
        windows=tuple(window for day, window in sorted(windows.items()) if _day(now) - day < KEPT_DAYS),
        battery_days={day: mv for day, mv in sorted(battery_days.items()) if _day(now) - day <= FALLING_DAYS},
    )
    if new.battery is None or (before.battery_at is not None and before.battery_at > new.battery[0]):
        return after
    battery_at, battery_mv, temperature_c = new.battery
    return msgspec.structs.replace(
        after, battery_at=battery_at, battery_mv=battery_mv, temperature_c=temperature_c
    )


def judged(record: Record, site_hours: Mapping[int, int]) -> Record:
    """The record with its findings. `site_hours`: sightings of all beacons of its site, by the hour.

    Hours after it was last heard have none of its own in them. A silent one stays silent until it is heard, though
    the site closes for days.
    """
    last = record.last_heard_at
    if last is None:
        return msgspec.structs.replace(record, findings=("unheard",))
    busy = sum(hour > _hour(last) and count >= BUSY_SIGHTINGS for hour, count in site_hours.items())
    is_silent = busy >= SILENT_HOURS or record.silent_after == last
    told: tuple[tuple[Finding, bool], ...] = (
        ("silent", is_silent),
        ("elsewhere", _is_elsewhere(elsewhere(record))),
        ("battery_low", _battery_low(record)),
        ("battery_falling", _battery_falling(record)),
    )
    findings = tuple(name for name, holds in told if holds)
    return msgspec.structs.replace(record, findings=findings, silent_after=last if is_silent else None)


_STATES: Mapping[Finding, State] = {
    "unheard": "unheard",
    "silent": "silent",
    "elsewhere": "moved",
    "battery_low": "dying",
    "battery_falling": "dying",
}


def elsewhere(record: Record) -> Elsewhere:
    far = sum(window.far for window in record.windows)
    phones = 0
    places: Counter[str] = Counter()
    for window in record.windows:
        phones |= window.phones
        places.update(window.places)
    apart_m = sum(window.apart_m for window in record.windows) / far if far else None
    near = min(places, key=lambda name: (-places[name], name)) if places else None
    return Elsewhere(sum(window.pings for window in record.windows), far, phones.bit_count(), apart_m, near)


def _is_elsewhere(found: Elsewhere) -> bool:
    """In more than half of the pings: what the median says."""
    return found.pings >= LEAST_PINGS and 2 * found.far > found.pings and found.phones >= LEAST_PHONES


def _battery_low(record: Record) -> bool:
    """By the best reading of the last day that has any: one reading under load is no flat battery."""
    return bool(record.battery_days) and record.battery_days[max(record.battery_days)] < LOW_BATTERY_MV


def _battery_falling(record: Record) -> bool:
    if not record.battery_days:
        return False
    first, last = min(record.battery_days), max(record.battery_days)
    fallen_mv = record.battery_days[first] - record.battery_days[last]
    return last - first >= LEAST_FALL_DAYS and fallen_mv >= FALLING_MV


def _add_battery(gathered: Gathered, one: Hearing, at: datetime) -> None:
    if one.battery_mv is None or not BATTERIES_MV[0] <= one.battery_mv <= BATTERIES_MV[1]:
        return
    if gathered.battery is None or at >= gathered.battery[0]:
        gathered.battery = (at, one.battery_mv, one.temperature_c)
    day = _day(at)
    gathered.battery_days[day] = max(gathered.battery_days.get(day, 0), one.battery_mv)


def _joined(one: Window, other: Window) -> Window:
    return Window(
        one.day,
        one.pings + other.pings,
        one.far + other.far,
        one.apart_m + other.apart_m,
        one.phones | other.phones,
        dict(Counter(one.places) + Counter(other.places)),
    )


def _hour(at: datetime) -> int:
    return int(at.timestamp() // _HOUR_S)


def _day(at: datetime) -> int:
    return int(at.timestamp() // _DAY_S)


# As long as anything of a ping may matter here; older ones are not looked at.
OLDEST = timedelta(days=KEPT_DAYS)
