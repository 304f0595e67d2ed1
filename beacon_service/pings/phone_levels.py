"""The leader's daily look at how loud phones hear beacons, from which offsets of phone models are learned.

An offset is configuration: a document with versions, in force from its commit on, so that a replay reads the levels
of its time as they were read then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from beacon_service.configuration.model import Entry
from beacon_service.configuration.store import Session, record
from beacon_service.db import transaction
from beacon_service.pings.beacon_watch import read_body
from beacon_service.pings.schema import sighting
from beacon_service.zones.model import is_level
from beacon_service.zones.phones import UPPER_QUANTILE, Loudness, changed, normalised_model, offsets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    import psycopg
    from sqlalchemy import Engine

    from beacon_service.zones.catalogue import Places
    from beacon_service.zones.phones import PhoneOffset

DUTY = "phone_offsets"
ACTOR = "phones"
# A week has every day's customers in it, and a phone's last update of its system soon behind it.
LOOK_BACK = timedelta(days=7)
# So much of the pings is read, at most: some hundred thousand of them, in half a minute.
MOST_BYTES = 200_000_000
# One phone that lies beside a beacon all day must not speak for its model.
MOST_OF_ONE_PHONE = 50

_SIZE = """
SELECT coalesce(sum(pg_table_size(inhrelid)), 0) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'pings'::regclass AND relname >= %(first_name)s
"""
# Whole pages are taken or left, so that no more is read from the disk than is asked for.
_READ = """
SELECT p.installation_key, i.model, p.body::text
FROM pings AS p TABLESAMPLE SYSTEM (%(percent)s::real) REPEATABLE (1)
JOIN installations AS i ON i.key = p.installation_key
WHERE p.received_on >= %(first_day)s AND p.status = 'accepted' AND i.model IS NOT NULL
"""


def learn(engine: Engine, places: Places, now: datetime) -> list[PhoneOffset]:
    """Learn from the last days and write down what changed; answers that, by model."""
    with transaction(engine) as connection:
        heard = loudness(connection, places, now)
    news = changed(places.phones, offsets(heard))
    if news:
        with Session(engine) as session:
            entries = [Entry("phone", one.model, one.document()) for one in news]
            record(session, entries, actor=ACTOR, at=now)
            session.commit()
    return news


def loudness(connection: psycopg.Connection[Any], places: Places, now: datetime) -> list[Loudness]:
    """How loud each model heard each beacon in use, by the upper quantile."""
    levels: dict[tuple[str, str], list[float]] = defaultdict(list)
    spoken: Counter[tuple[int, str]] = Counter()
    for phone, model, body in _sample(connection, now):
        for beacon, level_dbm in _levels(places, body):
            if spoken[phone, beacon] < MOST_OF_ONE_PHONE:
                spoken[phone, beacon] += 1
                levels[normalised_model(model), beacon].append(level_dbm)
    return [
        Loudness(model, beacon, float(np.quantile(heard, UPPER_QUANTILE)), len(heard))
        for (model, beacon), heard in sorted(levels.items())
        if model
    ]


def _sample(connection: psycopg.Connection[Any], now: datetime) -> Iterator[tuple[int, str, str]]:
    """(installation, model, body) of the last days' pings, or of as many of their pages as may be read."""
    first_day = (now - LOOK_BACK).date()
    found = connection.execute(_SIZE, {"first_name": f"pings_{first_day:%Y%m%d}"}).fetchone()
    size = int(found[0]) if found else 0
    percent = min(100.0, 100.0 * MOST_BYTES / size) if size else 100.0
    # It reads pages in their order: how long that takes is bounded by how many they are.
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SET LOCAL enable_seqscan = on")
    with connection.cursor(name="levels") as cursor:
        yield from cursor.execute(_READ, {"first_day": first_day, "percent": percent})


def _levels(places: Places, body: str) -> Iterable[tuple[str, float]]:
    for one in read_body(body).sightings:
        beacon = places.beacon(sighting(one)) if is_level(one.rssi) else None
        if beacon is not None:
            yield beacon.id, one.rssi
