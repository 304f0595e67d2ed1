"""The ping path's round trips: find, lock and load, save.

Customers are locked by key and held to the commit; what they share is locked after them, in `tallies`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Grant, Granted
from beacon_service.campaigns.moment import Memory, Waiting
from beacon_service.configuration.store import CATALOGUE_LOCK
from beacon_service.customers.events import EventCount
from beacon_service.customers.model import Customer, Installation
from beacon_service.db import Connection, Row, Statement, round_trip
from beacon_service.engine import CODE_VERSION, Event, World
from beacon_service.pings import sql
from beacon_service.pings.answer import OfferOut
from beacon_service.pings.records import Loaded, Presented, Seen, StoredPing
from beacon_service.pings.tallies import given_back
from beacon_service.visits.advance import next_due
from beacon_service.visits.model import Presence

# A retry may come days after the first try: phones keep their pings for up to 72 h.
DEDUPE_DAYS = 4

_presence = msgspec.json.Decoder(Presence)
_memory = msgspec.json.Decoder(Memory)
_waiting = msgspec.json.Decoder(Waiting)
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


def save_pings(
    pings: Sequence[StoredPing],
    presences: Mapping[int, tuple[Presence, int]],
    *,
    now: datetime,
    version: int,
) -> Statement:
    """`presences`: of the installations that changed, with the place of the ping that changed them last."""
    params = {
        "today": now.date(),
        "now": now,
        "version": version,
        "installations": [ping.installation_key for ping in pings],
        "ping_ids": [ping.ping_id for ping in pings],
        "customers": [ping.customer_key for ping in pings],
        "statuses": [ping.status for ping in pings],
        "ats": [ping.at for ping in pings],
        "offsets": [ping.offset_ms for ping in pings],
        "seeds": [ping.seed for ping in pings],
        "hashes": [ping.content_hash for ping in pings],
        "bodies": [ping.body for ping in pings],
        "fixes": [ping.fix for ping in pings],
        "answers": [ping.answer for ping in pings],
        **_presence_arrays(presences),
    }
    return Statement(sql.SAVE_PINGS, params)


def save_ticks(
    ticks: Sequence[tuple[int, dict[str, Any]]],
    presences: Mapping[int, tuple[Presence, int]],
    *,
    now: datetime,
) -> Statement:
    """`ticks`: (customer, what fired), logged as changes."""
    params = {
        "now": now,
        "customers": [customer for customer, _ in ticks],
        "bodies": [body for _, body in ticks],
        **_presence_arrays(presences),
    }
    return Statement(sql.SAVE_TICKS, params)


def save_waiting(waiting: Sequence[Waiting]) -> Statement:
    return Statement(sql.SAVE_WAITING, _waiting_arrays(waiting))


def save_undecided(waiting: Sequence[Waiting]) -> Statement:
    """Those that neither wait nor were decided before; answers their keys. The caller holds the customers."""
    return Statement(sql.SAVE_UNDECIDED, _waiting_arrays(waiting))


def _waiting_arrays(waiting: Sequence[Waiting]) -> dict[str, Any]:
    moments = [one.moment for one in waiting]
    return {
        "keys": [moment.key for moment in moments],
        "campaigns": [one.campaign for one in waiting],
        "customers": [moment.customer_key for moment in moments],
        "installations": [moment.installation_key for moment in moments],
        "dues": [one.due_at for one in waiting],
        "bodies": list(waiting),
    }


def lock_waiting(
    connection: Connection, *, now: datetime, most: int, only: int | None = None
) -> list[tuple[Presented, Waiting]]:
    """What is due, with the phone that it is for; the customers locked, those that others have locked left to them.

    What is due for nobody any more ends here. `only`: that customer's alone.
    """
    params = {"lock": CATALOGUE_LOCK, "now": now, "most": most, "only": only}
    # After the configuration's lock: who waits for that one must hold no row.
    ended = Statement(sql.END_VAIN, {"now": now, "most": most})
    rows, _ = round_trip(connection, [Statement(sql.DUE_WAITING, params), ended])
    return [(Presented(*phone), _waiting.decode(body)) for *phone, body in rows]


def end_waiting(waiting: Sequence[Waiting]) -> Statement:
    return Statement(sql.END_WAITING, {"keys": [one.moment.key for one in waiting]})


def rearm(presences: Mapping[int, Presence]) -> Statement:
    """Wake them when their timers are really due."""
    ticks = [tick_at(presence) for presence in presences.values()]
    return Statement(sql.REARM, {"installations": list(presences), "ticks": ticks})


def save_moves(
    events: Sequence[tuple[Event, int]], memories: Mapping[int, Memory], *, now: datetime, last: int
) -> Statement:
    """`events` with the place of their cause; `last` is the place of the step's last cause."""
    moves = [event.move for event, _ in events]
    params = {
        "now": now,
        "last": last,
        "moved": bool(events),
        "customers": list(memories),
        "memories": list(memories.values()),
        "ids": [event.id for event, _ in events],
        "places": [place for _, place in events],
        "owners": [event.customer_key for event, _ in events],
        "installations": [event.installation_key for event, _ in events],
        "sites": [event.site for event, _ in events],
        "zones": [event.zone for event, _ in events],
        "types": [move.type for move in moves],
        "dwells": [move.dwell_s for move in moves],
        "ats": [move.at for move in moves],
        "probabilities": [move.probability for move in moves],
        "confidences": [move.confidence for move in moves],
        "causes": [event.cause for event, _ in events],
    }
    return Statement(sql.SAVE_MOVES, params)


