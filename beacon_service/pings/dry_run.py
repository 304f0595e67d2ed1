"""What would be decided, were somebody to move now: asked of the engine under the same locks, and nothing is kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from beacon_service.campaigns.codes import coded
from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.moment import Memory, Moment
from beacon_service.db import Connection, Statement, round_trip
from beacon_service.engine import Catalogue, World, answered, ask
from beacon_service.errors import Invalid, NotFound, fault
from beacon_service.ids import derived_uuid
from beacon_service.pings import loading
from beacon_service.pings.records import Presented
from beacon_service.pings.tallies import TallyLocks
from beacon_service.positioning.rings import ring_key
from beacon_service.zones.model import zone_key

PHONE = """
SELECT i.key, i.id, i.customer_key, i.token_hash, i.revoked_at IS NOT NULL
FROM installations i JOIN customers c ON c.key = i.customer_key
WHERE c.id = %(customer)b::text AND c.erased_at IS NULL ORDER BY i.created_at DESC, i.key DESC LIMIT 1
"""

# Stands for the code that a customer would get of their own: none is taken for a rehearsal.
EXAMPLE_CODE = "EXAMPLE-CODE"


class Rehearsal(NamedTuple):
    """Who moves where. `visit`: the how-manieth it would be; None: as it would be. `attributes`: instead of theirs."""

    customer_id: str
    site: str
    zone: str
    move: str
    dwell_s: int | None
    within_m: int | None
    visit: int | None
    attributes: Mapping[str, Any] | None


def rehearse(connection: Connection, catalogue: Catalogue, asked: Rehearsal, now: datetime) -> Decision:
    """The decision; the caller rolls back. NotFound without such a customer, Invalid without phone or zone."""
    (rows,) = round_trip(connection, [Statement(PHONE, {"customer": asked.customer_id})])
    if not rows:
        raise NotFound(f"There is no customer {asked.customer_id} with a phone: nobody who could move.")
    if zone_key(asked.site, asked.zone) not in catalogue.places.zones:
        what, do = f"names {asked.site}/{asked.zone}, which there is not", "Send a zone that there is."
        raise Invalid("There is no such zone.", errors=[fault("/zone", what, do)])
    phone = Presented(*rows[0])
    since = catalogue.ledger_since(now)
    world = loading.load(connection, [phone], [], today=now.date(), ledger_since=since).world
    # Of another time: what was given after it is not known yet.
    known = {key: [one for one in ledger if one.decided_at <= now] for key, ledger in world.ledgers.items()}
    world = World(world.installations, world.customers, world.memories, known)
    if asked.attributes is not None:
        world = _with_attributes(world, phone.customer_key, asked.attributes)
    moment = _moment(asked, phone, world.memories[phone.customer_key], now)
    decision = _settled(connection, catalogue, world, moment, now)
    takes_code = decision.offer is not None and decision.offer.takes_code
    return coded(decision, EXAMPLE_CODE) if takes_code else decision


def _settled(
    connection: Connection, catalogue: Catalogue, world: World, moment: Moment, now: datetime
) -> Decision:
    """As `settle` does it: asked again with what is claimed, until nothing more is."""
    return answered(lambda shared: ask(catalogue, world, moment, now, shared), TallyLocks(connection))


def _with_attributes(world: World, customer_key: int, attributes: Mapping[str, Any]) -> World:
    changed = msgspec.structs.replace(world.customers[customer_key], attributes=dict(attributes))
    return World(
        world.installations, {**world.customers, customer_key: changed}, world.memories, world.ledgers
    )


def _moment(asked: Rehearsal, phone: Presented, memory: Memory, now: datetime) -> Moment:
    zone = zone_key(asked.site, asked.zone)
    if asked.within_m is None:
        here, anew = memory.visits.get(zone), asked.move == "entered"
    else:
        here, anew = memory.near.get(ring_key(zone, asked.within_m)), True
    number = 1 if here is None else max(1, here.number + (anew and not here.open))
    site = memory.visits.get(asked.site)
    return Moment(
        key=derived_uuid("moment", "rehearsed", phone.key, asked.zone, asked.move, now.isoformat()),
        customer_key=phone.customer_key,
        installation_key=phone.key,
        site=asked.site,
        zone=asked.zone,
        move=asked.move,
        dwell_s=asked.dwell_s,
        within_m=asked.within_m,
        visit=asked.visit or number,
        visit_started_at=site.started_at if site is not None and site.open else now,
        at=now,
        seed=0,
        channel="response",
    )
