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
        """The programme with the changes applied."""
        policy = self.policy
        for _, body in changes.of("policy"):
            policy = Policy() if body is None else policy_of(body)
        campaigns = dict(self.campaigns)
        for key, body in changes.of("campaign"):
            if body is None:
                campaigns.pop(key, None)
            else:
                campaigns[key] = campaign_of(body)
        audiences = self.audiences.updated(changes)
        if changes.names("campaign", "audience"):
            for key, predicate in audiences.of_campaigns():
                campaigns[key] = replace(campaigns[key], audience=predicate)
        return Programme(
            MappingProxyType(campaigns),
            policy,
            TriggerIndex.of(campaigns.values()),
            audiences,
            changes.applied("stock", self.stock, _stock_level),
            changes.applied("propensity", self.learned, _learned),
            changes.applied("product", self.products, product_of),
        )

    def learned_body(self, campaign: str) -> Body:
        """What is published of a campaign's tries, as a document."""
        found = self.learned.get(campaign, {})
        offers = {
            offer: {part: list(tries) for part, tries in parts.items()} for offer, parts in found.items()
        }
        return {"offers": offers}


def _stock_level(body: Body) -> StockLevel:
    return StockLevel(body["quantity"], datetime.fromisoformat(body["at"]))


def _learned(body: Body) -> Mapping[str, Mapping[str, Tries]]:
    return {
        offer: {part: Tries(*tries) for part, tries in parts.items()}
        for offer, parts in body["offers"].items()
    }
