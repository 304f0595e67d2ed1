"""Who wins among equals: how likely an offer is to be taken up, how near it is to the customer, what it is worth. Pure.

score = propensity * context * value * lever. Each is 1 where nothing is known or said, so that priority and id decide.

Context is what the zones that carry the campaign's tags are to the customer, a factor from 1 to 2 for each aspect:
how often they are visited (affinity), how long one was stayed in during this visit (dwell), how near one is (distance).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from beacon_service.ids import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from beacon_service.campaigns.model import Campaign, Learning, Offer, Tries
    from beacon_service.campaigns.moment import Moment
    from beacon_service.visits.model import Visit
    from beacon_service.zones.model import Zone

# Of an offer that nobody was shown yet every rate is as likely as any: it will be tried.
PRIOR = (1, 1)
# The slice of all whose attribute is missing, or no plain value.
EVERYBODY = "*"
# Who stands two minutes among the wines is choosing one; who crosses a zone takes seconds.
HALF_DWELL_S = 120.0
# About as far as one sees in a shop, and walks for an offer.
HALF_DISTANCE_M = 20.0


def slice_of(learning: Learning, attributes: Mapping[str, Any]) -> str:
    """In which part of the audience the customer's answer is learned."""
    value = attributes.get(learning.by) if learning.by is not None else None
    return f"{value}"[:64] if isinstance(value, str | bool | int) else EVERYBODY


def propensity(tries: Tries, *seed: object) -> float:
    """A rate of success drawn from what the tries leave possible (Thompson, 1933): Beta(1 + taken up, 1 + not).

    Shown 100 times and taken up 10 times, nine draws in ten lie between 0.06 and 0.16. The same seed draws the same.
    """
    random = Random(int.from_bytes(digest("propensity", *seed)))
    return random.betavariate(PRIOR[0] + tries.taken, PRIOR[1] + max(0, tries.shown - tries.taken))


def affinities(visits: Mapping[str, Visit], zones: Mapping[Any, Zone]) -> dict[str, float]:
    """Which part of the customer's visits went to zones of each tag."""
    found: dict[str, int] = {}
    total = 0
    for place, visit in visits.items():
        zone = zones.get(place)
        if zone is None or zone.sensitive:
            continue
        total += visit.number
        for tag in zone.tags:
            found[tag] = found.get(tag, 0) + visit.number
    return {tag: number / total for tag, number in found.items()} if total else {}


def affinity(tags: Iterable[str], liked: Mapping[str, float]) -> float:
    """From 1, for who never was at such places, to 2, for who is nowhere else."""
    return 1.0 + max((liked.get(tag, 0.0) for tag in tags), default=0.0)


def stays(
    moment: Moment, visits: Mapping[str, Visit], zones: Mapping[Any, Zone], at: datetime
) -> dict[str, float]:
    """For each tag, the seconds in that zone of it where the customer was longest during this visit to the site."""
    found: dict[str, float] = {}
    for place, visit in visits.items():
        zone = zones.get(place)
        if zone is None or zone.sensitive or zone.site != moment.site:
            continue
        if visit.started_at < moment.visit_started_at:
            continue
        until = at if visit.open or visit.left_at is None else visit.left_at
        seconds = max(0.0, (until - visit.started_at).total_seconds())
        for tag in zone.tags:
            found[tag] = max(found.get(tag, 0.0), seconds)
    return found


def dwell(seconds: float) -> float:
    """0 s: 1, 30 s: 1.2, 2 min: 1.5, 10 min: 1.83; never quite 2."""
    return 1.0 + seconds / (seconds + HALF_DWELL_S)


def distance(metres: float | None) -> float:
    """Within it: 2, 5 m: 1.8, 20 m: 1.5, 100 m: 1.17; where no such zone is on the floor: 1."""
    return 1.0 if metres is None else 1.0 + HALF_DISTANCE_M / (HALF_DISTANCE_M + metres)


def best_offer(campaign: Campaign, rates: Mapping[str, float]) -> Offer:
    """Of a campaign that learns: the offer with the highest draw, the first of equals."""
    return max(campaign.offers, key=lambda offer: rates[offer.id])
