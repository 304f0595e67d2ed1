"""Nearness moved on: who comes near a zone without being in it.

A ring (`positioning.rings`) is stayed in as a zone is, by the same table of transitions, so that confirmation, holds,
silence and late pings are the same. But rings compete with nobody, are nobody's primary zone, and what is made of
their stays is told only to campaigns.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from beacon_service.positioning.rings import Near, Rings
from beacon_service.visits.advance import run_down, without_lapsed
from beacon_service.visits.evidence import INSIDE, OUTSIDE, SURE, Evidence
from beacon_service.visits.join import GAP
from beacon_service.visits.model import Move, Nearing, Presence, Stay
from beacon_service.visits.transitions import TRANSITIONS, Learned

# Each is a hundred bytes of a presence that every ping rewrites. Of more at once the widest are left out: who is
# within a kilometre of forty shops has come near none of them in particular.
MOST_NEAR = 32


def approach(
    before: Presence, moved: Presence, near: Sequence[Near] | None, at: datetime, rings: Rings
) -> tuple[Presence, tuple[Nearing, ...]]:
    """The presence after a ping, with its nearness, and what moved of that.

    `moved` is the presence as zones have moved it; `near` the rings that the ping may be in, None if it has no place.
    """
    anew = _are_new(before, rings, at)
    if near is None:
        # It was not looked at by the new rings yet, which stay new for as long as it is heard.
        looked_by = before.rings if anew else rings.digest
        return replace(moved, near=without_lapsed(before.near, at), rings=looked_by), ()
    stays = {stay.zone: stay for stay in before.near}
    shown = {one.ring.key: one for one in near}
    in_zones = {stay.zone for stay in moved.stays}
    after: list[Stay] = []
    nearings: list[Nearing] = []
    for key in _looked_at(stays, near):
        stay, ring = stays.get(key), rings.by_key.get(key)
        evidence = _evidence(shown.get(key) if ring else None, stay)
        silent = stay is None and anew
        if silent and evidence == "inside":
            evidence = "sure"  # it has been there since before there was a ring, as far as is known
        probability = round(shown[key].share, 4) if key in shown else 0.0
        change = TRANSITIONS[stay.state if stay else "outside", evidence]
        became, made = change(Learned(key, at, ring.zone if ring else None, stay, probability))
        if became is not None:
            after.append(became)
        # Who is in the zone, or about to be, does not come near it: they came some other way, or are there already.
        comes = not silent and ring is not None and ring.around not in in_zones
        nearings += (Nearing(move, comes=comes and move.type == "entered") for move in made)
    kept, left_out = _bounded(after, rings)
    told = [one for one in nearings if one.move.zone not in left_out]
    told += [
        Nearing(Move(key, "exited", at, stay.probability), comes=False)
        for key, stay in left_out.items()
        if key in stays and stays[key].state != "entering"
    ]
    return replace(moved, near=kept, rings=rings.digest), tuple(told)


def fire_near(presence: Presence, until: datetime) -> tuple[Presence, tuple[Nearing, ...]]:
    """The presence after all timers of its nearness due at or before `until`: of a ring one is told only of its end."""
    if not presence.near:
        return presence, ()
    stays: list[Stay] = []
    moves: list[Move] = []
    for stay in presence.near:
        left, made = run_down(stay, until, {})
        stays.extend([left] if left else [])
        moves.extend(made)
    if not moves:
        return presence, ()
    fired_at = max(move.at for move in moves)
    if presence.fired_at is not None:
        fired_at = max(fired_at, presence.fired_at)
    moves.sort(key=lambda move: (move.at, move.zone))
    nearings = tuple(Nearing(move, comes=False) for move in moves)
    return replace(presence, near=tuple(stays), fired_at=fired_at), nearings


def _looked_at(stays: dict[str, Stay], near: Sequence[Near]) -> list[str]:
    """Those with a stay, and those that a stay may begin in: a ping may reach dozens of rings with a few per cent."""
    return [*stays, *(one.ring.key for one in near if one.share >= INSIDE and one.ring.key not in stays)]


def _are_new(before: Presence, rings: Rings, at: datetime) -> bool:
    """Whether the rings are others than those that the phone was looked at by a short while ago.

    Then who is found to be in one need not have come: a campaign that is published at noon does not greet everybody
    who happens to stand there.
    """
    return before.rings != rings.digest and before.last_at is not None and at - before.last_at <= GAP


def _evidence(near: Near | None, stay: Stay | None) -> Evidence:
    """What a fix says of a ring. Who is held to be near is so up to a wider distance (see `rings.LEAVING_M`)."""
    if near is None:
        return "outside"
    share = near.wider if stay is not None and stay.state != "entering" else near.share
    if share >= SURE:
        return "sure"
    if share >= INSIDE:
        return "inside"
    return "doubt" if share >= OUTSIDE or near.vague else "outside"


def _bounded(stays: list[Stay], rings: Rings) -> tuple[tuple[Stay, ...], dict[str, Stay]]:
    """Those that are followed, and those that are left out, by their rings' keys."""
    if len(stays) <= MOST_NEAR:
        return tuple(stays), {}
    ranked = sorted(stays, key=lambda stay: (_within_m(stay, rings), stay.zone))
    return tuple(ranked[:MOST_NEAR]), {stay.zone: stay for stay in ranked[MOST_NEAR:]}


def _within_m(stay: Stay, rings: Rings) -> float:
    """A ring that there is no more goes first."""
    ring = rings.by_key.get(stay.zone)
    return float("inf") if ring is None else ring.within_m
