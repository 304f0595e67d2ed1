"""All that the rules may know at a moment, worked out once however many campaigns ask."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from beacon_service.campaigns.caps import (
    POLICY_OWNER,
    Clocks,
    Standing,
    charges,
    counted,
    is_within,
    suppressed,
)
from beacon_service.campaigns.codes import code_charges
from beacon_service.campaigns.ledger import Charge, Grant
from beacon_service.campaigns.model import (
    Aspect,
    Campaign,
    Cap,
    Count,
    Offer,
    Policy,
    Product,
    StockLevel,
    Tries,
)
from beacon_service.campaigns.moment import Moment
from beacon_service.campaigns.person import Person
from beacon_service.campaigns.score import (
    affinities,
    affinity,
    best_offer,
    distance,
    dwell,
    propensity,
    slice_of,
    stays,
)
from beacon_service.campaigns.shared import Shared
from beacon_service.campaigns.writing import NOBODY, About, Scene
from beacon_service.customers.events import Events
from beacon_service.hours import UTC_ZONE, Hours, WeeklyHours
from beacon_service.ids import draw
from beacon_service.lazy import lazy
from beacon_service.visits.model import Visit
from beacon_service.zones.model import SiteId, Zone
from beacon_service.zones.tagged import Spot, Tagged

# What an attribute `mood` may say of who is not to be advertised to.
BAD_MOODS = ("angry", "bad", "upset")


class Question(Struct, frozen=True, dict=True):
    """All that the rules may know."""

    moment: Moment
    attributes: Mapping[str, Any]
    marketing: bool
    ledger: Sequence[Grant]
    arms: Mapping[str, str]
    now: datetime
    time_zone: ZoneInfo
    policy: Policy
    shared: Shared
    hours: Sequence[WeeklyHours] | None = None  # when the moment's zone is open; None: always
    location: bool = False
    visits: Mapping[str, Visit] = {}
    events: Events = {}
    lists: tuple[str, ...] = ()
    customer_zone: ZoneInfo | None = None  # of the phone's clocks
    organisation_zone: ZoneInfo = UTC_ZONE
    time_zones: tuple[ZoneInfo, ...] = ()  # of all sites
    about: About = NOBODY
    groups: Mapping[str, str] = {}  # exclusion group -> the campaign that has the customer
    stock: Mapping[str, StockLevel] = {}  # by "site/product"
    learned: Mapping[str, Mapping[str, Mapping[str, Tries]]] = {}  # by campaign, offer and slice
    zones: Mapping[Any, Zone] = {}  # all, by key: for what the customer likes
    tagged: Tagged | None = None  # the same, for how far away they are
    spot: Spot | None = None  # where the customer is; None: nowhere
    products: Mapping[str, Product] = {}
    good_until: datetime | None = None  # of a moment that waited
    still_so: bool = True  # whether what it waited for still holds
    clocks: Clocks = field(default_factory=Clocks)  # at `now`
    counts: list[Count] = []
    _claims: dict[str, tuple[Charge, ...]] = {}
    _standings: dict[str, Standing] = {}
    _rates: dict[str, dict[str, float]] = {}
    _nearness: dict[str, float] = {}  # by tag
    _likings: dict[tuple[frozenset[str], tuple[Aspect, ...]], float] = {}  # by tags and what is asked of them

    @lazy
    def standing(self) -> Standing:
        """Where and when, whatever the offer."""
        # At no place what customers share is counted by the organisation's clock: a phone may claim any.
        return Standing(
            self.now,
            self.time_zone if self.moment.site else self.organisation_zone,
            self.moment.site,
            self.moment.visit_started_at,
            customer_zone=self.customer_zone,
            organisation_zone=self.organisation_zone,
            time_zones=self.time_zones,
            clocks=self.clocks,
        )

    def standing_of(self, campaign: Campaign) -> Standing:
        """The same for what that campaign would offer; each of its caps asks for it."""
        if campaign.id not in self._standings:
            offer, channel = self.offer(campaign).id, channel_of(self, campaign)
            self._standings[campaign.id] = replace(self.standing, offer=offer, channel=channel)
        return self._standings[campaign.id]

    def offer(self, campaign: Campaign) -> Offer:
        """Which of the campaign's offers is this customer's: for good, as long as their weights stay.

        One that learns shows whichever is most promising at this moment.
        """
        if len(campaign.offers) == 1:
            return campaign.offers[0]
        if campaign.learning is not None:
            return best_offer(campaign, self.rates(campaign))
        mark = draw("variant", campaign.id, self.moment.customer_key) * sum(
            one.weight for one in campaign.offers
        )
        for offer in campaign.offers:
            mark -= offer.weight
            if mark < 0:
                return offer
        return campaign.offers[-1]

    def rates(self, campaign: Campaign) -> Mapping[str, float]:
        """Of a campaign that learns: for each offer how likely it is to be taken up, drawn for this moment."""
        assert campaign.learning is not None, "it learns"
        if campaign.id not in self._rates:
            part, known = slice_of(campaign.learning, self.attributes), self.learned.get(campaign.id, {})
            self._rates[campaign.id] = {
                offer.id: propensity(
                    known.get(offer.id, {}).get(part, Tries()), self.moment.seed, self.moment.key, offer.id
                )
                for offer in campaign.offers
            }
        return self._rates[campaign.id]

    def score(self, campaign: Campaign) -> float:
        """What speaks for the campaign beside its priority."""
        rate = 1.0 if campaign.learning is None else self.rates(campaign)[self.offer(campaign).id]
        return rate * self._liking(campaign) * campaign.value * campaign.lever

    def _liking(self, campaign: Campaign) -> float:
        """What the context makes of the campaign; those with the same tags share it."""
        if not campaign.tags:
            return 1.0
        named = (campaign.tags, campaign.context)
        known = self._likings.get(named)
        if known is None:
            known = self._likings[named] = prod(self.context(campaign).values())
        return known

    def context(self, campaign: Campaign) -> Mapping[str, float]:
        """What the places that the campaign's tags name are to the customer now, each aspect from 1 to 2."""
        if not campaign.tags:
            return {}
        return {aspect: getattr(self, f"_{aspect}")(campaign) for aspect in campaign.context}

    def _affinity(self, campaign: Campaign) -> float:
        return affinity(campaign.tags, self._affinities)

    def _dwell(self, campaign: Campaign) -> float:
        return dwell(max((self._stays.get(tag, 0.0) for tag in campaign.tags), default=0.0))

    def _distance(self, campaign: Campaign) -> float:
        if self.tagged is None or self.spot is None:
            return 1.0
        site = SiteId(self.moment.site)
        for tag in campaign.tags - self._nearness.keys():
            self._nearness[tag] = distance(self.tagged.metres(site, tag, self.spot))
        return max(self._nearness[tag] for tag in campaign.tags)

    @lazy
    def _stays(self) -> Mapping[str, float]:
        # A moment that waited is asked about as it is now; any other as it was.
        at = self.moment.at if self.good_until is None else self.now
        return stays(self.moment, self.visits, self.zones, at)

    @lazy
    def _affinities(self) -> Mapping[str, float]:
        return affinities(self.visits, self.zones)

    @lazy
    def person(self) -> Person:
        """Whom audiences are asked about."""
        about = (self.attributes, self.marketing, self.location, self.visits, self.events, self.lists)
        return Person(self.now, *about)

    @lazy
    def scene(self) -> Scene:
        """What the winner's texts may name."""
        return Scene(
            self.moment, self.attributes, self.now, self.time_zone, self.about, self.products, self.stock
        )

    @lazy
    def local(self) -> datetime:
        """Now, on the site's clocks."""
        return self.now.astimezone(self.time_zone)

    @lazy
    def is_quiet(self) -> bool:
        """Whether the policy's quiet hours are now."""
        quiet = self.policy.quiet
        return quiet is not None and quiet.hours.cover(self.now.astimezone(self.standing.zone(quiet.tz)))

    @lazy
    def is_open(self) -> bool:
        """Whether the zone was open when the moment came about."""
        at = self.moment.at.astimezone(self.time_zone)
        return self.hours is None or any(part.cover(at) for part in self.hours)

    @lazy
    def covered(self) -> dict[int, bool]:
        """Which hours cover now, as far as somebody asked: a hundred campaigns share a few, each held once."""
        return self.clocks.covered.setdefault(self.time_zone.key, {})

    def covers(self, hours: Hours) -> bool:
        """Whether they cover now."""
        found = self.covered[id(hours)] = hours.cover(self.local)
        return found

    @lazy
    def is_upset(self) -> bool:
        """Whether the customer has an open complaint, or is in a bad mood."""
        return self.attributes.get("open_complaint") is True or self.attributes.get("mood") in BAD_MOODS

    def grants_of(self, campaign: Campaign) -> Sequence[Grant]:
        """What the campaign gave this customer, or held out."""
        return self._by_campaign.get(campaign.id, ())

    @lazy
    def _by_campaign(self) -> Mapping[str, Sequence[Grant]]:
        found: dict[str, list[Grant]] = {}
        for grant in self.ledger:
            found.setdefault(grant.campaign, []).append(grant)
        return found

    @lazy
    def _common(self) -> Sequence[Grant]:
        """What counts towards the contact policy."""
        return [grant for grant in self.ledger if grant.policy and grant.arm == "offered"]

    @lazy
    def is_too_soon(self) -> bool:
        """Whether the policy's gap since any offer is not over."""
        return is_within(self.policy.min_gap, self._common, self.now)

    @lazy
    def is_silenced(self) -> bool:
        """Whether offers of any campaign were dismissed too often."""
        silence = self.policy.suppression
        return silence is not None and suppressed(silence, self._common, self.now)

    @lazy
    def policy_counts(self) -> Sequence[tuple[Cap, str, int]]:
        """(cap, its name in an explanation, how much is used) of the policy's caps on a customer."""
        return [
            (cap, f"{POLICY_OWNER}:{cap.definition}", counted(cap, POLICY_OWNER, self._common, self.standing))
            for cap in self.policy.caps
            if cap.subject == "customer"
        ]

    @lazy
    def _policy_shares(self) -> bool:
        return any(cap.subject != "customer" for cap in self.policy.caps)

    def claims(self, campaign: Campaign) -> tuple[Charge, ...]:
        """What an offer of the campaign would claim of the shared counts; several rules ask for it."""
        if not (campaign.shares or self._policy_shares):
            return ()
        if campaign.id not in self._claims:
            shared = charges(campaign, self.policy.caps, self.standing_of(campaign))
            self._claims[campaign.id] = (*shared, *code_charges(campaign, self.offer(campaign)))
        return self._claims[campaign.id]

    @lazy
    def judges_shared(self) -> bool:
        """Whether anything is known yet of what customers share; else there is room for everything."""
        return not self.shared.is_open

    def has_room(self, campaign: Campaign, prefix: str) -> bool:
        """Whether the shared counts whose keys begin so have room for the campaign's offer; each is told."""
        if not (campaign.shares or self._policy_shares):
            return True
        found = True
        for charge in self.claims(campaign):
            if charge.binding and charge.key.startswith(prefix):
                used = self.shared.used(charge)
                if used is not None:
                    self.counts.append((campaign.id, charge.key, used, self.shared.limit(charge)))
                found = found and self.shared.has_room(charge)
        return found

    def lacks_room(self, campaign: Campaign) -> bool:
        return any(charge.binding and not self.shared.has_room(charge) for charge in self.claims(campaign))


def channel_of(question: Question, campaign: Campaign) -> str:
    """By which channel the campaign's offer would go out."""
    quiet = question.policy.quiet
    if quiet is not None and quiet.then == "inbox" and campaign.obeys_policy and question.is_quiet:
        return "inbox"
    return question.moment.channel if campaign.channel == "app" else campaign.channel
