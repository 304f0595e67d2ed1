"""What the engine takes and gives. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from beacon_service.campaigns.caps import ledger_span
from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.ledger import Grant
from beacon_service.campaigns.moment import Memory, Waiting
from beacon_service.campaigns.programme import Programme
from beacon_service.campaigns.shared import Shared
from beacon_service.customers.model import Customer, Installation
from beacon_service.positioning.rings import Rings
from beacon_service.visits.model import Move, Nearing, Presence
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import (
    NOWHERE,
    Located,
    Position,
    Sighting,
    ZoneKey,
)

if TYPE_CHECKING:
    from beacon_service.campaigns.model import Campaign, Policy

# Raised whenever the same input may lead to another decision; stored with each, so that replay can tell.
CODE_VERSION = "7"

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of all configuration."""

    version: int
    places: Places
    programme: Programme
    dwells: Mapping[ZoneKey, tuple[int, ...]]  # thresholds to arm at entry: the zone's own and its campaigns'
    span: timedelta | None  # how far back caps read a customer's ledger; None: to its beginning
    rings: Rings = field(default_factory=Rings)  # around the zones that campaigns want to know who approaches

    @classmethod
    def of(
        cls, version: int, places: Places, programme: Programme, before: "Catalogue | None" = None
    ) -> "Catalogue":
        """`before`: the version that this one was made of; what both have in common is not made anew."""
        binding: list[Policy | Campaign] = [programme.policy, *programme.campaigns.values()]
        span = ledger_span(
            [cap for one in binding for cap in one.caps],
            gaps=[one.min_gap for one in binding],
            silences=[one.suppression for one in binding],
        )
        if before is not None and before.asks_zones_as(places, programme):
            return cls(version, places, programme, before.dwells, span, before.rings)
        armed = {
            zone.key: sorted({*zone.dwell_s, *programme.triggers.dwells(zone)})
            for zone in places.zones.values()
        }
        dwells = {key: tuple(thresholds) for key, thresholds in armed.items() if thresholds}
        near = ((zone, one) for zone in places.zones.values() for one in programme.triggers.nears(zone))
        return cls(version, places, programme, dwells, span, Rings(near, places.floor_counts))

    def asks_zones_as(self, places: Places, programme: Programme) -> bool:
        """Whether zones, floors and what campaigns ask of them are the same: an edit of a price or a text."""
        same_places = places.zones is self.places.zones and places.floor_counts is self.places.floor_counts
        return same_places and programme.triggers.measures == self.programme.triggers.measures

    def ledger_since(self, now: datetime) -> datetime:
        return _BEGINNING if self.span is None else now - self.span


class Ping(msgspec.Struct, frozen=True):
    """A phone's report as the engine takes it. `at` is the phone's clock, corrected by `offset_ms`."""

    installation_key: int
    ping_id: str
    at: datetime
    offset_ms: int
    seed: int
    received_on: str
    sightings: tuple[Sighting, ...] = ()
    position: Position | None = None


class Tick(msgspec.Struct, frozen=True):
    """The worker's wake-up: fire the installation's timers due at or before `until_at`, on the phone's clock."""

    installation_key: int
    until_at: datetime
    seed: int


class Due(msgspec.Struct, frozen=True):
    """A moment that has waited long enough; no ping comes with it."""

    installation_key: int
    waiting: Waiting
    seed: int


Mover = Ping | Tick  # of what may move somebody
Cause = Mover | Due


@dataclass(frozen=True, slots=True)
class World:
    """What the causes act on, as it was before them."""

    installations: Mapping[int, Installation]
    customers: Mapping[int, Customer]
    memories: Mapping[int, Memory]
    ledgers: Mapping[int, Sequence[Grant]]


class Followed(msgspec.Struct, frozen=True):
    """One cause after the first pass."""

    cause: Cause
    status: Literal["accepted", "late", "rejected"]
    reasons: tuple[str, ...] = ()
    located: Located = NOWHERE
    moves: tuple[tuple[Move, str], ...] = ()  # with what made it: ping | timer
    near: tuple[Nearing, ...] = ()  # what moved of rings, which only campaigns are told of


class Event(msgspec.Struct, frozen=True):
    """A move as it is told to the world."""

    id: UUID
    installation_key: int
    customer_key: int
    site: str
    zone: str
    move: Move
    cause: str


class Told(msgspec.Struct, frozen=True):
    """One cause after the second pass."""

    events: tuple[Event, ...] = ()
    decisions: tuple[Decision, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    followed: tuple[Followed, ...]
    presences: Mapping[int, Presence]  # of the installations that changed
    told: tuple[Told, ...]
    memories: Mapping[int, Memory]  # of the customers that changed
    shared: Shared
