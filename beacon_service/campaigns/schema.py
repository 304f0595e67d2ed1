"""Bodies of campaigns. `docs/campaigns.md` tells them with worked examples."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, model_validator

from beacon_service.campaigns.caps_schema import (
    LARGEST_COUNT,
    BudgetIn,
    CampaignCaps,
    Seconds,
    Share,
    SuppressionIn,
)
from beacon_service.campaigns.model import Aspect, Status
from beacon_service.campaigns.offer_schema import OfferIn
from beacon_service.campaigns.rules import rule_flaws
from beacon_service.campaigns.schedule_schema import BlackoutIn, DaypartIn, Instant
from beacon_service.campaigns.silence import without_silence
from beacon_service.campaigns.trigger_schema import TriggerIn
from beacon_service.configuration.schema import Document, Flaw, Id, Name, Tag, refuse


def _sound_rule(value: Any) -> Any:
    refuse("audience", rule_flaws(value))
    return value


_RULE_SCHEMA = {
    "type": "object",
    "description": 'A test, or {"all": [rules]}, {"any": [rules]}, {"not": rule}. Tests ask for an attribute, a '
    "consent, visits, last_visit, events, last_event, a list, or an audience by its name.",
    "examples": [{"all": [{"attribute": "loyalty", "op": "eq", "value": "gold"}]}],
}
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
# Any: read by hand, so that each wrong test of a tree is named by its place.
Rule = Annotated[Any, AfterValidator(_sound_rule), WithJsonSchema(_RULE_SCHEMA)]


class LearnIn(Document):
    """Which offer is taken up by whom: learned from what becomes of them."""

    goal: Literal["viewed", "clicked", "redeemed"] = "clicked"
    by: Id | None = Field(
        default=None,
        description="For each value of this attribute apart. Left out: for all customers together.",
    )


def _plain_context() -> list[Aspect]:
    return ["affinity"]


class CampaignIn(Document):
    """Trigger, audience, schedule, caps and the offer."""

    id: Id | None = None
    revision: int | None = Field(default=None, description="As it was read; the service counts it.")
    name: Name
    status: Status = "draft"
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    channel: Literal["app", "webhook", "push"] = Field(
        default="app",
        description="How its offers leave: app, with the answer to a ping or in the inbox; webhook, to the brand's "
        "servers; push, by the phone's push service and in the inbox.",
    )
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    trigger: TriggerIn
    audience: Rule | None = None
    dayparts: Annotated[list[DaypartIn], Field(max_length=20)] = Field(default_factory=list)
    caps: CampaignCaps = Field(default_factory=list)
    budget: BudgetIn | None = None
    hold_out: Share = Field(
        default=0.0, description="Share of customers who are measured instead of offered to."
    )
    obeys_policy: bool = True
    counts_towards_policy: bool = True
    kind: Literal["promotion", "service"] = Field(
        default="promotion",
        description="A word of service reaches those too who are not to be advertised to.",
    )
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    blackouts: Annotated[list[BlackoutIn], Field(max_length=100)] = Field(default_factory=list)
    min_gap_s: Seconds | None = Field(default=None, description="Between two of its offers to one customer.")
    suppression: SuppressionIn | None = None
    group: Id | None = Field(
        default=None, description="Of the campaigns of a group each customer gets one for good."
    )
    fallback: bool = Field(default=False, description="It speaks only where no other campaign does.")
    value: Weight = Field(
        default=1.0, description="What one that is taken up is worth, against other campaigns'."
    )
    lever: Weight = Field(default=1.0, description="To favour it among those of its priority, or not.")
    context: Annotated[list[Aspect], Field(max_length=3)] = Field(
        default_factory=_plain_context,
        description="By which its tags speak for it: how often the customer visits zones of them, how long they "
        "have been in one, how near one is.",
    )
    learn: LearnIn | None = None
    offers: Annotated[list[OfferIn], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if self.starts_at is not None and self.ends_at is not None and self.starts_at >= self.ends_at:
            found.append(Flaw(("ends_at",), "is not after starts_at", "Send a later end."))
        known: set[str] = set()
        for number, offer in enumerate(self.offers):
            if offer.id in known:
                found.append(
                    Flaw(("offers", number, "id"), f"is {offer.id} again", "Give each offer its own id.")
                )
            known.add(offer.id)
        found += self._context_flaws()
        if (
            self.budget is not None
            and self.budget.of == "cost"
            and all(offer.cost == 0 for offer in self.offers)
        ):
            found.append(
                Flaw(("budget", "of"), "is cost, and no offer costs anything", "Say what each offer costs.")
            )
        refuse("campaign", found)
        return self

    def _context_flaws(self) -> Iterator[Flaw]:
        for place, aspect in enumerate(self.context):
            if aspect in self.context[:place]:
                yield Flaw(("context", place), f"is {aspect} again", "Send it once.")
            elif aspect != "affinity" and not self.tags:
                what = f"is {aspect}, and the campaign has no tags"
                yield Flaw(("context", place), what, "Send the tags of the zones that it is about.")

    def document(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is kept, without its revision."""
        found = self.model_dump(mode="json", by_alias=True, exclude={"revision"}) | {"id": campaign_id}
        return without_silence(found)


class CampaignOut(BaseModel):
    id: str
    revision: int
    name: str
    status: str
    priority: int
    channel: str = "app"  # of campaigns that were saved before there was another
    starts_at: str | None
    ends_at: str | None
    trigger: dict[str, Any]
    audience: dict[str, Any] | None
    dayparts: list[dict[str, Any]]
    caps: list[dict[str, Any]]
    budget: dict[str, Any] | None
    hold_out: float
    obeys_policy: bool
    counts_towards_policy: bool
    offers: list[dict[str, Any]]
    kind: str = "promotion"
    tags: list[str] = []
    blackouts: list[dict[str, Any]] = []
    min_gap_s: int | None = None
    suppression: dict[str, Any] | None = None
    group: str | None = None
    fallback: bool = False
    value: float = 1.0
    lever: float = 1.0
    context: list[str] = ["affinity"]
    learn: dict[str, Any] | None = None


class CampaignPage(BaseModel):
    items: list[CampaignOut]
    next_cursor: str | None


class CloneIn(Document):
    """Under which id the copy is to stand."""

    id: Id
    name: Name | None = Field(default=None, description="Left out: as the original's.")


class CheckOut(BaseModel):
    problems: list[dict[str, str]] = Field(
        description="pointer, what is wrong, what to do; none: it can be published."
    )


class ComparisonQuery(BaseModel):
    before: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = Field(description="A revision.")
    after: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = Field(description="Another.")


class ComparisonOut(BaseModel):
    before: int
    after: int
    changes: list[dict[str, Any]] = Field(description="path (JSON pointer), before, after")


class RevisionOut(BaseModel):
    revision: int | None = Field(description="Null where the campaign was deleted.")
    version: int
    at: datetime
    actor: str
    campaign: CampaignOut | None


class RevisionPage(BaseModel):
    items: list[RevisionOut]
    next_cursor: str | None
