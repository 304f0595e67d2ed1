"""What one located ping says about one zone: in there, not in there, or not to be told.

Doubt is an answer of its own. A fix as wide as a street says of no shop that one has left it.
"""

import math
from typing import Literal

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.zones.model import Located, Zone

Evidence = Literal["sure", "inside", "doubt", "outside"]

# All but two of the 25 points of a fix lie in the zone: a neighbour's is no longer a likely reading.
SURE = 0.9
# More likely in than out. Of zones side by side at most one can have it, save on the very border.
INSIDE = 0.5
# At most three of 25 points. At a straight border that is one 68 % radius outside; anything nearer is noise.
OUTSIDE = 0.15


def evidence(zone: Zone | None, located: Located, probability: float) -> Evidence:
    """A zone that is gone from the catalogue is one that nobody can be in."""
    if zone is None:
        return "outside"
    if probability >= SURE:
        return "sure"
    if probability >= INSIDE:
        return "inside"
    if probability >= OUTSIDE or _too_vague(zone, located):
        return "doubt"
    return "outside"


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
