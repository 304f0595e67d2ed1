"""Bodies of when: instants, days and hours, recurrences, blackouts and quiet hours."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from beacon_service.configuration.schema import Clock, Day, Document, Flaw, WhoseClock, flawed, refuse
from beacon_service.hours import days_of

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _utc(instant: datetime) -> datetime:
    """What is at the ends of the calendar overflows on another clock, and nobody plans for it."""
    if not EARLIEST <= instant <= LATEST:
        raise flawed("time", "is no time of a calendar that anybody uses", "Send one between 1970 and 2200.")
    return instant.astimezone(UTC)


# Lax only in that JSON has no times: a text is read as one.
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_utc)]
# Lax only in that JSON has no days.
CalendarDay = Annotated[
    date, Field(strict=False, ge=date(1970, 1, 1), le=date(2100, 1, 1), examples=["2026-12-24"])
]


class DaypartIn(Document):
    """Days and hours in the site's time zone; one that ends before it begins runs past midnight.

    The days are those of the week, or those of a recurrence rule (RFC 5545) from `starts_on` on.
    """

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] | None = None
    rule: Annotated[str, Field(max_length=200, examples=["FREQ=MONTHLY;BYDAY=1SA"])] | None = None
    starts_on: CalendarDay | None = None
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = []
        if (self.days is None) == (self.rule is None):
            found.append(Flaw((), "names its days not once", "Send either days or rule."))
        if (self.rule is None) != (self.starts_on is None):
            found.append(Flaw(("starts_on",), "belongs to a rule", "Send both, or neither."))
        elif self.rule is not None and self.starts_on is not None:
            found += _rule_of_days_flaws(self.rule, self.starts_on)
        refuse("daypart", found)
        return self


def _rule_of_days_flaws(rule: str, starts_on: date) -> list[Flaw]:
    do = "Send one such as FREQ=MONTHLY;BYDAY=1SA."
    try:
        days = days_of(rule, starts_on)
    except ValueError as error:
        return [Flaw(("rule",), f"is not a recurrence rule of days: {error}", do)]
    first = days.after(datetime.combine(starts_on, time(0)), inc=True)
    return [] if first else [Flaw(("rule",), "names no day at all", do)]


class BlackoutIn(Document):
    """Days of the site's calendar on which nothing is offered, both included."""

    first: CalendarDay = Field(alias="from")
    last: CalendarDay = Field(alias="to")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.last < self.first:
            refuse("blackout", [Flaw(("to",), "is before from", "Send the same day or a later one.")])
        return self


class QuietIn(Document):
    """Hours in which nobody who obeys the policy is disturbed."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] | None = None
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    tz: WhoseClock = Field(default="site", description="site, customer, organisation, or an IANA time zone.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.start == self.end:
            refuse(
                "quiet",
                [Flaw(("to",), "is when they begin", "Send another time; for no hours leave quiet out.")],
            )
        return self

    then: Literal["drop", "inbox", "hold"] = Field(
        default="drop",
        description="What becomes of an offer: it is not made, goes to the inbox in silence, or is decided afterwards.",
    )
