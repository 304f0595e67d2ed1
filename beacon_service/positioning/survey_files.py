"""Surveys and recordings as files of CSV, plain or packed by gzip.

sightings.csv[.gz]   trace,t_ms,uuid,major,minor,mac,tx_power,rssi
waypoints.csv[.gz]   trace,t_ms,floor,lat,lon

Columns may stand in any order and others beside them. What identifies a transmitter may be left empty as long as
something does: uuid, major and minor, or mac, or both. Other advertisements have columns of their own: namespace and
instance (Eddystone), id1, id2 and id3 (AltBeacon); a column `type` may say which is meant.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from beacon_service.positioning.survey import SurveyError, SurveySighting, SurveyWalk, Waypoint
from beacon_service.positioning.tables import Row, Table, opened, shown
from beacon_service.zones.identities import FIELDS, FIRST_METRE_DB, identity_text, mac_text
from beacon_service.zones.model import Identity, Sighting, is_level

T = TypeVar("T")

SIGHTINGS = "sightings"
WAYPOINTS = "waypoints"

# Forty times the largest survey that we have seen: a week of walking through an airport.
MOST_SIGHTINGS = 2_000_000
MOST_WAYPOINTS = 100_000
# What phones say where they know no level; other levels that cannot be are mistakes.
NO_LEVELS = frozenset({127.0, 0.0, -128.0})
IN_DBM = "write what was received in dBm, below 0 and at least -127"
# Wide enough for the nonsense that beacons do advertise; what of it is believed is judged where it is used.
WIDEST_POWER_DBM = 1_000


class Survey(NamedTuple):
    """Walks by trace and time, and how many sightings were left out because nobody knows where they were heard."""

    walks: tuple[SurveyWalk, ...]
    left_out: int


def read_survey(directory: Path) -> tuple[SurveyWalk, ...]:
    """The walks of a survey, see `survey_in`."""
    return survey_in(directory).walks


def survey_in(directory: Path) -> Survey:
    """Read a folder's two files. Raises SurveyError, which names file, line and column."""
    if not directory.is_dir():
        raise SurveyError(f"{directory} is no folder; name one with sightings.csv.gz and waypoints.csv.gz")
    waypoints = read_waypoints(_file(directory, WAYPOINTS))
    return survey_of(waypoints, read_sightings(_file(directory, SIGHTINGS)))


def survey_of(
    waypoints: Mapping[str, Sequence[Waypoint]], sightings: Mapping[str, Sequence[SurveySighting]]
) -> Survey:
    """Walks of what was read, by trace: one for each floor that a trace stays on.

    Where a trace changes floors it is split. What it heard on its way between them is left out, as is what a trace
    without waypoints heard.
    """
    if not any(waypoints.values()):
        raise SurveyError("there are no waypoints: without them nobody knows where anything was heard")
    walks = [
        walk
        for trace, way in sorted(waypoints.items())
        if way
        for walk in _split(trace, sorted(way, key=_time), sorted(sightings.get(trace, ()), key=_time))
    ]
    used = sum(len(walk.sightings) for walk in walks)
    if not used:
        raise SurveyError(
            "no sighting belongs to a trace with waypoints; are the traces named alike in both?"
        )
    return Survey(tuple(walks), sum(map(len, sightings.values())) - used)


def read_waypoints(path: Path) -> dict[str, list[Waypoint]]:
    """Where each trace went, in the order of the file."""
    with opened(path) as table:
        table.require("trace", "t_ms", "floor", "lat", "lon")
        return _by_trace(table, _waypoint, MOST_WAYPOINTS)


def read_sightings(path: Path) -> dict[str, list[SurveySighting]]:
    """What each trace heard, in the order of the file. Rows without a level (127, 0, -128) are left out."""
    with opened(path) as table:
        table.require("trace", "t_ms", "rssi")
        if not any(table.has(*fields) for fields in FIELDS.values()):
            columns = "; ".join(",".join(fields) for fields in FIELDS.values())
            table.fail("nothing identifies a transmitter", f"add columns: {columns}", line=1)
        reader = _SightingReader(table)
        return _by_trace(table, reader.read, MOST_SIGHTINGS)


class UnnamedError(ValueError):
    """What was heard has no identity: the field at fault, what is wrong with it and what to do."""

    def __init__(self, field: str, what: str, do: str) -> None:
        self.field, self.what, self.do = field, what, do
        super().__init__(f"{field} {what}; {do}")


class Transmitter(NamedTuple):
    """By what a transmitter was heard, and what the power that it advertises loses on its first metre."""

    identity: Identity | None
    mac: Identity | None
    lost_db: float

    def sighting(self, rssi_dbm: float, tx_power_dbm: float | None) -> Sighting:
        power = None if tx_power_dbm is None else tx_power_dbm - self.lost_db
        return Sighting(self.identity, self.mac, rssi_dbm, power)


