"""What one located ping says about one zone: in there, not in there, or not to be told.

Doubt is an answer of its own. A fix as wide as a street says of no shop that one has left it. But where zones
share a floor, one of them is the likeliest, and a phone that is surely somewhere in the arcade is taken to be in
its likeliest shop; how likely that is stands with every event.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.visits.model import Stay
from beacon_service.zones.model import Located, Zone

Evidence = Literal["sure", "inside", "doubt", "outside"]

# All but two of the 25 points of a fix lie in the zone: a neighbour's is no longer a likely reading.
SURE = 0.9
# More likely in than out: what a position asks for, which says nothing of walls.
INSIDE = 0.5
# The likeliest of the zones of a floor, by beacons, with at least this: less is a guess among five and more.
LIKELIEST = 0.2
# How much likelier than the zone that one is held to be in another must be. At 1.0 a phone on the border of two
# zones changes with every fading; past 2.5 it lags behind a walker. Chosen on recorded walks.
AHEAD = 2.0
# A phone that rests has not gone anywhere, so only its place can have been mistaken, and that grows less likely
# with time: by as much again for every ten seconds of rest. A zone less likely than one in twenty is not held so.
SETTLES_S, UNLIKELY = 10.0, 0.05
# A first guess may be put right. Who went there and back again is on the border of the two: each further time the
# other must be likelier by so much again, until only one that is as good as sure will do.
TO_AND_FRO, MOST_TURNS = 3.0, 3
# At most three of 25 points. At a straight border that is one 68 % radius outside; anything nearer is noise.
OUTSIDE = 0.15
# Probabilities are rounded; zones whose shares add up to more than one overlap, and one may be in both.
_ROUNDING = 0.001


class Contest(NamedTuple):
    """What a ping may mean instead of one zone: its rivals are zones as deeply nested that exclude it."""

    rival: float = 0.0  # the likeliest of them
    incumbent: float = 0.0  # the likeliest of those that one is held to be in
    nowhere: float = 0.0  # in no zone so deeply nested
    held: bool = False  # whether one is held to be in the zone itself
    instead_of: str = ""  # the key of the incumbent
    turns: int = 0  # how often the zone and what it competes with have taken each other's place


UNCONTESTED = Contest()


def contest(
    zone: Zone, probability: float, likely: Sequence[tuple[Zone, float]], held: Mapping[str, Stay]
) -> Contest:
    """`likely` are the zones that the ping names; `held` are the stays in those that one is held to be in."""
    peers = [(other, p) for other, p in likely if other.depth == zone.depth and other.key != zone.key]
    rivals = [(p, other.key) for other, p in peers if p + probability <= 1 + _ROUNDING]
    rival, challenger = max(rivals, default=(0.0, ""))
    incumbent, instead_of = max(((p, key) for p, key in rivals if key in held), default=(0.0, ""))
    stay, other = (held[zone.key], challenger) if zone.key in held else (held.get(instead_of), zone.key)
    return Contest(
        rival=rival,
        incumbent=incumbent,
        nowhere=max(0.0, 1 - probability - sum(p for _, p in peers)),
        held=zone.key in held,
        instead_of=instead_of,
        turns=stay.turns if stay and stay.instead_of == other else 0,
    )


def evidence(zone: Zone | None, located: Located, probability: float, against: Contest) -> Evidence:
    """A zone that is gone from the catalogue is one that nobody can be in."""
    if zone is None:
        return "outside"
    if probability >= SURE:
        return "sure"
    least = INSIDE if located.source == "position" else LIKELIEST
    rival = against.rival / _ahead(located, probability, against) if against.held else against.rival
    incumbent = against.incumbent * _ahead(located, against.incumbent, against)
    if probability >= max(least, rival, against.nowhere, incumbent):
        # A belief already weighs all pings so far, so no second one need agree.
        return "sure" if located.source == "radio_map" else "inside"
    if against.incumbent >= max(least, AHEAD * probability):
        return "outside"
    # Where another zone is about to be entered one is held here until it is: nobody is nowhere between two shops.
    if probability >= OUTSIDE or against.rival >= least or _too_vague(zone, located):
        return "doubt"
    return "outside"


def _ahead(located: Located, incumbent: float, against: Contest) -> float:
    """How much likelier than the zone that one is in, which is so likely, another must be."""
    ahead = AHEAD * TO_AND_FRO ** max(0, min(against.turns, MOST_TURNS) - 1)
    return ahead if incumbent < UNLIKELY else ahead * (1 + located.rested_s / SETTLES_S)


def _too_vague(zone: Zone, located: Located) -> bool:
    """Whether the fix is wider than the zone and reaches it: then a low probability is the fix's fault.

    A shop of 20 m by 20 m (as wide as a circle of 11 m radius) is held through a network fix of 200 m at its
    door, and left by the same fix 300 m away or by a fix of 10 m next door.
    """
    if located.longitude is None or located.latitude is None or located.accuracy_m is None:
        return True
    if zone.floor is not None and located.floor is not None and zone.floor != located.floor:
        return False
    if located.accuracy_m < math.sqrt(zone.area_m2 / math.pi):
        return False
    west, south, east, north = zone.geometry.bounds
    up = max(south - located.latitude, 0.0, located.latitude - north)
    across = max(west - located.longitude, 0.0, located.longitude - east)
    away_m = METRES_PER_DEGREE * math.hypot(up, across * math.cos(math.radians(located.latitude)))
    return away_m <= located.accuracy_m
