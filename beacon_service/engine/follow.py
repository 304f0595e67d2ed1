"""The first pass: where phones are. Screen, locate and advance each cause; presences in, moves out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from beacon_service.customers.model import Installation
from beacon_service.engine.model import Catalogue, Followed, Mover, Ping, Tick, World
from beacon_service.positioning.locate import Remembered, Sensed, locate_all, sense
from beacon_service.positioning.rings import Near
from beacon_service.visits.advance import advance, fire
from beacon_service.visits.approach import approach, fire_near
from beacon_service.visits.model import Move, Nearing, Presence
from beacon_service.visits.screen import ACCEPTED, Verdict, screen
from beacon_service.zones.model import Located

NOTHING = Sensed()
_MILLISECOND = timedelta(milliseconds=1)


def follow(
    catalogue: Catalogue, world: World, causes: Sequence[Mover], now: datetime
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
        located = locate_all(catalogue.places, [one.sensed for one in sensed])
        near = catalogue.rings.nearness(located)
        for place, one, where in zip(wave, sensed, zip(located, near, strict=True), strict=True):
            followed[place] = _advance(catalogue, one, where, presences, now)
    changed = {
        key: presence
        for key, presence in presences.items()
        if presence is not world.installations[key].presence
    }
    return tuple(followed[place] for place in range(len(causes))), changed


class _Halfway(NamedTuple):
    """A cause half-way through the first pass: screened, its timers fired, its zones not asked yet."""

    cause: Mover
    verdict: Verdict
    moves: tuple[tuple[Move, str], ...] = ()
    sensed: Sensed = NOTHING
    near: tuple[Nearing, ...] = ()


def _waves(causes: Sequence[Mover]) -> list[dict[int, Mover]]:
    """The n-th cause of every installation, by its place, for n = 1, 2 ..."""
    waves: list[dict[int, Mover]] = []
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
    cause: Mover,
    now: datetime,
) -> _Halfway:
    """Screen, and fire the timers that were due before; what a rejected ping says is looked at no further."""
    before = presences[installation.key]
    if isinstance(cause, Tick):
        presences[installation.key], moves, near = _fire(catalogue, before, cause.until_at)
        return _Halfway(cause, ACCEPTED, _timed(moves), near=near)
    verdict = screen(
        before,
        at=cause.at,
        received_at=now,
        position=cause.position,
        location_consent=installation.location,
    )
    if verdict.status != "accepted":
        return _Halfway(cause, verdict)
    presences[installation.key], moves, near = _fire(catalogue, before, cause.at)
    return _Halfway(cause, verdict, _timed(moves), _sensed(catalogue, installation, before, cause), near)


def _sensed(catalogue: Catalogue, installation: Installation, before: Presence, cause: Ping) -> Sensed:
    if cause.located is not None:
        return Sensed(located=cause.located)
    remembered = Remembered(before.heard, before.belief, before.rest, installation.model)
    return sense(catalogue.places, remembered, cause.sightings, cause.position, cause.at)


def _fire(
    catalogue: Catalogue, before: Presence, until: datetime
) -> tuple[Presence, tuple[Move, ...], tuple[Nearing, ...]]:
    presence, moves = fire(before, until, catalogue.places)
    presence, near = fire_near(presence, until)
    return presence, moves, near


def _timed(moves: Sequence[Move]) -> tuple[tuple[Move, str], ...]:
    return tuple([(move, "timer") for move in moves]) if moves else ()


def _advance(
    catalogue: Catalogue,
    halfway: _Halfway,
    where: tuple[Located, Sequence[Near] | None],
    presences: dict[int, Presence],
    now: datetime,
) -> Followed:
    cause, verdict = halfway.cause, halfway.verdict
    if isinstance(cause, Tick) or verdict.status != "accepted":
        return Followed(cause, verdict.status, verdict.reasons, moves=halfway.moves, near=halfway.near)
    located, near = where
    before, nearings = presences[cause.installation_key], halfway.near
    moved, moves = advance(before, located, cause.at, catalogue.places, catalogue.dwells)
    if catalogue.rings or before.rings:
        moved, made = approach(before, moved, near, cause.at, catalogue.rings)
        nearings = (*nearings, *made)
    presences[cause.installation_key] = msgspec.structs.replace(
        moved,
        heard=halfway.sensed.heard,
        belief=halfway.sensed.belief,
        rest=halfway.sensed.rest,
        lag_ms=int((now - cause.at) / _MILLISECOND),
        offset_ms=cause.offset_ms,
        ping=(cause.received_on, cause.ping_id),
    )
    moves_made = (*halfway.moves, *((move, "ping") for move in moves))
    return Followed(cause, verdict.status, (), located, moves_made, nearings)
