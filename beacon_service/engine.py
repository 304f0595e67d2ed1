"""The engine: pings in, moves and decisions out. Pure: no I/O, no clock, no randomness of its own.

`follow` takes each cause in order through screen, locate and advance; `choose` joins the stays into visits, makes
the moments and decides them. They are two passes since where a phone is must never depend on what was offered:
the first can run by installation in parallel, and the second can be asked again when a shared count falls short.
The HTTP request, the worker's tick, a replay and a backtest all call these two and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from beacon_service.campaigns.caps import ledger_span
from beacon_service.campaigns.decide import Question, Shared, decide
from beacon_service.campaigns.model import Campaign, Decision, Grant, Memory, Moment, Reason, Tally, TallyKey
from beacon_service.campaigns.programme import Programme
from beacon_service.customers.model import Customer, Installation
from beacon_service.ids import derived_uuid, derived_uuid7
from beacon_service.visits.advance import advance, fire
from beacon_service.visits.join import join
from beacon_service.visits.model import Move, Presence, Visit
from beacon_service.visits.screen import ACCEPTED, Verdict, screen
from beacon_service.zones.catalogue import Places
from beacon_service.zones.fix import Fix
from beacon_service.zones.locate import locate_all, sense
from beacon_service.zones.model import (
    NOWHERE,
    Heard,
    Located,
    Position,
    Sighting,
    Zone,
    ZoneKey,
    split_zone_key,
)

# Raised whenever the same input may lead to another decision; stored with each, so that replay can tell.
CODE_VERSION = "1"

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

    @classmethod
    def of(cls, version: int, places: Places, programme: Programme) -> "Catalogue":
        armed = {zone.key: sorted({*zone.dwell_s, *programme.dwells(zone)}) for zone in places.zones.values()}
        dwells = {key: tuple(thresholds) for key, thresholds in armed.items() if thresholds}
        caps = [cap for campaign in programme.campaigns.values() for cap in campaign.caps]
        return cls(version, places, programme, dwells, ledger_span([*caps, *programme.policy.caps]))

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


Cause = Ping | Tick


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


@dataclass(frozen=True, slots=True)
class Step:
    followed: tuple[Followed, ...]
    presences: Mapping[int, Presence]  # of the installations that changed
    told: tuple[Told, ...]
    memories: Mapping[int, Memory]  # of the customers that changed
    shared: Shared


def follow(
    catalogue: Catalogue, world: World, causes: Sequence[Cause], now: datetime
) -> tuple[tuple[Followed, ...], dict[int, Presence]]:
    """Screen, locate and advance each cause in order; returns them and the presences that changed.

    Installations do not touch each other here, so the first cause of each is taken at once, then the second of
    each: the zones of a whole batch are one question to the index.
    """
    presences = {
        cause.installation_key: world.installations[cause.installation_key].presence for cause in causes
    }
    followed: dict[int, Followed] = {}
    for wave in _waves(causes):
        sensed = [
            _sense(catalogue, world.installations[cause.installation_key], presences, cause, now)
            for cause in wave.values()
        ]
        located = locate_all(catalogue.places, [one.fix for one in sensed])
        for place, one, where in zip(wave, sensed, located, strict=True):
            followed[place] = _advance(catalogue, one, where, presences, now)
    changed = {
        key: presence
        for key, presence in presences.items()
        if presence is not world.installations[key].presence
    }
    return tuple(followed[place] for place in range(len(causes))), changed


def choose(
    catalogue: Catalogue,
    world: World,
    followed: Sequence[Followed],
    now: datetime,
    shared: Shared,
) -> tuple[tuple[Told, ...], dict[int, Memory]]:
    """Join stays into visits, make the moments and decide them, in order; claims shared counts in `shared`."""
    second = _SecondPass(catalogue, world, now, shared)
    return tuple(second.tell(one) for one in followed), second.memories


def step(
    catalogue: Catalogue,
    world: World,
    causes: Sequence[Cause],
    now: datetime,
    tallies: Mapping[TallyKey, Tally],
) -> Step:
    """Both passes at once, for who knows every shared count beforehand."""
    followed, presences = follow(catalogue, world, causes, now)
    shared = Shared(tallies)
    told, memories = choose(catalogue, world, followed, now, shared)
    return Step(followed, presences, told, memories, shared)


class _Sensed(NamedTuple):
    """A cause half-way through the first pass: screened, its timers fired, its zones not asked yet."""

    cause: Cause
    verdict: Verdict
    moves: tuple[tuple[Move, str], ...] = ()
    fix: Fix | None = None
    heard: tuple[Heard, ...] = ()


def _waves(causes: Sequence[Cause]) -> list[dict[int, Cause]]:
    """The n-th cause of every installation, by its place, for n = 1, 2 ..."""
    waves: list[dict[int, Cause]] = []
    turn: dict[int, int] = {}
    for place, cause in enumerate(causes):
        number = turn.get(cause.installation_key, 0)
        turn[cause.installation_key] = number + 1
        if number == len(waves):
            waves.append({})
        waves[number][place] = cause
    return waves


def _sense(
    catalogue: Catalogue,
    installation: Installation,
    presences: dict[int, Presence],
    cause: Cause,
    now: datetime,
) -> _Sensed:
    """Screen, and fire the timers that were due before; what a rejected ping says is looked at no further."""
    before = presences[installation.key]
    if isinstance(cause, Tick):
        presences[installation.key], moves = fire(before, cause.until_at, catalogue.places)
        return _Sensed(cause, ACCEPTED, _timed(moves))
    verdict = screen(
        before,
        at=cause.at,
        received_at=now,
        position=cause.position,
        location_consent=installation.location,
    )
    if verdict.status != "accepted":
        return _Sensed(cause, verdict)
    presences[installation.key], moves = fire(before, cause.at, catalogue.places)
    fix, heard = sense(catalogue.places, before.heard, cause.sightings, cause.position, cause.at)
    return _Sensed(cause, verdict, _timed(moves), fix, heard)


def _timed(moves: Sequence[Move]) -> tuple[tuple[Move, str], ...]:
    return tuple([(move, "timer") for move in moves]) if moves else ()


def _advance(
    catalogue: Catalogue, sensed: _Sensed, located: Located, presences: dict[int, Presence], now: datetime
) -> Followed:
    cause, verdict = sensed.cause, sensed.verdict
    if isinstance(cause, Tick) or verdict.status != "accepted":
        return Followed(cause, verdict.status, verdict.reasons, moves=sensed.moves)
    moved, moves = advance(
        presences[cause.installation_key], located, cause.at, catalogue.places, catalogue.dwells
    )
    presences[cause.installation_key] = msgspec.structs.replace(
        moved,
        heard=sensed.heard,
        lag_ms=int((now - cause.at) / _MILLISECOND),
        offset_ms=cause.offset_ms,
        ping=(cause.received_on, cause.ping_id),
    )
    return Followed(cause, verdict.status, (), located, (*sensed.moves, *((move, "ping") for move in moves)))


_NOTHING_TOLD = Told()


class _Chance(NamedTuple):
    """A moment at which some campaigns may speak."""

    zone: Zone
    moment: Moment
    candidates: Sequence[Campaign]


@dataclass(slots=True)
class _SecondPass:
    """The running state of the second pass; nothing of it outlives the call."""

    catalogue: Catalogue
    world: World
    now: datetime
    shared: Shared
    memories: dict[int, Memory] = field(default_factory=dict)
    granted: dict[int, list[Grant]] = field(default_factory=dict)

    def tell(self, one: Followed) -> Told:
        if not one.moves:
            return _NOTHING_TOLD
        installation = self.world.installations[one.cause.installation_key]
        events: list[Event] = []
        chances: list[_Chance] = []
        for move, made_by in one.moves:
            visit, site_visit = self._join(installation.customer_key, move)
            zone = self.catalogue.places.zones.get(ZoneKey(move.zone))
            # Of a zone deleted since the stay began nobody is told any more, of a sensitive one nobody ever, and of
            # a phone whose consent was withdrawn nothing: its stays only run out.
            if zone is None or zone.sensitive or not installation.location:
                continue
            name = _name(one.cause, made_by, move)
            event = self._event(installation, one.cause, move, made_by, name)
            events.append(event)
            if visit is None:
                continue
            candidates = self.catalogue.programme.candidates(zone, move.type, move.dwell_s)
            if candidates:
                chances.append(_Chance(zone, _moment(name, event, one.cause, visit, site_visit), candidates))
        quiet = not chances or self._in_sensitive_zone(installation.customer_key)
        return Told(tuple(events), () if quiet else self._decide_all(chances))

    def _join(self, customer_key: int, move: Move) -> tuple[Visit | None, Visit]:
        """Counts the move into the visits to its zone and its site: (the zone's if it is a moment, the site's)."""
        memory = self.memories.get(customer_key) or self.world.memories[customer_key]
        visits = dict(memory.visits)
        site, _ = split_zone_key(ZoneKey(move.zone))
        visit, is_moment = join(visits, move.zone, move)
        site_visit = visits.get(site) if move.type == "dwelled" else join(visits, site, move)[0]
        visits[move.zone], visits[site] = visit, site_visit or visit
        zone = self.catalogue.places.zones.get(ZoneKey(move.zone))
        if move.type == "exited" and (zone is None or zone.sensitive):
            del visits[move.zone]
        self.memories[customer_key] = Memory(visits=visits, arms=memory.arms)
        return visit if is_moment else None, visits[site]

    def _in_sensitive_zone(self, customer_key: int) -> bool:
        """Whether a phone of the customer is in one: then nothing is decided, whatever zone a campaign names."""
        sensitive = self.catalogue.places.sensitive
        visits = self.memories[customer_key].visits
        return bool(sensitive) and any(visits[place].open for place in visits.keys() & sensitive)

    def _event(
        self, installation: Installation, cause: Cause, move: Move, made_by: str, name: tuple[object, ...]
    ) -> Event:
        site, zone = split_zone_key(ZoneKey(move.zone))
        return Event(
            id=derived_uuid7(self.now, "event", cause.seed, *name),
            installation_key=installation.key,
            customer_key=installation.customer_key,
            site=site,
            zone=zone,
            move=move,
            cause=made_by,
        )

    def _decide_all(self, chances: Sequence[_Chance]) -> tuple[Decision, ...]:
        """Deepest zone first, at most one offer for all of them."""
        decisions: list[Decision] = []
        offered = False
        for zone, moment, candidates in sorted(chances, key=lambda chance: -chance.zone.depth):
            question = self._question(zone, moment)
            if offered:
                lost = {campaign.id: Reason.ONE_PER_PING.value for campaign in candidates}
                decision = msgspec.structs.replace(decide(question, ()), reasons=lost)
            else:
                decision = decide(question, candidates)
            self._remember(decision)
            offered = offered or decision.offer is not None
            decisions.append(decision)
        return tuple(decisions)

    def _question(self, zone: Zone, moment: Moment) -> Question:
        customer = self.world.customers[moment.customer_key]
        return Question(
            moment=moment,
            attributes=customer.attributes,
            marketing=customer.marketing,
            ledger=(*self.world.ledgers.get(customer.key, ()), *self.granted.get(customer.key, ())),
            arms=self.memories[customer.key].arms,
            now=self.now,
            time_zone=self.catalogue.places.sites[zone.site].time_zone,
            policy=self.catalogue.programme.policy,
            shared=self.shared,
        )

    def _remember(self, decision: Decision) -> None:
        """Later moments of the same step see what this one granted."""
        if not decision.grants:
            return
        key = decision.moment.customer_key
        memory = self.memories[key]
        arms = {grant.campaign: grant.arm for grant in decision.grants if grant.campaign in decision.draws}
        if arms:
            self.memories[key] = Memory(visits=memory.visits, arms={**memory.arms, **arms})
        self.granted.setdefault(key, []).extend(
            Grant(
                campaign=grant.campaign,
                arm=grant.arm,
                site=decision.moment.site,
                policy=grant.policy,
                decided_at=self.now,
                open=grant.arm == "offered",
                outcomes=0,
            )
            for grant in decision.grants
        )


def _moment(name: tuple[object, ...], event: Event, cause: Cause, visit: Visit, site_visit: Visit) -> Moment:
    return Moment(
        key=derived_uuid("moment", *name),
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


def _name(cause: Cause, made_by: str, move: Move) -> tuple[object, ...]:
    """What names a move for ever: a timer is named by when it was due, whoever fires it; a ping's move by the ping."""
    about = (move.zone, move.type, move.dwell_s, move.at.isoformat())
    if made_by == "timer" or isinstance(cause, Tick):
        return ("timer", cause.installation_key, *about)
    return ("ping", cause.installation_key, cause.ping_id, *about)
