"""Presence moved on: by a located ping (`advance`), by time (`fire`). The rules are in `transitions`.

The caller fires what is due at or before a ping before it advances by it. Presence knows nothing of offers
and of other phones, so that the moves of one installation can be worked out alone, live and in a backtest.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec.structs import replace

from beacon_service.visits.evidence import LIKELIEST, SURE, UNCONTESTED, contest, evidence
from beacon_service.visits.model import Move, Presence, Stay
from beacon_service.visits.transitions import (
    CONFIRM_WITHIN,
    SILENCE_S,
    TRANSITIONS,
    Learned,
    Timer,
)
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Located, Zone, ZoneKey

# Of one instant: a threshold was reached before one left, and one leaves before one enters.
_ORDER = {"dwelled": 0, "exited": 1, "entered": 2}


# When it is due, its order among those of one instant (the threshold first, it was reached inside), and which it is.
_Due: TypeAlias = tuple[datetime, int, Timer]


def advance(
    presence: Presence,
    located: Located,
    at: datetime,
    places: Places,
    dwells: Mapping[ZoneKey, tuple[int, ...]],
) -> tuple[Presence, tuple[Move, ...]]:
    """The presence after a ping, and the moves that it made.

    NOWHERE is a sign of life but not of place: states hold, and it does not put off the silent exit, or an
    app that pings from home without a fix would stay in the shop for ever.
    """
    last_at = at if presence.last_at is None else max(at, presence.last_at)
    if located.source == "none":
        return replace(presence, last_at=last_at, stays=without_lapsed(presence.stays, at)), ()
    fix = _own_fix(located, at) or presence.fix
    unmoved = _unmoved(presence.stays, located, at, places)
    if unmoved is not None:
        return replace(presence, last_at=last_at, stays=unmoved, fix=fix), ()
    probabilities = dict(located.zones)
    before = {stay.zone: stay for stay in presence.stays}
    held = {stay.zone: stay for stay in presence.stays if stay.state == "inside"}
    after: dict[str, Stay | None] = {}
    moves: list[Move] = []
    # A ping names dozens of zones with a few per cent each; without a stay those change nothing.
    likely = [key for key, probability in located.zones if probability >= LIKELIEST and key not in before]
    peers = _zones(located, places) if before or likely else []
    for key in _in_turn(before, likely, held):
        zone, stay, probability = places.zones.get(ZoneKey(key)), before.get(key), probabilities.get(key, 0.0)
        against = contest(zone, probability, peers, held) if zone else UNCONTESTED
        shown = evidence(zone, located, probability, against)
        change = TRANSITIONS[stay.state if stay else "outside", shown]
        became, made = change(Learned(key, at, zone, stay, probability, dwells))
        if became is not None and became.state == "inside" and key not in held:
            # Entered, or back before the exit was final.
            became = held[key] = replace(
                became, instead_of=against.instead_of, turns=against.turns + 1 if against.instead_of else 0
            )
        after[key] = became
        moves += made
    stays = [stay for key in (*before, *likely) if (stay := after[key]) is not None]
    return replace(presence, last_at=last_at, stays=tuple(stays), fix=fix), _in_order(moves, places)


def _in_turn(before: Iterable[str], likely: Iterable[str], held: Container[str]) -> tuple[str, ...]:
    """Who may enter comes first: only a zone that one is in drives out another, so nobody is between two for a ping."""
    return (
        *(key for key in before if key not in held),
        *likely,
        *(key for key in before if key in held),
    )


def _unmoved(
    stays: tuple[Stay, ...], located: Located, at: datetime, places: Places
) -> tuple[Stay, ...] | None:
    """The stays of one who surely is where they were held to be, and nowhere else; None where there is more to it.

    The table would come to the same, as `inside` and `sure` is to stay: most pings are such, and are spared it.
    """
    elsewhere = dict(located.zones)
    after = []
    for stay in stays:
        probability = elsewhere.pop(stay.zone, 0.0)
        if stay.state != "inside" or probability < SURE or stay.zone not in places.zones:
            return None
        after.append(replace(stay, last_at=at, probability=probability))
    if elsewhere and max(elsewhere.values()) >= LIKELIEST:
        return None
    return tuple(after)


def fire(presence: Presence, until: datetime, places: Places) -> tuple[Presence, tuple[Move, ...]]:
    """The presence after all timers of its zones due at or before `until`, each move at its due time."""
    due_at = _next_of(presence.stays)
    if due_at is None or due_at > until:
        return presence, ()
    stays: list[Stay] = []
    moves: list[Move] = []
    for stay in presence.stays:
        left, made = run_down(stay, until, places.zones)
        stays.extend([left] if left else [])
        moves.extend(made)
    fired_at = max(move.at for move in moves)
    if presence.fired_at is not None:
        fired_at = max(fired_at, presence.fired_at)
    return replace(presence, stays=tuple(stays), fired_at=fired_at), _in_order(moves, places)


def next_due(presence: Presence) -> datetime | None:
    """When the next timer is due, on the phone's clock; those of nearness included (`approach.fire_near`)."""
    return _next_of((*presence.stays, *presence.near) if presence.near else presence.stays)