def save_decisions(
    decisions: Sequence[tuple[Decision, int]],
    evidence: Sequence[tuple[str, str] | None],
    *,
    now: datetime,
    version: int,
) -> Statement:
    """`decisions` with the place of their cause; `evidence`: for each cause, (day, id) of its ping."""
    chosen = [decision for decision, _ in decisions]
    moments = [decision.moment for decision in chosen]
    pings = [evidence[place] for _, place in decisions]
    params = {
        "now": now,
        "version": version,
        "code": CODE_VERSION,
        "ids": [decision.id for decision in chosen],
        "moments": [moment.key for moment in moments],
        "places": [place for _, place in decisions],
        "customers": [moment.customer_key for moment in moments],
        "installations": [moment.installation_key for moment in moments],
        "sites": [moment.site or None for moment in moments],
        "zones": [moment.zone or None for moment in moments],
        "moves": [moment.move for moment in moments],
        "dwells": [moment.dwell_s for moment in moments],
        "visits": [moment.visit for moment in moments],
        "ats": [moment.at for moment in moments],
        "seeds": [moment.seed for moment in moments],
        "campaigns": [decision.campaign for decision in chosen],
        "revisions": [decision.revision for decision in chosen],
        "offer_ids": [decision.offer.id if decision.offer else None for decision in chosen],
        "offers": [OfferOut.of(decision.offer) if decision.offer else None for decision in chosen],
        "channels": [decision.channel for decision in chosen],
        "expires": [decision.expires_at for decision in chosen],
        "reasons": [decision.reasons for decision in chosen],
        "counts": [decision.counts for decision in chosen],
        "draws": [decision.draws for decision in chosen],
        "refusals": [decision.refusals for decision in chosen],
        "scores": [decision.scores for decision in chosen],
        "ping_days": [date.fromisoformat(ping[0]) if ping else None for ping in pings],
        "ping_ids": [ping[1] if ping else None for ping in pings],
        **_grant_arrays(decisions),
    }
    return Statement(sql.SAVE_DECISIONS, params)


def _grant_arrays(decisions: Sequence[tuple[Decision, int]]) -> dict[str, list[Any]]:
    rows = [(decision, grant, place) for decision, place in decisions for grant in decision.grants]
    return {
        "grant_decisions": [decision.id for decision, _, _ in rows],
        "grant_campaigns": [grant.campaign for _, grant, _ in rows],
        "grant_moments": [decision.moment.key for decision, _, _ in rows],
        "grant_customers": [decision.moment.customer_key for decision, _, _ in rows],
        "grant_offers": [grant.offer_id for _, grant, _ in rows],
        "grant_arms": [grant.arm for _, grant, _ in rows],
        "grant_sites": [decision.moment.site or None for decision, _, _ in rows],
        "grant_policies": [grant.policy for _, grant, _ in rows],
        "grant_places": [place for _, _, place in rows],
        "grant_closes": [grant.closes_at for _, grant, _ in rows],
        "grant_charged": [given_back(grant.charges) for _, grant, _ in rows],
        "grant_tags": [grant.tags for _, grant, _ in rows],
        "grant_channels": [grant.channel for _, grant, _ in rows],
        "grant_costs": [grant.cost for _, grant, _ in rows],
        "grant_slices": [grant.slice for _, grant, _ in rows],
        "grant_codes": [_own_code(decision, grant) for decision, grant, _ in rows],
    }


def _own_code(decision: Decision, grant: Granted) -> str | None:
    """What it gave, where that is one customer's alone."""
    offer = decision.offer
    return offer.code if offer is not None and offer.takes_code and grant.arm == "offered" else None


def _presence_arrays(presences: Mapping[int, tuple[Presence, int]]) -> dict[str, list[Any]]:
    return {
        "present": list(presences),
        "states": [presence for presence, _ in presences.values()],
        "ticks": [tick_at(presence) for presence, _ in presences.values()],
        "places": [place for _, place in presences.values()],
    }


def tick_at(presence: Presence) -> datetime | None:
    """When, on the server's clock, the earliest timer is due: it runs behind the phone's as its reports do."""
    due_at = next_due(presence)
    return None if due_at is None else due_at + presence.lag


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
