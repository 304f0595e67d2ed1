"""One pass over a trace: who, when, how much, how regular, how well heard.

Memory grows with the phones and customers, not with what they sent.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from simulators.traces.files import bytes_of
from simulators.traces.inspecting.spread import Frequent, Spread, Timeline
from simulators.traces.model import Header, Line, Other, Ping, Report

# A ping is sent again within minutes; further back nobody looks.
REMEMBERED_PINGS = 100_000
# Levels beyond are no levels: iOS says 0 where it does not know.
LOWEST_DBM, HIGHEST_DBM = -130, 20


@dataclass(slots=True)
class Found:
    """What was found. Skew is how far a phone's clock is ahead; gaps are between its pings, by its own clock."""

    header: Header
    kinds: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    customers: set[str] = field(default_factory=set)
    phones: dict[str, float] = field(default_factory=dict)  # the newest ping of each, Unix seconds
    pings: int = 0
    sightings: int = 0
    unreadable: int = 0
    repeats: int = 0
    reused_ids: int = 0
    backwards: int = 0
    with_position: int = 0
    with_sightings: int = 0
    minutes: Timeline = field(default_factory=Timeline)
    pings_a_report: Counter[int] = field(default_factory=Counter)
    sightings_a_ping: Counter[int] = field(default_factory=Counter)
    rssi_dbm: Counter[int] = field(default_factory=Counter)
    report_bytes: Spread = field(default_factory=Spread)
    gaps_s: Spread = field(default_factory=Spread)
    skew_s: Spread = field(default_factory=Spread)
    age_s: Spread = field(default_factory=Spread)
    beacons: Frequent[Hashable] = field(default_factory=Frequent)  # see beacon_key
    _recent: OrderedDict[int, int] = field(default_factory=OrderedDict)

    def add(self, line: Line) -> None:
        self.kinds[line.kind if isinstance(line, Other) else str(line.__struct_config__.tag)] += 1
        self.first = self.first or line.at
        self.last = line.at
        if isinstance(line, Report):
            self._add_report(line)
        else:
            self._add_ids(line)

    def _add_ids(self, line: Line) -> None:
        installation, customer = getattr(line, "installation_id", None), getattr(line, "customer_id", None)
        if installation is not None:
            self.phones.setdefault(installation, -math.inf)
        if customer is not None:
            self.customers.add(customer)

    def _add_report(self, report: Report) -> None:
        self.phones.setdefault(report.installation_id, -math.inf)
        self.pings_a_report[len(report.pings)] += 1
        self.report_bytes.add(len(bytes_of(report)))
        self.skew_s.add((report.sent_at - report.at).total_seconds())
        sent_s = report.sent_at.timestamp()
        for ping in report.pings:
            self.pings += 1
            self.minutes.add(report.at.timestamp())
            if not self._is_repeat(report.installation_id, ping):
                self._add_ping(report.installation_id, ping, sent_s)

    def _is_repeat(self, installation_id: str, ping: Ping) -> bool:
        """Known by its id and told by its content: the same id with another content is a fault of the app."""
        key, content = hash((installation_id, ping.get("ping_id"))), hash(_canonical(ping))
        known = self._recent.get(key)
        if known is None:
            self._recent[key] = content
            if len(self._recent) > REMEMBERED_PINGS:
                self._recent.popitem(last=False)
            return False
        self.repeats += known == content
        self.reused_ids += known != content
        return True

    def _add_ping(self, installation_id: str, ping: Ping, sent_s: float) -> None:
        at_s = _seconds(ping.get("at"))
        sightings = ping.get("sightings") or []
        if at_s is None or not isinstance(sightings, list):
            self.unreadable += 1
            return
        self._add_time(installation_id, at_s, sent_s)
        self.with_position += ping.get("position") is not None
        self.with_sightings += bool(sightings)
        self.sightings_a_ping[len(sightings)] += 1
        for sighting in sightings:
            if isinstance(sighting, dict):
                self._add_sighting(sighting)

    def _add_time(self, installation_id: str, at_s: float, sent_s: float) -> None:
        before_s = self.phones[installation_id]
        self.age_s.add(sent_s - at_s)
        if at_s < before_s:
            self.backwards += 1
            return
        if before_s > -math.inf:
            self.gaps_s.add(at_s - before_s)
        self.phones[installation_id] = at_s

    def _add_sighting(self, sighting: dict[str, Any]) -> None:
        self.sightings += 1
        self.beacons.add(beacon_key(sighting))
        rssi = sighting.get("rssi")
        if isinstance(rssi, int | float) and LOWEST_DBM <= rssi <= HIGHEST_DBM:
            self.rssi_dbm[round(rssi)] += 1


def gather(header: Header, lines: Iterable[Line]) -> Found:
    found = Found(header)
    for line in lines:
        found.add(line)
    return found


# What tells beacons apart: what they advertise, and the address where it was told, as several may advertise the same.
_IDENTIFYING = ("type", "uuid", "major", "minor", "namespace", "instance", "id1", "id2", "id3", "mac")
# A ping whose fields stand in another order is the same ping.
_canonical = msgspec.json.Encoder(order="deterministic").encode


def beacon_key(sighting: dict[str, Any]) -> Hashable:
    """Quick to make, as it is made for every sighting; `beacon_name` makes it readable."""
    key = tuple(map(sighting.get, _IDENTIFYING))
    try:
        hash(key)
    except TypeError:  # a list where a word should be
        return str(key)
    return key


def beacon_name(key: Hashable) -> str:
    """As ibeacon:7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21:1:2 mac ac:23:3f:5a:0b:1c."""
    if not isinstance(key, tuple):
        return str(key)
    *advertised, mac = key
    named = ":".join(str(value) for value in advertised if value is not None)
    return f"{named} mac {mac}" if mac is not None and named != "mac" else f"{named}:{mac}" if mac else named


def _seconds(told: object) -> float | None:
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return at.timestamp() if at is not None and at.tzinfo is not None else None


def of_counts(counts: Counter[int]) -> dict[str, float] | None:
    """The same summary as a Spread's, exact."""
    if not counts:
        return None
    total = sum(counts.values())
    ordered = sorted(counts)
    told: dict[str, float] = {"least": ordered[0]}
    for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        seen, wanted = 0, math.ceil(share * total)
        for value in ordered:
            seen += counts[value]
            if seen >= wanted:
                told[name] = value
                break
    mean = round(sum(value * count for value, count in counts.items()) / total, 3)
    return told | {"most": ordered[-1], "mean": mean}