def transmitter(fields: Mapping[str, Any]) -> Transmitter:
    """Of what is filled in of type, uuid, ..., mac; without a type the fields say it. Raises UnnamedError."""
    told = fields.get("type")
    if told is not None and told not in FIELDS:
        raise UnnamedError("type", f"is {shown(told)}", f"write one of {', '.join(FIELDS)}, or nothing")
    kinds = [kind for kind in FIELDS if kind != "mac" and FIELDS[kind][0] in fields]
    if told is None and len(kinds) > 1:
        raise UnnamedError("type", f"may be {' or '.join(kinds)}", "say which by a type")
    kind = told or (kinds[0] if kinds else "mac")
    if kind == "mac" and "mac" not in fields:
        raise UnnamedError("mac", "is empty, and so is what else could identify it", "write what was heard")
    try:
        mac = mac_text(fields["mac"]) if "mac" in fields else None
    except ValueError as error:
        raise UnnamedError("mac", f"is {shown(fields['mac'])}", str(error)) from None
    if kind == "mac":
        return Transmitter(None, mac, 0.0)
    try:
        identity = identity_text(kind, fields)
    except ValueError as error:
        field = str(error).partition(" ")[0]
        raise UnnamedError(field, f"is {shown(fields.get(field, ''))}", str(error)) from None
    return Transmitter(identity, mac, FIRST_METRE_DB if kind == "eddystone_uid" else 0.0)


def _by_trace(table: Table, read: Callable[[Row], T | None], most: int) -> dict[str, list[T]]:
    traces: dict[str, list[T]] = defaultdict(list)
    for count, row in enumerate(table.rows(), start=1):
        if count > most:
            table.fail(f"has more than {most} rows", "leave some out, or import it in parts")
        one = read(row)
        if one is not None:
            traces[row.trace()].append(one)
    return dict(traces)


def _time(one: Waypoint | SurveySighting) -> int:
    return one.t_ms


def _split(trace: str, way: Sequence[Waypoint], sightings: Sequence[SurveySighting]) -> Iterator[SurveyWalk]:
    stays: list[list[Waypoint]] = []
    for waypoint in way:
        if not stays or stays[-1][-1].floor != waypoint.floor:
            stays.append([])
        stays[-1].append(waypoint)
    for number, stay in enumerate(stays):
        since = -math.inf if number == 0 else stay[0].t_ms
        until = math.inf if number == len(stays) - 1 else stay[-1].t_ms
        # A waypoint in the same millisecond as the next floor's: what was heard then counts once.
        ends = stays[number + 1][0].t_ms if number + 1 < len(stays) else math.inf
        heard = tuple(one for one in sightings if since <= one.t_ms <= until and one.t_ms < ends)
        yield SurveyWalk(trace if len(stays) == 1 else f"{trace}#{number + 1}", tuple(stay), heard)


def _waypoint(row: Row) -> Waypoint:
    floor = row.text("floor")
    if not 0 < len(floor) <= 64:
        row.fail(
            "floor", "is empty" if not floor else "is too long", "write the floor's id as the site has it"
        )
    latitude, longitude = row.number("lat", -90, 90), row.number("lon", -180, 180)
    return Waypoint(row.t_ms(), floor, longitude, latitude)


class _SightingReader:
    """Reads the sightings of one file; each way to write an identity is read once."""

    def __init__(self, table: Table) -> None:
        names = dict.fromkeys(name for fields in FIELDS.values() for name in fields)
        self._columns = [name for name in ("type", *names) if table.has(name)]
        self._places = [table.columns[name] for name in self._columns]
        self._known: dict[tuple[str, ...], Transmitter] = {}

    def read(self, row: Row) -> SurveySighting | None:
        heard = self._heard(row)
        rssi = row.number("rssi", -WIDEST_POWER_DBM, WIDEST_POWER_DBM, IN_DBM)
        t_ms = row.t_ms()
        if not is_level(rssi):
            if rssi in NO_LEVELS:
                return None
            row.fail("rssi", f"is {rssi:g}", IN_DBM)
        power = row.number("tx_power", -WIDEST_POWER_DBM, WIDEST_POWER_DBM) if row.text("tx_power") else None
        return SurveySighting(t_ms, heard.sighting(rssi, power))

    def _heard(self, row: Row) -> Transmitter:
        written = tuple([row.cells[place] for place in self._places])
        known = self._known.get(written)
        if known is None:
            known = self._known[written] = self._spelt_out(row, written)
        return known

    def _spelt_out(self, row: Row, written: tuple[str, ...]) -> Transmitter:
        fields = {
            name: text.strip() for name, text in zip(self._columns, written, strict=True) if text.strip()
        }
        try:
            return transmitter(fields)
        except UnnamedError as error:
            row.fail(error.field, error.what, error.do)


def _file(directory: Path, name: str) -> Path:
    for suffix in (".csv.gz", ".csv"):
        if (directory / f"{name}{suffix}").exists():
            return directory / f"{name}{suffix}"
    raise SurveyError(f"{directory} holds neither {name}.csv.gz nor {name}.csv")
