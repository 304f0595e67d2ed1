"""Named audiences and lists as documents, and questions about customers that a rule asks, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import psycopg

from beacon_service.campaigns.audience_orm import AudienceRow, ListRow
from beacon_service.campaigns.moment import Memory
from beacon_service.campaigns.orm import CampaignRow
from beacon_service.campaigns.person import Person
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration import shelf as shelves
from beacon_service.configuration.shelf import Shelf
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.customers.events import EventCount
from beacon_service.db import Statement, round_trip
from beacon_service.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from beacon_service.campaigns.audience import Rule
    from beacon_service.campaigns.audience_sql import Condition
    from beacon_service.configuration.model import Body
    from beacon_service.db import Connection

# Whoever waits for an estimate waits at a form.
MOST_SECONDS = 3.0
# A share that is off by a percent of all at the most, nineteen times out of twenty: 1.96 * sqrt(0.25 / n) = 0.01.
SAMPLE = 10_000


def _named(body: Body) -> Mapping[str, Any]:
    return {"name": body["name"]}


AUDIENCES = Shelf("audience", AudienceRow, (AudienceRow.id,), AudienceRow.version, _named)
LISTS = Shelf("list", ListRow, (ListRow.id,), ListRow.version, _named)

PERSON = """
SELECT attributes, marketing, location, memory, events, lists FROM customers
WHERE id = %(id)s::text AND erased_at IS NULL
"""

_attributes = msgspec.json.Decoder(dict[str, Any])
_memory = msgspec.json.Decoder(Memory)
_events = msgspec.json.Decoder(dict[str, EventCount])


class Size(NamedTuple):
    """How many customers of how many; `sampled`: reckoned from some of them."""

    customers: int
    total: int
    sampled: bool = False


def audiences(session: Session) -> dict[str, Body]:
    """All named audiences by their ids."""
    return {stored.key: stored.body for stored in shelves.stream(session, AUDIENCES)}


def hold_list(connection: Connection, name: str) -> None:
    """Keep the configuration as it is until the transaction ends. NotFound where there is no such list in it."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [CATALOGUE_LOCK])
    if connection.execute("SELECT FROM lists WHERE id = %s", [name]).rowcount == 0:
        raise NotFound(f"There is no list {name}. PUT /v1/lists/{name} first.")


def published_rules(session: Session) -> dict[str, Rule]:
    """The audience of each published campaign that has one, by the campaign's id."""
    published = shelves.stream(session, CAMPAIGNS, CampaignRow.status == "published")
    return {stored.key: stored.body["audience"] for stored in published if stored.body.get("audience")}


def find_person(connection: Connection, customer_id: str, now: datetime) -> Person | None:
    """The customer as an audience would see them now; None if there is none."""
    (rows,) = round_trip(connection, [Statement(PERSON, {"id": customer_id})])
    for attributes, marketing, location, memory, events, lists in rows:
        visits = _memory.decode(memory).visits
        about = _attributes.decode(attributes)
        return Person(now, about, marketing, location, visits, _events.decode(events), tuple(lists))
    return None


def page(connection: Connection, condition: Condition, *, after: str, limit: int) -> list[tuple[str, bool]]:
    """(id, anonymous) of up to `limit` customers whom the condition holds for, behind the id `after`."""
    sql = f"SELECT id, anonymous FROM customers WHERE {_known(condition)} AND id > %(after)s ORDER BY id LIMIT %(limit)s"  # noqa: S608, E501
    return connection.execute(sql, {**condition.params, "after": after, "limit": limit}).fetchall()


def measure(connection: Connection, condition: Condition, *, seconds: float = MOST_SECONDS) -> Size:
    """Count those whom the condition holds for; where that takes too long, reckon from a sample of pages."""
    connection.execute("SET LOCAL enable_seqscan = on")  # all are asked about, and not one by one
    connection.execute("SAVEPOINT counting")
    connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1000)))])
    counted = f"count(*) FILTER (WHERE {condition.sql}), count(*)"
    try:
        exact = f"SELECT {counted} FROM customers WHERE erased_at IS NULL"  # noqa: S608
        held, total = _row(connection, exact, condition.params)
        return Size(held, total)
    except psycopg.errors.QueryCanceled:
        connection.execute("ROLLBACK TO SAVEPOINT counting")
    ((known,),) = connection.execute(
        "SELECT greatest(reltuples, 1)::bigint FROM pg_class WHERE oid = 'customers'::regclass"
    )
    some = "customers TABLESAMPLE SYSTEM (least(100.0, 100.0 * %(sample)s / %(known)s))"
    sampled = f"SELECT {counted} FROM {some} WHERE erased_at IS NULL"  # noqa: S608
    held, looked_at = _row(connection, sampled, {**condition.params, "sample": SAMPLE, "known": known})
    return Size(round(known * held / max(looked_at, 1)), known, sampled=True)


def _known(condition: Condition) -> str:
    return f"erased_at IS NULL AND {condition.sql}"


def _row(connection: Connection, sql: str, params: Mapping[str, Any]) -> tuple[int, int]:
    (row,) = connection.execute(sql, params)
    return row[0], row[1]
