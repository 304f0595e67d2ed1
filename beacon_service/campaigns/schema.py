"""Bodies of campaigns and of the contact policy. `docs/campaigns.md` tells them with worked examples."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, WithJsonSchema, model_validator

from beacon_service.campaigns.caps_schema import (
    LARGEST_COUNT,
    BudgetIn,
    CampaignCaps,
    PolicyCaps,
    Seconds,
    SuppressionIn,
)
from beacon_service.campaigns.model import Status
from beacon_service.campaigns.offer_schema import OfferIn
from beacon_service.campaigns.rules import rule_flaws
from beacon_service.campaigns.schedule_schema import BlackoutIn, DaypartIn, QuietIn
from beacon_service.configuration.schema import (
    Document,
    Flaw,
    Id,
    Name,
    Tag,
    TimeZone,
    flawed,
    refuse,
)

# A day: a stay that lasts longer is nobody's dwell.
LONGEST_DWELL_S = 86_400


def _utc(instant: datetime) -> datetime:
    """What is at the ends of the calendar overflows on another clock, and nobody plans for it."""
    if not EARLIEST <= instant <= LATEST:
        raise flawed("time", "is no time of a calendar that anybody uses", "Send one between 1970 and 2200.")
    return instant.astimezone(UTC)


def _sound_rule(value: Any) -> Any:
    refuse("audience", rule_flaws(value))
    return value


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_RULE_SCHEMA = {
    "type": "object",
    "description": 'A test, or {"all": [rules]}, {"any": [rules]}, {"not": rule}. Tests ask for an attribute, a '
    "consent, visits, last_visit, events, last_event, a list, or an audience by its name.",
    "examples": [{"all": [{"attribute": "loyalty", "op": "eq", "value": "gold"}]}],
}

# Lax only in that JSON has no times: a text is read as one.
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
# Any: read by hand, so that each wrong test of a tree is named by its place.
Rule = Annotated[Any, AfterValidator(_sound_rule), WithJsonSchema(_RULE_SCHEMA)]


# What only a move has.
_OF_MOVES = ("zones", "tags", "site", "dwell_s", "nth", "recheck")


class ZoneName(Document):
    site: Id
    zone: Id


class TriggerIn(Document):
    """What makes a moment of the campaign.

    A move in one of the zones, or in any that carries one of the tags; what a customer did elsewhere (`event`); or
    that a customer was not seen for `absent_days`. It may be decided later: `delay_s` after a move or an event.
    """

    move: Literal["entered", "dwelled", "exited"] | None = None
    zones: Annotated[list[ZoneName], Field(max_length=1000)] = Field(default_factory=list)
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    site: Id | None = Field(
        default=None, description="Where the tags are looked for. Left out: at every site."
    )
    dwell_s: Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)] | None = None
    nth: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] | None = Field(
        default=None, description="The visit that triggers: 1 is a customer's first. Left out: every one."
    )

    event: Id | None = Field(default=None, description="The type of event, such as purchase.")
    absent_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="Decided once for each absence, when the campaign's dayparts next allow."
    )
    delay_s: Annotated[int, Field(ge=1, le=90 * 86_400)] | None = None
    recheck: Literal["still_in_zone"] | None = Field(
        default=None, description="When the delay is over: only if the customer is still in the zone."
    )
    good_for_s: Annotated[int, Field(ge=1, le=30 * 86_400)] | None = Field(
        default=None,
        description="How much later than due it may be decided. Left out: two minutes; of an event or an absence one "
        "day; held over quiet hours twelve hours.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if sum(given is not None for given in (self.move, self.event, self.absent_days)) != 1:
            found.append(Flaw((), "names not one cause", "Send one of move, event and absent_days."))
        if self.move is None:
            found += self._flaws_without_a_move()
            refuse("trigger", found)
            return self
        if self.recheck is not None and self.delay_s is None:
            found.append(Flaw(("recheck",), "is for what is delayed", "Send delay_s, or leave it out."))
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

    def _flaws_without_a_move(self) -> list[Flaw]:
        named = [name for name in _OF_MOVES if getattr(self, name)]
        if self.absent_days is not None and self.delay_s is not None:
            named.append("delay_s")
        return [
            Flaw((name,), "says nothing without a move", "Leave it out, or send a move.") for name in named
        ]


class LearnIn(Document):
    """Which offer is taken up by whom: learned from what becomes of them."""

    goal: Literal["viewed", "clicked", "redeemed"] = "clicked"
    by: Id | None = Field(
        default=None,
        description="For each value of this attribute apart. Left out: for all customers together.",
    )


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

    def document(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is kept, without its revision."""
        found = self.model_dump(mode="json", by_alias=True, exclude={"revision"}) | {"id": campaign_id}
        return without_silence(found)


class PolicyIn(Document):
    """The contact policy: what binds all campaigns together."""

    caps: PolicyCaps = Field(default_factory=list)
    hold_out: Share = Field(
        default=0.0, description="Share of customers who are sent nothing by any campaign."
    )
    time_zone: TimeZone = Field(default="UTC", description="The organisation's own clock.")
    blackouts: Annotated[list[BlackoutIn], Field(max_length=100)] = Field(default_factory=list)
    min_gap_s: Seconds | None = Field(default=None, description="Between any two offers to one customer.")
    suppression: SuppressionIn | None = None
    quiet: QuietIn | None = None

    def document(self) -> dict[str, Any]:
        return without_silence(self.model_dump(mode="json", by_alias=True))


# What documents learned to say after the first of them were kept, by the field that it stands in, and what silence on
# it means: that is left out, so that those stay as they are and the same body sent again still changes nothing.
_LEARNED: dict[str, dict[str, Any]] = {
    "": {
        "kind": "promotion",
        "tags": [],
        "blackouts": [],
        "min_gap_s": None,
        "suppression": None,
        "group": None,
        "fallback": False,
        "quiet": None,
        "time_zone": "UTC",
        "value": 1.0,
        "lever": 1.0,
        "learn": None,
    },
    "learn": {"by": None},
    "offers": {"weight": 1.0, "cost": 0},
    "budget": {"of": "offers", "per_site": False, "pacing": "fast"},
    "dayparts": {"days": None, "rule": None, "starts_on": None},
    "quiet": {"days": None},
    "trigger": dict.fromkeys(("event", "absent_days", "delay_s", "recheck", "good_for_s")),
    "caps": {"tag": None, "channel": None},
    "window": {"week_start": None},
}


def without_silence(body: dict[str, Any], within: str = "") -> dict[str, Any]:
    """The same without what is as it is where nothing was said of it."""
    silence = _LEARNED[within]
    return {
        name: _without_silence(value, name)
        for name, value in body.items()
        if name not in silence or value != silence[name]
    }


def _without_silence(value: Any, name: str) -> Any:
    if name not in _LEARNED:
        return value
    if isinstance(value, list):
        return [without_silence(one, name) for one in value]
    return without_silence(value, name) if isinstance(value, dict) else value


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


class PolicyOut(BaseModel):
    caps: list[dict[str, Any]]
    hold_out: float
    time_zone: str = "UTC"
    blackouts: list[dict[str, Any]] = []
    min_gap_s: int | None = None
    suppression: dict[str, Any] | None = None
    quiet: dict[str, Any] | None = None
