"""The question that is put to all campaigns at a moment: what is known of the customer, the place and the time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from beacon_service.campaigns.caps import Clocks
from beacon_service.campaigns.ledger import Grant
from beacon_service.campaigns.moment import Memory, Moment
from beacon_service.campaigns.question import Question
from beacon_service.campaigns.shared import Shared
from beacon_service.campaigns.writing import NOBODY, About
from beacon_service.customers.model import Customer, Installation
from beacon_service.engine.model import Catalogue
from beacon_service.hours import zone_of
from beacon_service.zones.model import Located, Zone
from beacon_service.zones.tagged import Spot


class Known(NamedTuple):
    """Of the customer, and of what customers share, as the step has come so far."""

    customer: Customer
    installation: Installation
    memory: Memory
    ledger: Sequence[Grant]
    now: datetime
    shared: Shared
    clocks: Clocks


def question_of(
    catalogue: Catalogue,
    known: Known,
    zone: Zone | None,
    moment: Moment,
    spot: Spot | None,
) -> Question:
    """Without a zone it is an event or an absence: nobody is anywhere, and the clock is the customer's.

    `spot`: where the ping was that made the moment; without one the customer is somewhere in the zone.
    """
    customer, memory, policy = known.customer, known.memory, catalogue.programme.policy
    customer_zone = zone_of(known.installation.time_zone)
    places = catalogue.places
    return Question(
        moment=moment,
        attributes=customer.attributes,
        marketing=customer.marketing,
        ledger=known.ledger,
        arms=memory.arms,
        now=known.now,
        time_zone=places.sites[zone.site].time_zone if zone else customer_zone or policy.time_zone,
        policy=policy,
        shared=known.shared,
        clocks=known.clocks,
        hours=places.hours(zone) if zone else None,
        location=customer.location,
        visits=memory.visits,
        events=customer.events,
        lists=customer.lists,
        customer_zone=customer_zone,
        organisation_zone=policy.time_zone,
        time_zones=places.time_zones,
        about=_about(catalogue, known, zone),
        groups={
            name: owner for name, owner in memory.groups.items() if owner in catalogue.programme.campaigns
        },
        stock=catalogue.programme.stock,
        learned=catalogue.programme.learned,
        zones=places.zones,
        tagged=places.tagged,
        spot=spot or (Spot(zone.geometry, zone.floor) if zone else None),
        products=catalogue.programme.products,
    )


def spot_of(zone: Zone, located: Located) -> Spot | None:
    """Where the ping was that it came of; a timer says nothing of where, whoever fires it and when."""
    if located.longitude is None or located.latitude is None:
        return None
    return Spot((located.longitude, located.latitude), zone.floor)


def _about(catalogue: Catalogue, known: Known, zone: Zone | None) -> About:
    customer_id, locale = known.customer.id, known.installation.locale
    if zone is None:
        return replace(NOBODY, customer_id=customer_id, locale=locale)
    site = catalogue.places.sites[zone.site]
    return About(customer_id, locale, site.name, zone.name, tuple(sorted(zone.tags)))
