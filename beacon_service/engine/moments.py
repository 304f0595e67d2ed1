"""How moves become events and moments, and what names each of them for ever. Pure."""

from datetime import datetime

from beacon_service.campaigns.moment import Moment
from beacon_service.customers.model import Installation
from beacon_service.engine.model import Event, Mover, Ping, Tick
from beacon_service.ids import derived_uuid, derived_uuid7
from beacon_service.visits.model import Move, Visit
from beacon_service.zones.model import ZoneKey, split_zone_key


def name_of(cause: Mover, made_by: str, move: Move) -> tuple[object, ...]:
    """What names a move for ever: a timer is named by when it was due, whoever fires it; a ping's move by the ping."""
    about = (move.zone, move.type, move.dwell_s, move.at.isoformat())
    if made_by == "timer" or isinstance(cause, Tick):
        return ("timer", cause.installation_key, *about)
    return ("ping", cause.installation_key, cause.ping_id, *about)


def event_of(installation: Installation, cause: Mover, move: Move, made_by: str, now: datetime) -> Event:
    site, zone = split_zone_key(ZoneKey(move.zone))
    return Event(
        id=derived_uuid7(now, "event", cause.seed, *name_of(cause, made_by, move)),
        installation_key=installation.key,
        customer_key=installation.customer_key,
        site=site,
        zone=zone,
        move=move,
        cause=made_by,
    )


def moment_of(event: Event, cause: Mover, visit: Visit, site_visit: Visit) -> Moment:
    return Moment(
        key=derived_uuid("moment", *name_of(cause, event.cause, event.move)),
        customer_key=event.customer_key,
        installation_key=event.installation_key,
        site=event.site,
        zone=event.zone,
        move=event.move.type,
        dwell_s=event.move.dwell_s,
        visit=visit.number,
        visit_started_at=site_visit.started_at,
        at=event.move.at,
        seed=cause.seed,
        channel="response" if isinstance(cause, Ping) else "inbox",
    )