def _next_of(stays: Iterable[Stay]) -> datetime | None:
    earliest_at = None
    for stay in stays:
        due = _next_timer(stay)
        if due is not None and (earliest_at is None or due[0] < earliest_at):
            earliest_at = due[0]
    return earliest_at


def primary(presence: Presence, places: Places) -> ZoneKey | None:
    """The zone that one is in: deepest nested, then most probable, smallest, of highest priority, by id."""
    zones = (
        (stay, places.zones.get(ZoneKey(stay.zone))) for stay in presence.stays if stay.state == "inside"
    )
    ranked = [(_rank(zone, stay), zone.key) for stay, zone in zones if zone]
    return min(ranked)[1] if ranked else None


def _rank(zone: Zone, stay: Stay) -> tuple[float, ...]:
    # In whole square metres: two zones drawn alike differ by rounding alone, and then priority has its say.
    return (-zone.depth, -stay.probability, round(zone.area_m2), -zone.priority)


def _zones(located: Located, places: Places) -> list[tuple[Zone, float]]:
    found = ((places.zones.get(ZoneKey(key)), probability) for key, probability in located.zones)
    return [(zone, probability) for zone, probability in found if zone is not None]


def without_lapsed(stays: tuple[Stay, ...], at: datetime) -> tuple[Stay, ...]:
    """Without those whose entry was not confirmed in time."""
    return tuple(stay for stay in stays if stay.state != "entering" or at - stay.last_at <= CONFIRM_WITHIN)


def _own_fix(located: Located, at: datetime) -> tuple[datetime, float, float, float] | None:
    """What later positions are held against; no place by beacons, or a moved one would damn honest fixes."""
    if located.source != "position" or located.longitude is None:
        return None
    assert located.latitude is not None
    assert located.accuracy_m is not None
    return at, located.longitude, located.latitude, located.accuracy_m


def run_down(stay: Stay, until: datetime, zones: Mapping[ZoneKey, Zone]) -> tuple[Stay | None, list[Move]]:
    """A stay after its timers due at or before `until`, None where they ended it; and the moves."""
    moves: list[Move] = []
    left: Stay | None = stay
    while left is not None and (due := _next_timer(left)) and due[0] <= until:
        due_at, _, timer = due
        learned = Learned(left.zone, due_at, zones.get(ZoneKey(left.zone)), left)
        left, made = TRANSITIONS[left.state, timer](learned)
        moves.extend(made)
    return left, moves


def _next_timer(stay: Stay) -> _Due | None:
    """A zone that holds exits longer than silence lasts holds through silence as well."""
    if stay.state == "entering":
        return None
    if stay.leaving_at is not None:
        return stay.leaving_at + timedelta(0, stay.hold_s), 1, "hold_due"
    due: _Due = (stay.last_at + timedelta(0, max(SILENCE_S, stay.hold_s)), 1, "silence_due")
    if not stay.dwells_s:
        return due
    return min(due, (stay.since_at + timedelta(0, stay.dwells_s[0]), 0, "dwell_due"))


def _in_order(moves: Iterable[Move], places: Places) -> tuple[Move, ...]:
    """By time; of one instant thresholds, exits from the inside out, entries from the outside in."""

    def order(move: Move) -> tuple[datetime, int, int, str, int]:
        zone = places.zones.get(ZoneKey(move.zone))
        depth = zone.depth if zone else 0
        inward = depth if move.type == "entered" else -depth
        return move.at, _ORDER[move.type], inward, move.zone, move.dwell_s or 0

    return tuple(sorted(moves, key=order)) if moves else ()
