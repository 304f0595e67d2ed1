"""A trace that names nobody: ids become keyed hashes, times may move by days, places lose their decimals.

What is not listed here as kept is dropped, so that a field that is new tomorrow does not slip through.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from simulators.traces.model import (
    CustomerTold,
    EventTold,
    Header,
    Identified,
    Line,
    Note,
    Other,
    OutcomeTold,
    Ping,
    Registered,
    Report,
    Response,
    TraceError,
    Truth,
)

SHORTEST_KEY = 16
METRES_A_DEGREE = 111_320.0
# Short words of an alphabet in which nobody writes sentences: types, uuids, addresses, ids of products.
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_OF_SIGHTINGS = (
    "type", "rssi", "uuid", "major", "minor", "namespace", "instance", "id1", "id2", "id3", "mac", "tx_power",
    "proximity", "battery_mv", "temperature_c",
)  # fmt: skip
_OF_ITEMS = ("id", "category", "quantity", "amount")


@contextmanager
def _within_time() -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise TraceError(
            f"moved by so many days the trace would leave the years 1970 to 2200: {error}"
        ) from None


@dataclass(slots=True)
class Anonymiser:
    """`key` decides the new ids: the same key makes the same of the same, and nobody without it can tell."""

    key: bytes
    shift: timedelta = timedelta(0)
    grid_m: float = 0.0
    keep: frozenset[str] = frozenset()
    dropped: Counter[str] = field(default_factory=Counter)

    def header(self, header: Header) -> Header:
        with _within_time():
            ends_at = None if header.ends_at is None else header.ends_at + self.shift
            return Header(
                made_by="beacon-sim anonymise",
                begins_at=header.begins_at + self.shift,
                ends_at=ends_at,
                sites=header.sites,
            )

    def lines(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            with _within_time():
                told = self._line(line)
            if told is not None:
                yield told

    def truth(self, moments: Iterable[Truth]) -> Iterator[Truth]:
        for moment in moments:
            longitude, latitude = self._place(moment.longitude, moment.latitude)
            yield msgspec.structs.replace(
                moment,
                at=moment.at + self.shift,
                installation_id=self.name("installation", moment.installation_id),
                longitude=longitude,
                latitude=latitude,
            )

    def name(self, what: str, told: str) -> str:
        """Ninety-six bits in hexadecimal digits. What it names is hashed with it: no two lists can be joined by it."""
        return self._hash(what, told, 12).hex()

    def _uuid(self, told: str) -> str:
        """Decisions have UUIDs, and events that name one are refused with anything else."""
        return str(UUID(bytes=self._hash("decision", told, 16), version=4))

    def _hash(self, what: str, told: str, size: int) -> bytes:
        return blake2b(f"{what}\0{told}".encode(), digest_size=size, key=self.key).digest()

    def _line(self, line: Line) -> Line | None:
        at = line.at + self.shift
        match line:
            case Registered():
                return self._registered(line, at)
            case CustomerTold():
                return self._customer(line, at)
            case Identified() | Response():
                return self._renamed(line, at)
            case Report():
                return self._report(line, at)
            case EventTold():
                event = self._event(line.event)
                return EventTold(at=at, customer_id=self.name("customer", line.customer_id), event=event)
            case OutcomeTold():
                return self._outcome(line, at)
            case Note():
                self.dropped["notes"] += 1
            case Other():
                self.dropped[f"lines of kind {line.kind}"] += 1
        return None

    def _renamed(self, line: Identified | Response, at: datetime) -> Line:
        """Of lines that hold names and numbers only."""
        names = {"installation_id": self.name("installation", line.installation_id)}
        if isinstance(line, Identified):
            names["customer_id"] = self.name("customer", line.customer_id)
        return msgspec.structs.replace(line, at=at, **names)

    def _registered(self, line: Registered, at: datetime) -> Registered:
        return Registered(
            at=at,
            installation_id=self.name("installation", line.installation_id),
            platform=line.platform if _TOKEN.fullmatch(line.platform) else "unknown",
            model=line.model,
            time_zone=line.time_zone,
            consents=line.consents,
        )

    def _customer(self, line: CustomerTold, at: datetime) -> CustomerTold:
        kept = {name: value for name, value in line.attributes.items() if name in self.keep}
        self.dropped["attributes"] += len(line.attributes) - len(kept)
        return CustomerTold(
            at=at,
            customer_id=self.name("customer", line.customer_id),
            attributes=kept,
            consents=line.consents,
        )

    def _outcome(self, line: OutcomeTold, at: datetime) -> OutcomeTold:
        phone = None if line.installation_id is None else self.name("installation", line.installation_id)
        kind = line.type if _TOKEN.fullmatch(line.type) else "unknown"
        return OutcomeTold(at=at, installation_id=phone, decision_id=self._uuid(line.decision_id), type=kind)

    def _report(self, line: Report, at: datetime) -> Report:
        return Report(
            at=at,
            installation_id=self.name("installation", line.installation_id),
            sent_at=line.sent_at + self.shift,
            pings=tuple(self._ping(line.installation_id, ping) for ping in line.pings),
        )

    def _ping(self, installation_id: str, ping: Ping) -> Ping:
        """A ping sent again stays one: its id is hashed with its phone's, and its content changes alike."""
        told: Ping = {"ping_id": self.name("ping", f"{installation_id}\0{ping.get('ping_id')}")}
        if "at" in ping:
            told["at"] = self._instant(ping["at"])
        if isinstance(ping.get("foreground"), bool):
            told["foreground"] = ping["foreground"]
        if isinstance(ping.get("sightings"), list):
            told["sightings"] = [self._sighting(each) for each in ping["sightings"] if isinstance(each, dict)]
        if isinstance(ping.get("position"), dict):
            told["position"] = self._position(ping["position"])
        return told

    def _sighting(self, sighting: Mapping[str, Any]) -> dict[str, Any]:
        told = _tokens(sighting, _OF_SIGHTINGS)
        return told | ({"at": self._instant(sighting["at"])} if "at" in sighting else {})

    def _position(self, position: Mapping[str, Any]) -> dict[str, Any]:
        told = _tokens(position, ("latitude", "longitude", "accuracy_m", "floor", "mocked"))
        longitude, latitude = told.get("longitude"), told.get("latitude")
        if self.grid_m and isinstance(longitude, int | float) and isinstance(latitude, int | float):
            told["longitude"], told["latitude"] = self._place(longitude, latitude)
            told["accuracy_m"] = max(told.get("accuracy_m") or 0.0, self.grid_m)
        return told

    def _place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """The middle of its square; columns are as wide as they are high, but for the poles."""
        if not self.grid_m:
            return longitude, latitude
        step = self.grid_m / METRES_A_DEGREE
        north = min(90.0, max(-90.0, (math.floor(latitude / step) + 0.5) * step))
        across = step / max(0.01, math.cos(math.radians(north)))
        east = min(180.0, max(-180.0, (math.floor(longitude / across) + 0.5) * across))
        return round(east, 7), round(north, 7)

    def _event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        told = _tokens(event, ("type", "amount", "currency")) | {"at": self._instant(event["at"])}
        told.setdefault("type", "unknown")
        if isinstance(event.get("event_id"), str):
            told["event_id"] = self.name("event", event["event_id"])
        if isinstance(event.get("decision_id"), str):
            told["decision_id"] = self._uuid(event["decision_id"])
        if isinstance(event.get("items"), list):
            told["items"] = [_tokens(item, _OF_ITEMS) for item in event["items"] if isinstance(item, dict)]
        return told

    def _instant(self, told: object) -> str:
        """Moved as all others; what is no time becomes none, as it may be anything else."""
        try:
            at = datetime.fromisoformat(told) if isinstance(told, str) else None
            return (at + self.shift).isoformat().replace("+00:00", "Z") if at is not None else ""
        except (ValueError, OverflowError):
            return ""


def _tokens(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the names that stand there with a number, yes or no, or a short word."""
    return {
        name: value
        for name in names
        if isinstance(value := told.get(name), bool | int | float)
        or (isinstance(value, str) and _TOKEN.fullmatch(value))
    }
