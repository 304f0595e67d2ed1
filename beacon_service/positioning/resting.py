"""Whether a phone that hears beacons lies still, and where: the mean of its fixes, once they have stayed together.

A single fix scatters by its accuracy and would take a phone on a table from shop to shop; half a minute of them have
a mean that stays. Who walks is elsewhere by then, and is never held back. At a surveyed site the belief does this.
"""

import math
from datetime import datetime, timedelta

from msgspec.structs import replace

from beacon_service.geo import distance_m
from beacon_service.positioning.fix import Fix
from beacon_service.zones.model import Rest, Zone

# From then on the mean counts. A walker is 20 to 50 m on.
SETTLED_S = 30.0
# How far from the mean a fix may be, in accuracies: the longer a phone has rested, the less likely has it left.
FARTHEST, PATIENCE_S = 1.5, 10.0
# One that has settled has left when its fixes stay away for so long, and a second more for each minute of rest: a
# single one may be of a faint beacon on the next floor.
LEAVES_S, LEAVES_AT_MOST_S = 3.0, 15.0
# The mean is of so long at the most: shops move their beacons, and levels change with the crowd.
LONGEST_MEAN_S = 600.0
# Two pings far apart tell little of what was between them.
PAUSE_S = 5.0
# What was before a longer silence says nothing of rest.
FORGOTTEN = timedelta(minutes=2)


def settled(before: Rest | None, fix: Fix, at: datetime) -> tuple[Fix, Rest]:
    """The fix as it counts, and what is kept of it: as it came, or the mean of the rest that it belongs to."""
    if before is None or at - before.at > FORGOTTEN:
        return fix, _begun(fix, at)
    if _is_there(before, fix):
        rest = _prolonged(before, fix, at)
    elif before.rested_s >= SETTLED_S and not _has_left(before, at):
        rest = replace(before, at=max(at, before.at), away_at=before.away_at or at)
    else:
        return fix, _begun(fix, at)
    return _resting(rest, fix) if rest.rested_s >= SETTLED_S else fix, rest


def _begun(fix: Fix, at: datetime) -> Rest:
    return Rest(at, 0.0, fix.longitude, fix.latitude, fix.accuracy_m, fix.site, fix.floor)


def _is_there(rest: Rest, fix: Fix) -> bool:
    """A fix that is wider than those of the rest is no reason to stay."""
    patience = min(FARTHEST, 1 + math.log1p(rest.rested_s / PATIENCE_S))
    away_m = distance_m(rest.longitude, rest.latitude, fix.longitude, fix.latitude)
    near_m = min(fix.accuracy_m, rest.accuracy_m) * patience
    return (fix.site, fix.floor) == (rest.site, rest.floor) and away_m <= near_m


def _has_left(rest: Rest, at: datetime) -> bool:
    away_s = (at - (rest.away_at or at)).total_seconds()
    return away_s >= min(LEAVES_AT_MOST_S, LEAVES_S + rest.rested_s / 60)


def _prolonged(rest: Rest, fix: Fix, at: datetime) -> Rest:
    elapsed_s = min(PAUSE_S, max(0.0, (at - rest.at).total_seconds()))
    rested_s = rest.rested_s + elapsed_s
    share = elapsed_s / min(rested_s, LONGEST_MEAN_S) if elapsed_s else 0.0
    east = (fix.longitude - rest.longitude + 180.0) % 360.0 - 180.0
    return Rest(
        at=max(at, rest.at),
        rested_s=round(rested_s, 1),
        # To a tenth of a millimetre: what is rounded away at each step would hold the mean fast.
        longitude=round((rest.longitude + share * east + 180.0) % 360.0 - 180.0, 9),
        latitude=round(rest.latitude + share * (fix.latitude - rest.latitude), 9),
        accuracy_m=round(rest.accuracy_m + share * (fix.accuracy_m - rest.accuracy_m), 2),
        site=rest.site,
        floor=rest.floor,
    )


def _resting(rest: Rest, fix: Fix) -> Fix:
    """At the mean of the rest, on its floor: half a minute has told that for sure."""

    def floor_share(zone: Zone) -> float:
        there = zone.site == rest.site and zone.floor == rest.floor
        return fix.floor_share(zone) if zone.floor is None else float(there)

    return replace(
        fix,
        longitude=rest.longitude,
        latitude=rest.latitude,
        site=rest.site,
        floor=rest.floor,
        floor_share=floor_share,
        rested_s=rest.rested_s,
    )
