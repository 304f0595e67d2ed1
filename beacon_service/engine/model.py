"""What the engine takes and gives. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias
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
from beacon_service.zones.measured import changed
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

# Seconds of a stay, or metres, by zone; those without any are left out.
_Measures: TypeAlias = Mapping[ZoneKey, tuple[int, ...]]

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of all configuration."""

    version: int
    places: Places
    programme: Programme
    dwells: Mapping[ZoneKey, tuple[int, ...]]  # thresholds to arm at entry: the zone's own and its campaigns'
    nears: Mapping[ZoneKey, tuple[int, ...]]  # from how many metres campaigns want to know who approaches
    span: timedelta | None  # how far back caps read a customer's ledger; None: to its beginning
    rings: Rings = field(default_factory=Rings)  # around those zones

    @classmethod
    def of(
        cls, version: int, places: Places, programme: Programme, before: "Catalogue | None" = None
    ) -> "Catalogue":
        """`before`: the version that this one was made of; what both have in common is not made anew."""
        dwells: _Measures
        nears: _Measures
        if before is None:
            dwells, nears = programme.triggers.measures_of(places.zones.values())
            return cls(
                version, places, programme, dwells, nears, _span(programme), _rings(places, nears, None)
            )
        dwells, nears = _measures_after(before, places, programme)
        span = before.span if programme.binds_as(before.programme) else _span(programme)
        same_ground = nears is before.nears and places.floor_counts is before.places.floor_counts
        rings = before.rings if same_ground else _rings(places, nears, before.rings)
        return cls(version, places, programme, dwells, nears, span, rings)

    def ledger_since(self, now: datetime) -> datetime:
        return _BEGINNING if self.span is None else now - self.span


def _span(programme: Programme) -> timedelta | None:
    binding: list[Policy | Campaign] = [programme.policy, *programme.campaigns.values()]
    return ledger_span(
        [cap for one in binding for cap in one.caps],
        gaps=[one.min_gap for one in binding],
        silences=[one.suppression for one in binding],
    )


def _measures_after(before: Catalogue, places: Places, programme: Programme) -> tuple[_Measures, _Measures]:
    """What zones are asked: the same objects where nothing of it changed, nor a zone that is approached."""
    keys = changed(before.places.zones, places.zones)
    dwells: _Measures
    nears: _Measures
    if programme.triggers.measures != before.programme.triggers.measures:
        dwells, nears = programme.triggers.measures_of(places.zones.values())
    elif not keys:
        return before.dwells, before.nears
    else:
        new_dwells, new_nears = programme.triggers.measures_of(
            places.zones[key] for key in keys if key in places.zones
        )
        dwells = {key: found for key, found in before.dwells.items() if key not in keys} | new_dwells
        nears = {key: found for key, found in before.nears.items() if key not in keys} | new_nears
    is_approached = not (keys.isdisjoint(nears) and keys.isdisjoint(before.nears))
    return (
        before.dwells if dwells == before.dwells else dwells,
        before.nears if nears == before.nears and not is_approached else nears,
    )


def _rings(places: Places, nears: _Measures, before: Rings | None) -> Rings:
    wanted = [(places.zones[key], within_m) for key, found in nears.items() for within_m in found]
    return Rings(wanted, places.floor_counts, before)


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
    located: Located | None = None  # where it was held to be before: a replay need not locate it anew


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
