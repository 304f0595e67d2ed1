"""Bodies of what bounds how often and how much: caps, budgets, silence after dismissals."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from beacon_service.configuration.schema import Day, Document, Flaw, Tag, WhoseClock, refuse

Counts = Literal["decided", "delivered", "viewed", "clicked", "redeemed"]

# The integers that JavaScript holds exactly.
LARGEST_COUNT = 2**53 - 1

Caps = TypeVar("Caps", bound=Sequence["CapIn"])
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Share = Annotated[float, Field(ge=0, le=1)]
# A year at the most.
Seconds = Annotated[int, Field(ge=1, le=366 * 86_400)]


class WindowIn(Document):
    kind: Literal["rolling", "calendar", "visit", "lifetime"]
    n: Annotated[int, Field(ge=1, le=1000)] = 1
    unit: Literal["minute", "hour", "day", "week", "month"] = "day"
    week_start: Day | None = Field(default=None, description="Of calendar weeks. Left out: mon.")

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
        if self.week_start is not None and (self.kind, self.unit) != ("calendar", "week"):
            what, do = "says nothing of it", "Leave it out, or send a calendar window of weeks."
            refuse("window", [Flaw(("week_start",), what, do)])
        return self


class CapIn(Document):
    """An upper bound on how often."""

    subject: Literal["customer", "site", "total"] = Field(
        description="Whose count it is: each customer's, each site's, or one for all."
    )
    limit: Count
    counts: Counts = "decided"
    window: WindowIn
    tz: WhoseClock = Field(
        default="site",
        description="Whose calendar a calendar window follows: the site's, the one that the customer's phone is set to "
        "(unknown: the site's), the contact policy's `time_zone`, or a named one.",
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
        if self.tz == "customer" and self.subject != "customer":
            what, do = "is each customer's own, and the count is shared", "Send site or another time zone."
            found.append(Flaw(("tz",), what, do))
        refuse("cap", found)
        return self


class CampaignCapIn(CapIn):
    scope: Literal["campaign", "offer"] = Field(
        default="campaign",
        description="`offer`: each of several offers for itself. Caps over all are the policy's.",
    )


class PolicyCapIn(CapIn):
    scope: Literal["all", "tag", "channel"] = Field(
        default="all", description="`tag`: the campaigns that carry it. `channel`: what goes out by it."
    )
    tag: Tag | None = None
    channel: Literal["response", "inbox", "webhook", "push"] | None = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        found = []
        for name in ("tag", "channel"):
            given = getattr(self, name)
            if self.scope == name and given is None:
                found.append(Flaw((name,), "is missing", f"Say which {name} the cap is for."))
            if self.scope != name and given is not None:
                found.append(
                    Flaw(
                        (name,), f"says nothing of scope {self.scope}", f"Leave it out, or send scope {name}."
                    )
                )
        refuse("cap", found)
        return self


def _each_once(caps: Caps) -> Caps:
    """Caps that differ in their limit alone are one count, of which only the lowest limit could ever bind."""
    found = []
    first: dict[str, int] = {}
    for number, cap in enumerate(caps):
        week_start = cap.window.week_start or "mon"
        said = cap.model_copy(
            update={"limit": 0, "window": cap.window.model_copy(update={"week_start": week_start})}
        )
        known = first.setdefault(said.model_dump_json(), number)
        if known != number:
            what = f"bounds what the cap at {known} bounds"
            found.append(Flaw((number,), what, "Keep one of them, with the lower limit."))
    refuse("caps", found)
    return caps


CampaignCaps = Annotated[list[CampaignCapIn], Field(max_length=20), AfterValidator(_each_once)]
PolicyCaps = Annotated[list[PolicyCapIn], Field(max_length=20), AfterValidator(_each_once)]


class SuppressionIn(Document):
    """Silence after several dismissals in a row."""

    dismissals: Annotated[int, Field(ge=1, le=100)] = Field(description="So many, and no click between them,")
    within_days: Annotated[int, Field(ge=1, le=365)] = Field(description="of offers made within so many days")
    silence_days: Annotated[int, Field(ge=1, le=365)] = Field(
        description="are followed by so many of silence."
    )


class BudgetIn(Document):
    """How much may be given out in all, or a day at the site."""

    total: Count | None = None
    per_day: Count | None = None
    of: Literal["offers", "cost"] = Field(
        default="offers", description="`cost`: what the offers cost, as each says."
    )
    per_site: bool = Field(default=False, description="Each site has that much for itself.")
    pacing: Literal["fast", "even"] = Field(
        default="fast", description="`even`: by noon half of `per_day` is given out at the most."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.total is None and self.per_day is None:
            refuse("budget", [Flaw((), "bounds nothing", "Send total, per_day or both, or leave it out.")])
        if self.pacing == "even" and self.per_day is None:
            refuse("budget", [Flaw(("pacing",), "is over a day", "Send per_day, or leave pacing out.")])
        return self
