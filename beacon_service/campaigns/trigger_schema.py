"""Body of a trigger: what makes a moment of a campaign."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from beacon_service.campaigns.caps_schema import LARGEST_COUNT
from beacon_service.configuration.schema import Document, Flaw, Id, Tag, refuse
from beacon_service.positioning.rings import LARGEST_WITHIN_M, SMALLEST_WITHIN_M

# A day: a stay that lasts longer is nobody's dwell.
LONGEST_DWELL_S = 86_400
# What only a move has.
_OF_MOVES = ("zones", "tags", "site", "dwell_s", "within_m", "nth", "recheck")


class ZoneName(Document):
    site: Id
    zone: Id


class TriggerIn(Document):
    """What makes a moment of the campaign.

    A move in one of the zones, or in any that carries one of the tags, or towards one (`approached`); what a customer
    did elsewhere (`event`); or that a customer was not seen for `absent_days`. It may be decided later: `delay_s` after
    a move or an event.
    """

    move: Literal["entered", "dwelled", "exited", "approached"] | None = None
    zones: Annotated[list[ZoneName], Field(max_length=1000)] = Field(default_factory=list)
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    site: Id | None = Field(
        default=None, description="Where the tags are looked for. Left out: at every site."
    )
    dwell_s: Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)] | None = None
    within_m: Annotated[int, Field(ge=SMALLEST_WITHIN_M, le=LARGEST_WITHIN_M)] | None = Field(
        default=None,
        description="Of approached: how many metres from the zone's edge one comes near it, without being in it.",
    )
    nth: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] | None = Field(
        default=None,
        description="The visit, or approach, that triggers: 1 is a customer's first. Left out: every one.",
    )

    event: Id | None = Field(default=None, description="The type of event, such as purchase.")
    absent_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="Decided once for each absence, when the campaign's dayparts next allow."
    )
    include_already_absent: bool = Field(
        default=False,
        description="Of absent_days: also who had been away for longer already when the campaign was published, all "
        "at once. Left out: whose absence comes to so many days from then on.",
    )
    delay_s: Annotated[int, Field(ge=1, le=90 * 86_400)] | None = None
    recheck: Literal["still_in_zone", "still_near"] | None = Field(
        default=None,
        description="When the delay is over: only if the customer is still in the zone; or, after approached, still "
        "near and not in it.",
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
        if self.include_already_absent and self.absent_days is None:
            what = "says nothing without absent_days"
            found.append(Flaw(("include_already_absent",), what, "Leave it out, or send absent_days."))
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
        found += self._flaws_of_nearness()
        refuse("trigger", found)
        return self

    def _flaws_of_nearness(self) -> list[Flaw]:
        approached, found = self.move == "approached", []
        if approached and self.within_m is None:
            do = f"Say from how many metres, {SMALLEST_WITHIN_M} to {LARGEST_WITHIN_M}."
            found.append(Flaw(("within_m",), "is missing", do))
        if not approached and self.within_m is not None:
            do = "Leave it out, or send approached."
            found.append(Flaw(("within_m",), f"says nothing of {self.move}", do))
        if approached and self.recheck == "still_in_zone":
            what = "asks for being in the zone, and who approaches it is not"
            found.append(Flaw(("recheck",), what, "Send still_near, or leave it out."))
        if not approached and self.recheck == "still_near":
            what, do = f"says nothing of {self.move}", "Send still_in_zone, or leave it out."
            found.append(Flaw(("recheck",), what, do))
        return found

    def _flaws_without_a_move(self) -> list[Flaw]:
        named = [name for name in _OF_MOVES if getattr(self, name)]
        if self.absent_days is not None and self.delay_s is not None:
            named.append("delay_s")
        return [
            Flaw((name,), "says nothing without a move", "Leave it out, or send a move.") for name in named
        ]
