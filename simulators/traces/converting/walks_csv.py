"""Walks as CSV, in the files that `simulators.recorded` reads too: each walk becomes one phone.

sightings.csv[.gz]  trace,t_ms,uuid,major,minor,mac,tx_power,rssi   what was heard
truth.csv[.gz]      trace,t_ms,floor,zone,lat,lon                    where the walker was, once a second
waypoints.csv[.gz]  trace,t_ms,floor,lat,lon                         the same by the walker's word, for want of truth
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from simulators.ilc import ConvertError
from simulators.traces.converting import identities
from simulators.traces.converting.observation import Choice, Heard, Tally, instant, micros, phone_name
from simulators.traces.converting.pinging import position
from simulators.traces.converting.wording import short
from simulators.traces.model import TraceError, Truth
from simulators.traces.packed import UNREADABLE, opened

T = TypeVar("T")
Row = Mapping[str, str]

_SIGHTING = ("trace", "t_ms", "rssi")
_PLACE = ("trace", "t_ms", "lat", "lon")


def read(source: Path, tally: Tally, choice: Choice) -> Iterator[Heard]:
    del choice
    path = found(source, "sightings") if source.is_dir() else source
    if path is None:
        raise ConvertError(f"{source} holds no sightings.csv or sightings.csv.gz; name the folder that does")
    yield from _rows(path, _SIGHTING, _heard, tally, "sightings")


def read_truth(source: Path, tally: Tally, choice: Choice) -> Iterator[Truth]:
    """Beside the sightings; nothing where there is none."""
    folder = source if source.is_dir() else source.parent
    for name in ("truth", "waypoints"):
        path = found(folder, name)
        if path is not None:
            yield from _rows(path, _PLACE, partial(_truth, site=choice.site), tally, f"moments of {name}")
            return


def site_of(source: Path) -> str | None:
    """The folder with the zones, as recorded walks are kept: SITE/dev/sightings.csv.gz."""
    above = [source, *source.resolve().parents[:2]]
    return next((folder.resolve().name for folder in above if (folder / "zones.geojson").exists()), None)


def found(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}.csv.gz", folder / f"{name}.csv")
    return next((path for path in paths if path.is_file()), None)


def _rows(
    path: Path, columns: tuple[str, ...], parse: Callable[[Row], T], tally: Tally, what: str
) -> Iterator[T]:
    try:
        with opened(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            rows = csv.DictReader(text, strict=True)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                raise ConvertError(
                    f"line 1 of {path} should name the columns, {', '.join(missing)} among them"
                )
            for row in rows:
                try:
                    parsed = parse(_whole(row))
                except (TypeError, ValueError, KeyError) as error:
                    tally.malformed(f"line {rows.line_num} of {path}", error)
                else:
                    tally.became(what)
                    yield parsed
    except (TraceError, *UNREADABLE, UnicodeDecodeError, csv.Error) as error:
        raise ConvertError(f"{path} cannot be read: {error}") from None


def _whole(row: dict[str | Any, str | Any]) -> Row:
    if None in row:
        raise ValueError("has more columns than line 1 names")
    return row


def _heard(row: Row) -> Heard:
    uuid, address = row.get("uuid"), row.get("mac")
    identity = identities.ibeacon(uuid, row.get("major"), row.get("minor")) if uuid else None
    told = identities.sighting(
        identity,
        rssi=row["rssi"],
        address=identities.mac(address) if address else None,
        tx_power=row.get("tx_power") or None,
    )
    return Heard(_at_us(row), phone_name(row["trace"]), told)


def _truth(row: Row, *, site: str | None) -> Truth:
    there = position(row["lat"], row["lon"], 0)
    return Truth(
        at=instant(_at_us(row)),
        installation_id=phone_name(row["trace"]),
        site=site,
        floor=row.get("floor") or None,
        zone=row.get("zone") or None,
        longitude=there["longitude"],
        latitude=there["latitude"],
    )


def _at_us(row: Row) -> int:
    text = row["t_ms"]
    if not (text or "").isdecimal():
        raise ValueError(f"t_ms is {short(text)}, should be Unix milliseconds")
    return micros(int(text), "t_ms", per_second=1000)
