"""The leader's look at what phones say of beacons: new pings since the last look, folded into each beacon's health.

The ping path takes no part in it: pings are read where they are kept, minutes later, and when there are many an
even share of them. Nothing of a phone is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from beacon_service import duties
from beacon_service.pings.schema import SightingIn, sighting
from beacon_service.zones import health_store
from beacon_service.zones.health import OLDEST, Gathered, HeardPing, Record, gather, judged, merged
from beacon_service.zones.model import is_level
from beacon_service.zones.whereabouts import Hearing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import psycopg

    from beacon_service.zones.catalogue import Places
    from beacon_service.zones.model import SiteId

DUTY = "beacon_health"
# Two seconds of one processor where each hears eight beacons; what is true of a beacon shows in far fewer.
MOST_PINGS = 10_000
# A transaction that drew its `seq` has ended by then: its longest statement may take 30 s.
SETTLED = timedelta(minutes=1)
# After a longer pause the look begins with what comes: health is about now, and so the work stays bounded.
LONGEST_PAUSE = timedelta(hours=1)

# A draw leaves a thousand numbers to its transaction; a sequence that was never drawn from shows its first too.
_NEWEST = "SELECT CASE WHEN is_called THEN last_value + 999 ELSE 0 END FROM step_seq"
_RANGE = """
FROM pings
WHERE seq > %(after)s AND seq <= %(upto)s AND status = 'accepted'
    AND received_on BETWEEN %(first_day)s AND %(last_day)s
"""
_COUNT = f"SELECT count(*) {_RANGE}"
_READ = f"SELECT installation_key, at, body::text {_RANGE} AND seed %% %(every)s = 0"


class Progress(msgspec.Struct, frozen=True):
    """Up to where pings were read, and the newest `seq` at the last look, up to which the next one may read."""

    read_upto: int
    seen_upto: int
    seen_at: datetime


class Watched(NamedTuple):
    """What a look came to; `every`: each how-manyth ping was read."""

    pings: int
    every: int
    states: Mapping[str, int]


class Body(msgspec.Struct, frozen=True):
    """What is read of a stored ping."""

    sightings: list[SightingIn] = []


read_body = msgspec.json.Decoder(Body).decode


def watch(connection: psycopg.Connection[Any], places: Places, now: datetime) -> Watched | None:
    """Read what is new, keep and judge; None where the last look was just now. One transaction."""
    before = duties.progress(connection, DUTY, Progress)
    if before is not None and now - before.seen_at < SETTLED:
        return None
    row = connection.execute(_NEWEST).fetchone()
    newest = row[0] if row else 0
    if before is None or now - before.seen_at > LONGEST_PAUSE:
        duties.remember(connection, DUTY, now, Progress(newest, newest, now))
        return Watched(0, 1, {})
    duties.remember(connection, DUTY, now, Progress(before.seen_upto, newest, now))
    read, every = _new_pings(connection, before, now)
    levels = {key: floor.level for key, floor in places.floors.items()}
    gathered: dict[str, Gathered] = {}
    for phone, at, body in read:
        hearings = list(_hearings(places, read_body(body).sightings))
        gather(gathered, HeardPing(at, phone, hearings), levels, weight=every)
    found = _judge(connection, places, gathered, now)
    return Watched(len(read), every, Counter(record.state for record in found.values()))


def _new_pings(
    connection: psycopg.Connection[Any], since: Progress, now: datetime
) -> tuple[list[tuple[int, datetime, str]], int]:
    """(installation, when, body) of them, or of every n-th where they are too many, and n."""
    params: dict[str, Any] = {
        "after": since.read_upto,
        "upto": since.seen_upto,
        "first_day": (now - OLDEST).date(),
        "last_day": (now + timedelta(days=1)).date(),
    }
    counted = connection.execute(_COUNT.encode(), params).fetchone()
    every = max(1, -(-int(counted[0]) // MOST_PINGS)) if counted else 1
    return connection.execute(_READ.encode(), {**params, "every": every}).fetchall(), every


def _hearings(places: Places, sightings: Iterable[SightingIn]) -> Iterator[Hearing]:
    """Each beacon that was heard, in quarantine or not, once: at its loudest, with what it said of its battery."""
    heard: dict[str, Hearing] = {}
    for one in sightings:
        found = places.transmitter(sighting(one)) if is_level(one.rssi) else None
        if found is None:
            continue
        before = heard.get(found.beacon.id, Hearing(found.beacon, one.rssi))
        heard[found.beacon.id] = Hearing(
            found.beacon,
            max(before.rssi_dbm, one.rssi),
            before.battery_mv or one.battery_mv,
            before.temperature_c if one.temperature_c is None else one.temperature_c,
        )
    yield from heard.values()


def _judge(
    connection: psycopg.Connection[Any], places: Places, gathered: Mapping[str, Gathered], now: datetime
) -> dict[str, Record]:
    """The records of all beacons that transmit, those that changed saved."""
    kept = health_store.records(connection)
    beacons = [one.beacon for one in places.beacons.values() if one.transmits]
    found = {one.id: merged(kept.get(one.id), gathered.get(one.id), one, now) for one in beacons}
    site_hours: dict[SiteId, Counter[int]] = defaultdict(Counter)
    for one in beacons:
        site_hours[one.site].update(found[one.id].hours)
    records: dict[str, Record] = {one.id: judged(found[one.id], site_hours[one.site]) for one in beacons}
    changed = {name: record for name, record in records.items() if record != kept.get(name)}
    if changed:
        health_store.save(connection, changed, now)
    return records
