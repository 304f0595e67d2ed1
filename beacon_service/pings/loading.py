"""The ping path's first round trips: find installations, lock their customers, read all that a step may read of them.

Customers are locked by key and held to the commit; what they share is locked after them, in `tallies`.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from beacon_service.campaigns.ledger import Grant
from beacon_service.campaigns.moment import Memory
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.customers.events import EventCount
from beacon_service.customers.model import Customer, Installation
from beacon_service.db import Connection, Row, Statement, round_trip
from beacon_service.engine import World
from beacon_service.pings import sql
from beacon_service.pings.records import Loaded, Presented, Seen
from beacon_service.visits.model import Presence

# A retry may come days after the first try: phones keep their pings for up to 72 h.
DEDUPE_DAYS = 4

_presence = msgspec.json.Decoder(Presence)
_memory = msgspec.json.Decoder(Memory)
_attributes = msgspec.json.Decoder(dict[str, Any])
_events = msgspec.json.Decoder(dict[str, EventCount])


def find_installations(ids: Collection[str]) -> Statement:
    """Also holds the configuration as it is until the transaction ends."""
    return Statement(sql.FIND_INSTALLATIONS, {"lock": CATALOGUE_LOCK, "ids": list(ids)})


def presented(rows: Iterable[Row]) -> dict[str, Presented]:
    return {row[1]: Presented(*row) for row in rows}


def lock_due(connection: Connection, *, now: datetime, most: int, only: int | None = None) -> list[Presented]:
    """Installations with timers due, their customers locked; those that others have locked are left to them.

    `only`: that customer's alone.
    """
    params = {"lock": CATALOGUE_LOCK, "now": now, "most": most, "only": only}
    (rows,) = round_trip(connection, [Statement(sql.DUE_INSTALLATIONS, params)])
    return [Presented(*row) for row in rows]


def load(
    connection: Connection,
    found: Collection[Presented],
    pings: Collection[tuple[int, str]],
    *,
    today: date,
    ledger_since: datetime,
) -> Loaded:
    """Lock the customers and read all that a step may read of them, in one round trip.

    `pings`: (installation, ping_id), to be looked up among those stored before.
    """
    customers = {one.customer_key for one in found}
    keys = {"customers": list(customers)}
    statements = [
        Statement(sql.LOCK_CUSTOMERS, keys),
        Statement(sql.READ_INSTALLATIONS, {"installations": [one.key for one in found]}),
        Statement(sql.READ_LEDGER, {**keys, "since": ledger_since}),
    ]
    if pings:
        known = {
            "installations": [installation for installation, _ in pings],
            "ids": [ping_id for _, ping_id in pings],
            "since": today - timedelta(days=DEDUPE_DAYS),
            "until": today + timedelta(days=1),
        }
        statements.append(Statement(sql.FIND_PINGS, known))
    locked, placed, granted, *seen = round_trip(connection, statements)
    ledgers = {key: tuple(Grant(*row[1:]) for row in rows) for key, rows in groupby(granted, _first)}
    world = World(
        installations={row[0]: _installation(row) for row in placed},
        customers={row[0]: _customer(row) for row in locked},
        memories={row[0]: _memory.decode(row[5]) for row in locked},
        ledgers=ledgers,
    )
    version = placed[0][5] if placed else None
    return Loaded(
        world, version, {(row[0], row[1]): Seen(row[2], row[3]) for row in (seen[0] if seen else ())}
    )


def _installation(row: Row) -> Installation:
    key, name, customer_key, location, state, _, *phone = row
    presence = Presence() if state is None else _presence.decode(state)
    return Installation(key, name, customer_key, location, presence, *phone)


def _customer(row: Row) -> Customer:
    key, name, anonymous, attributes, marketing, _, location, events, lists = row
    about, happened = _attributes.decode(attributes), _events.decode(events)
    return Customer(key, name, anonymous, about, marketing, location, happened, tuple(lists))


def _first(row: Row) -> int:
    key: int = row[0]
    return key
