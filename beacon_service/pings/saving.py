"""What a step came to, as the statements of the ping path's last round trip: presences, moves, decisions, grants."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Granted
from beacon_service.campaigns.moment import Memory
from beacon_service.db import Statement
from beacon_service.engine import CODE_VERSION, Event
from beacon_service.pings import sql
from beacon_service.pings.answer import OfferOut
from beacon_service.pings.records import StoredPing
from beacon_service.pings.tallies import given_back
from beacon_service.visits.advance import next_due
from beacon_service.visits.model import Presence


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
        "withins": [moment.within_m for moment in moments],
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


def tick_at(presence: Presence) -> datetime | None:
    """When, on the server's clock, the earliest timer is due: it runs behind the phone's as its reports do."""
    due_at = next_due(presence)
    return None if due_at is None else due_at + presence.lag


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
