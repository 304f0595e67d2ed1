"""Who wins among equals: how likely an offer is to be taken up, how near it is to the customer, what it is worth. Pure.

score = propensity * context * value * lever. Each is 1 where nothing is known or said, so that priority and id decide.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from beacon_service.ids import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beacon_service.campaigns.model import Campaign, Learning, Offer, Tries
    from beacon_service.visits.model import Visit
    from beacon_service.zones.model import Zone

# Of an offer that nobody was shown yet every rate is as likely as any: it will be tried.
PRIOR = (1, 1)
# The slice of all whose attribute is missing, or no plain value.
EVERYBODY = "*"


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


def context(campaign: Campaign, liked: Mapping[str, float]) -> float:
    """From 1, for who never was at such places, to 2, for who is nowhere else."""
    return 1.0 + max((liked.get(tag, 0.0) for tag in campaign.tags), default=0.0)


def best_offer(campaign: Campaign, rates: Mapping[str, float]) -> Offer:
    """Of a campaign that learns: the offer with the highest draw, the first of equals."""
    return max(campaign.offers, key=lambda offer: rates[offer.id])
