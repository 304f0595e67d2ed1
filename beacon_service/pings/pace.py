"""When a phone is asked to report again: soon where something may happen, seldom where nothing can, later under load.

Advice: a ping that comes earlier or later is taken as any other. Pure, and the same for the same input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beacon_service.visits.transitions import CONFIRM_WITHIN
from beacon_service.zones.model import ZoneKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from beacon_service.customers.model import Installation
    from beacon_service.engine import Catalogue
    from beacon_service.visits.model import Presence, Stay
    from beacon_service.zones.model import Located

# An entry is believed with a second ping within 30 s, an exit after 10 s: three looks in the time of an exit.
CONFIRM_S = 3
# Often enough to see someone pass through an aisle.
CAMPAIGN_S = 5
# A place that no campaign waits for: moves are recorded, and no offer hangs on them.
PLACE_S = 10
# Nowhere near a zone: at walking pace 40 m until the next look.
NOWHERE_S = 30
# In a sensitive zone nothing is decided; that it was left is all there is to learn.
SENSITIVE_S = 60
# What a phone without consent sends is not kept. It asks again all the same: consent may have been given elsewhere.
NO_CONSENT_S = 300
# A threshold of dwell moves with the first ping after it, which so can bring its offer.
AFTER_DWELL_S = 1

# What counts as load: a wait of a quarter of a second doubles the pace, three quarters and more make it four times.
STRETCHED_BY_S = 0.25
MOST_STRETCH = 4.0
# The hop to the thread that decides, and one turn of others: nothing that a phone's coming later would help.
NO_WAIT_S = 0.025


def pace_s(catalogue: Catalogue, installation: Installation, presence: Presence, located: Located) -> int:
    """In how many seconds it is worth hearing of this phone again. The first row that holds:

    | the phone                                                                          | s   |
    |------------------------------------------------------------------------------------|-----|
    | has no consent to be located                                                       | 300 |
    | is entering a zone or a ring around one, or began to leave one half a minute ago   | 3   |
    | is in a sensitive zone                                                             | 60  |
    | is in, near, or perhaps in a zone that a published campaign waits for              | 5   |
    | is in, or perhaps in, any other zone                                               | 10  |
    | is nowhere near a zone, or nothing was heard that says where                       | 30  |

    From the fourth row on never later than a second after the next threshold of dwell. `located` is where its newest
    ping was held to be.
    """
    if not installation.location:
        return NO_CONSENT_S
    at, zones = presence.last_at, catalogue.places.zones
    if at is None:
        return NOWHERE_S
    if any(_is_open(stay, at) for stay in (*presence.stays, *presence.near)):
        return CONFIRM_S
    found = [zone for stay in presence.stays if (zone := zones.get(ZoneKey(stay.zone))) is not None]
    if any(zone.sensitive for zone in found):
        return SENSITIVE_S
    found += [zone for key, _ in located.zones if (zone := zones.get(ZoneKey(key))) is not None]
    if presence.near or any(catalogue.programme.triggers.waits_at(zone) for zone in found):
        return min(CAMPAIGN_S, _until_dwell_s(presence.stays, at))
    return min(PLACE_S if found else NOWHERE_S, _until_dwell_s(presence.stays, at))


def _is_open(stay: Stay, at: datetime) -> bool:
    """Whether the next ping may settle it. An exit that is held for an hour needs no look each three seconds."""
    if stay.leaving_at is not None:
        return at - stay.leaving_at <= CONFIRM_WITHIN
    return stay.state == "entering"


def _until_dwell_s(stays: Iterable[Stay], at: datetime) -> int:
    """Until just after the next threshold of those that one is in; for ever where there is none."""
    due = [
        int((stay.since_at - at).total_seconds()) + stay.dwells_s[0]
        for stay in stays
        if stay.state == "inside" and stay.dwells_s
    ]
    return max(0, min(due)) + AFTER_DWELL_S if due else NO_CONSENT_S


def stretched(pace: int, delay_s: float) -> int:
    """The same pace while pings wait for `delay_s` for their turn.

    5 s: below 0.025 s 5, with 0.05 s 6, with 0.25 s 10, from 0.75 s on 20.
    """
    if delay_s < NO_WAIT_S:
        return pace
    return int(pace * min(MOST_STRETCH, 1.0 + delay_s / STRETCHED_BY_S))
