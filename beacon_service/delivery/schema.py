"""What is reported of offers, and what the inbox holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID  # noqa: TC003 - so does it here

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from beacon_service.delivery.model import OutcomeType, Report

MOST_OUTCOMES = 100


def _as_text(value: object) -> object:
    """A number is no time: 5 would be taken for 1970."""
    if isinstance(value, str | datetime):
        return value
    raise ValueError("is not a time such as 2026-11-22T09:30:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_as_text)]


class OutcomeIn(BaseModel):
    """What became of an offer, and when, by the clock of whoever reports it."""

    model_config = ConfigDict(extra="forbid")

    decision_id: UUID
    type: OutcomeType
    at: Instant

    def report(self) -> Report:
        return Report(self.decision_id, self.type, self.at)


class OutcomesIn(BaseModel):
    """One outcome, or up to a hundred under `outcomes`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["decision_id", "type", "at"]}, {"required": ["outcomes"]}]
        },
    )

    decision_id: UUID | None = None
    type: OutcomeType | None = None
    at: Instant | None = None
    outcomes: Annotated[list[OutcomeIn], Field(min_length=1, max_length=MOST_OUTCOMES)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        single = (self.decision_id, self.type, self.at)
        if self.outcomes is None and None in single:
            raise ValueError("send decision_id, type and at; or several of them under outcomes")
        if self.outcomes is not None and single != (None, None, None):
            raise ValueError("send either one outcome or a list under outcomes")
        return self

    def reports(self) -> list[Report]:
        if self.outcomes is not None:
            return [outcome.report() for outcome in self.outcomes]
        assert self.decision_id and self.type and self.at, "validated"  # noqa: PT018
        return [Report(self.decision_id, self.type, self.at)]


class VerdictOut(BaseModel):
    """`at` and `late` are those of the first report of its kind."""

    decision_id: UUID
    type: OutcomeType
    status: Literal["accepted", "duplicate", "rejected"]
    reasons: list[str]
    at: datetime | None
    late: bool = Field(description="Reported after the reservation had been given back; counts from then on.")


class OfferOut(BaseModel):
    title: str
    body: str
    image_url: str | None = None
    link: str | None = None
    code: str | None = None


class DeliveredOut(BaseModel):
    decision_id: UUID
    installation_id: str
    campaign: str
    offer: OfferOut
    expires_at: datetime


class InboxOut(BaseModel):
    decisions: list[DeliveredOut]
