"""Bodies of campaigns and of the contact policy. `docs/campaigns.md` tells them with worked examples."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, WithJsonSchema, model_validator

from beacon_service.campaigns.rules import rule_flaws
from beacon_service.configuration.schema import (
    Clock,
    Day,
    Document,
    Flaw,
    Id,
    Name,
    Tag,
    TimeZone,
    flawed,
    refuse,
)

Status = Literal["draft", "published", "paused", "ended"]
Counts = Literal["decided", "delivered", "viewed", "clicked", "redeemed"]

# A day: a stay that lasts longer is nobody's dwell.
LONGEST_DWELL_S = 86_400
# Three months, about as long as a ledger row is kept open for an outcome.
LONGEST_OFFER_S = 90 * 86_400
# The integers that JavaScript holds exactly.
LARGEST_COUNT = 2**53 - 1


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _https(link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme != "https" or not parts.hostname or not link.isprintable() or " " in link:
        raise flawed("link", "is not an https link", "Send one such as https://shop.example/offer.")
    return link


def _sound_rule(value: Any) -> Any:
    refuse("audience", rule_flaws(value))
    return value


_RULE_SCHEMA = {
    "type": "object",
    "description": 'A test {"attribute", "op", "value"}, or {"all": [rules]}, {"any": [rules]}, {"not": rule}. '
    "Operators: eq, ne, lt, le, gt, ge, in, contains, exists.",
    "examples": [{"all": [{"attribute": "loyalty", "op": "eq", "value": "gold"}]}],
}

# Lax only in that JSON has no times: a text is read as one.
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]
Link = Annotated[str, Field(max_length=2048), AfterValidator(_https)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
# Any: read by hand, so that each wrong test of a tree is named by its place.
Rule = Annotated[Any, AfterValidator(_sound_rule), WithJsonSchema(_RULE_SCHEMA)]


class ZoneName(Document):
    site: Id
    zone: Id


class TriggerIn(Document):
    """What makes a moment of the campaign: a move in one of the zones, or in any that carries one of the tags."""

    move: Literal["entered", "dwelled", "exited"]
    zones: Annotated[list[ZoneName], Field(max_length=1000)] = Field(default_factory=list)
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    site: Id | None = Field(
        default=None, description="Where the tags are looked for. Left out: at every site."
    )
    dwell_s: Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)] | None = None
    nth: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] | None = Field(
        default=None, description="The visit that triggers: 1 is a customer's first. Left out: every one."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if not self.zones and not self.tags:
            found.append(Flaw(("zones",), "are none, and neither are tags", "Name zones, tags or both."))
        if self.site is not None and not self.tags:
            what, do = "says where tags are looked for, and there are none", "Leave it out, or send tags."
            found.append(Flaw(("site",), what, do))
        if self.move == "dwelled" and self.dwell_s is None:
            found.append(Flaw(("dwell_s",), "is missing", "Say after how many seconds of staying."))
        if self.move != "dwelled" and self.dwell_s is not None:
            found.append(Flaw(("dwell_s",), f"says nothing of {self.move}", "Leave it out, or send dwelled."))
        refuse("trigger", found)
        return self


class WindowIn(Document):
    kind: Literal["rolling", "calendar", "visit", "lifetime"]
    n: Annotated[int, Field(ge=1, le=1000)] = 1
    unit: Literal["minute", "hour", "day", "week", "month"] = "day"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        has_length = self.kind in {"rolling", "calendar"}
        surplus = [
            name for name in ("n", "unit") if getattr(self, name) != type(self).model_fields[name].default
        ]
        if surplus and not has_length:
            refuse(
                "window", [Flaw((name,), f"says nothing of {self.kind}", "Leave it out.") for name in surplus]
            )
        return self


class CapIn(Document):
    """An upper bound on how often."""

    subject: Literal["customer", "site", "total"] = Field(
        description="Whose count it is: each customer's, each site's, or one for all."
    )
    limit: Count
    counts: Counts = "decided"
    window: WindowIn
    tz: Literal["site"] | TimeZone = Field(
        default="site", description="Whose calendar a calendar window follows."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if self.window.kind == "visit" and self.subject != "customer":
            what, do = "visit is a customer's", "Send subject customer, or another window."
            found.append(Flaw(("window", "kind"), what, do))
        if self.window.kind != "calendar" and self.tz != "site":
            what, do = (
                f"says nothing of a {self.window.kind} window",
                "Leave it out, or send a calendar window.",
            )
            found.append(Flaw(("tz",), what, do))
        refuse("cap", found)
        return self


class CampaignCapIn(CapIn):
    scope: Literal["campaign"] = Field(
        default="campaign", description="Caps over all are the contact policy's."
    )


class PolicyCapIn(CapIn):
    scope: Literal["all"] = "all"


class DaypartIn(Document):
    """Days of the week and hours in the site's time zone; one that ends before it begins runs past midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")


class BudgetIn(Document):
    """How many offers may be given out in all, or a day at the site."""

    total: Count | None = None
    per_day: Count | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.total is None and self.per_day is None:
            refuse("budget", [Flaw((), "bounds nothing", "Send total, per_day or both, or leave it out.")])
        return self


class OfferIn(Document):
    """What the customer sees."""

    id: Id
    title: Name
    body: Annotated[str, Field(max_length=2000)]
    image_url: Link | None = None
    link: Link | None = None
    code: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    expires_after_s: Annotated[int, Field(ge=1, le=LONGEST_OFFER_S)] = 3600


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
    caps: Annotated[list[CampaignCapIn], Field(max_length=20)] = Field(default_factory=list)
    budget: BudgetIn | None = None
    hold_out: Share = Field(
        default=0.0, description="Share of customers who are measured instead of offered to."
    )
    obeys_policy: bool = True
    counts_towards_policy: bool = True
    offers: Annotated[list[OfferIn], Field(min_length=1, max_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.starts_at is not None and self.ends_at is not None and self.starts_at >= self.ends_at:
            refuse("campaign", [Flaw(("ends_at",), "is not after starts_at", "Send a later end.")])
        return self

    def document(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is kept, without its revision."""
        return self.model_dump(mode="json", by_alias=True, exclude={"revision"}) | {"id": campaign_id}


class PolicyIn(Document):
    """The contact policy: what binds all campaigns together."""

    caps: Annotated[list[PolicyCapIn], Field(max_length=20)] = Field(default_factory=list)
    hold_out: Share = Field(
        default=0.0, description="Share of customers who are sent nothing by any campaign."
    )

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


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


class CampaignPage(BaseModel):
    items: list[CampaignOut]
    next_cursor: str | None


class RevisionOut(BaseModel):
    revision: int | None = Field(description="Null where the campaign was deleted.")
    version: int
    at: datetime
    actor: str
    campaign: CampaignOut | None


class RevisionPage(BaseModel):
    items: list[RevisionOut]
    next_cursor: str | None


class PolicyOut(BaseModel):
    caps: list[dict[str, Any]]
    hold_out: float
