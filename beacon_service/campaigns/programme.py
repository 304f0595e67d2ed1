"""Campaigns, contact policy, audiences, stock and what was learned, in memory: one version of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from beacon_service.campaigns.audiences import Audiences
from beacon_service.campaigns.building import campaign_of, policy_of, product_of
from beacon_service.campaigns.model import Campaign, Policy, Product, StockLevel, Tries
from beacon_service.campaigns.trigger_index import TriggerIndex
from beacon_service.configuration.model import Body, Documents

# By campaign, offer and slice of the audience.
Learned: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Tries]]]


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Programme:
    """Campaigns and contact policy as of one version of the configuration."""

    campaigns: Mapping[str, Campaign] = field(default_factory=_nothing)
    policy: Policy = field(default_factory=Policy)
    triggers: TriggerIndex = field(repr=False, default_factory=TriggerIndex)
    audiences: Audiences = field(default_factory=Audiences)
    stock: Mapping[str, StockLevel] = field(repr=False, default_factory=_nothing)  # by "site/product"
    learned: Learned = field(repr=False, default_factory=_nothing)
    products: Mapping[str, Product] = field(repr=False, default_factory=_nothing)

    def updated(self, changes: Documents) -> "Programme":
        """The programme with the changes applied; what did not change is shared, down to each campaign."""
        policy = self.policy
        for _, body in changes.of("policy"):
            policy = Policy() if body is None else policy_of(body)
        campaigns, audiences, triggers = self.campaigns, self.audiences, self.triggers
        if changes.names("campaign", "audience"):
            audiences = audiences.updated(changes)
            campaigns = _with_audiences(
                changes.applied("campaign", campaigns, campaign_of), audiences, self.audiences, changes
            )
            triggers = TriggerIndex.of(campaigns.values())
        return Programme(
            campaigns,
            policy,
            triggers,
            audiences,
            changes.applied("stock", self.stock, _stock_level),
            changes.applied("propensity", self.learned, _learned),
            changes.applied("product", self.products, product_of),
        )

    def binds_as(self, other: "Programme") -> bool:
        """Whether campaigns and policy are the very same."""
        return self.campaigns is other.campaigns and self.policy is other.policy

    def learned_body(self, campaign: str) -> Body:
        """What is published of a campaign's tries, as a document."""
        found = self.learned.get(campaign, {})
        offers = {
            offer: {part: list(tries) for part, tries in parts.items()} for offer, parts in found.items()
        }
        return {"offers": offers}


def _with_audiences(
    campaigns: Mapping[str, Campaign], audiences: Audiences, before: Audiences, changes: Documents
) -> Mapping[str, Campaign]:
    """Campaigns that are new, or whose audience came to mean something else, get their rule compiled."""
    written = {key for key, _ in changes.of("campaign")}
    found = dict(campaigns)
    for key, predicate in audiences.of_campaigns(before, written):
        found[key] = replace(found[key], audience=predicate)
    return MappingProxyType(found)


def _stock_level(body: Body) -> StockLevel:
    return StockLevel(body["quantity"], datetime.fromisoformat(body["at"]))


def _learned(body: Body) -> Mapping[str, Mapping[str, Tries]]:
    return {
        offer: {part: Tries(*tries) for part, tries in parts.items()}
        for offer, parts in body["offers"].items()
    }
