"""Who comes near a zone: stays in rings joined over a customer's phones and over short gaps, as visits are.

Kept apart from visits (`Memory.near`): nobody visits a ring, and what is told of visits (to audiences, of how long
somebody was away) knows nothing of it.
"""

from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from beacon_service.campaigns.moment import Memory, Moment
from beacon_service.customers.model import Installation
from beacon_service.engine.model import Mover, Ping
from beacon_service.positioning.rings import ring_key, zone_of_ring
from beacon_service.visits.join import GAP, join
from beacon_service.visits.model import Move, Nearing, Visit
from beacon_service.zones.model import Zone, split_zone_key

APPROACHED = "approached"


class Coming(NamedTuple):
    """Somebody came near: by which move of which ring, and the nearness that began with it."""

    move: Move
    near: Visit


def joined(memory: Memory, nearing: Nearing, zone: Zone | None) -> tuple[Memory, Coming | None]:
    """The memory after what moved of a ring around `zone`, and who came near by it: what makes a moment.

    The number of a nearness is how often the customer came near; one that began otherwise, by leaving the zone, adds
    none. None is remembered of a zone that is sensitive, or gone.
    """
    move, before = nearing.move, memory.near.get(nearing.move.zone)
    if before is None and move.type != "entered":
        return memory, None
    found, is_moment = join(memory.near, move.zone, move)
    comes = is_moment and nearing.comes
    if is_moment and move.type == "entered":
        found = replace(found, number=found.number - (not comes), counted=comes)
    near = {**memory.near, move.zone: found}
    if move.type == "exited" and (zone is None or zone.sensitive):
        del near[move.zone]
    return replace(memory, near=near), Coming(move, found) if comes else None


def is_still_near(memory: Memory, zone: Zone, within_m: int) -> bool:
    """Whether the customer is within so much of the zone, and not in it."""
    near, inside = memory.near.get(ring_key(zone.key, within_m)), memory.visits.get(zone.key)
    return near is not None and near.open > 0 and (inside is None or inside.open == 0)


def moment_near(
    key: UUID, installation: Installation, cause: Mover, memory: Memory, coming: Coming
) -> Moment:
    """The moment at which somebody came near; `memory` as it was joined."""
    around, within_m = zone_of_ring(coming.move.zone)
    site, zone = split_zone_key(around)
    return Moment(
        key=key,
        customer_key=installation.customer_key,
        installation_key=installation.key,
        site=site,
        zone=zone,
        move=APPROACHED,
        dwell_s=None,
        visit=coming.near.number,
        visit_started_at=_began(memory.visits.get(site), coming.near).started_at,
        at=coming.move.at,
        seed=cause.seed,
        channel="response" if isinstance(cause, Ping) else "inbox",
        within_m=within_m,
    )


def _began(at_site: Visit | None, near: Visit) -> Visit:
    """What a cap by visit counts in: the customer's visit to the site, if they are on one, or else the nearness."""
    if at_site is None:
        return near
    if at_site.open or (at_site.left_at is not None and near.started_at - at_site.left_at <= GAP):
        return at_site
    return near
