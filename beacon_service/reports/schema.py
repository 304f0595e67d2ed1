"""What may be asked of the reads, and what they answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID  # noqa: TC003 - pydantic reads the annotations at run time

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from beacon_service.campaigns.decision import Reason  # noqa: TC001 - as above
from beacon_service.configuration.schema import Id  # noqa: TC001 - as above
from beacon_service.web import PageQuery

# Beyond these a time has no UUIDv7 (48 bits of milliseconds since 1970) and nothing was recorded.
EARLIEST = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
LATEST = datetime.fromisoformat("9999-01-01T00:00:00+00:00")

Since = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]


class SinceQuery(PageQuery):
    since: Since | None = Field(default=None, description="Only what was recorded at this time or later.")


class DecisionsQuery(SinceQuery):
    """Which decisions; what is left out is not asked for."""

    until: Since | None = Field(default=None, description="Only what was decided before this time.")
    site: Id | None = None
    zone: Id | None = None
    campaign: Id | None = Field(default=None, description="It won, or it lost and is told why.")
    reason: Reason | None = Field(default=None, description="Why the campaign, or any, lost.")
    offered: Literal["true", "false"] | None = Field(default=None, description="Whether an offer was made.")


class DecisionQuery(DecisionsQuery):
    customer: Id | None = Field(default=None, description="A customer's id.")


class ExplainQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    campaigns: Literal["candidates", "all"] = Field(
        default="candidates",
        description="`all` adds the verdict on the campaigns that this moment did not trigger.",
    )


class DecisionItem(BaseModel):
    decision_id: UUID
    at: datetime
    decided_at: datetime
    customer_id: str | None
    installation_id: str | None
    site: str | None = Field(description="Null of what came about at no place: an event, an absence.")
    zone: str | None
    move: str
    dwell_s: int | None
    within_m: int | None = Field(description="Of approached: from how far.")
    campaign: str | None
    offer: str | None = Field(description="The offer's title.")
    channel: str | None
    reasons: dict[str, str]


class DecisionPage(BaseModel):
    items: list[DecisionItem]
    next_cursor: str | None


class JobOut(BaseModel):
    worker: str
    job: str
    runs: int
    failures: int
    missed: int = Field(description="How often it was due while it still ran.")
    put_off: int = Field(
        description="How much of its work (timers, moments, reservations) it put off for minutes because it failed."
    )
    last_began_at: datetime | None
    last_ms: float | None
    last_error: str | None
    told_at: datetime
    gone: bool = Field(description="Its worker has told nothing for a minute.")


class QueueOut(BaseModel):
    queue: str
    due: int
    lag_s: float = Field(description="For how long the oldest of it has been due.")


class SchedulerOut(BaseModel):
    jobs: list[JobOut]
    queues: list[QueueOut]


class MoveItem(BaseModel):
    event_id: UUID
    installation_id: str | None
    customer_id: str | None
    site: str
    zone: str
    type: str
    at: datetime
    dwell_s: int | None
    probability: float
    confidence: int
    cause: str


class MovePage(BaseModel):
    items: list[MoveItem]
    next_cursor: str | None


class MomentOut(BaseModel):
    key: UUID
    site: str | None
    zone: str | None
    move: str
    dwell_s: int | None
    within_m: int | None = Field(description="Of approached: from how far.")
    visit: int
    at: datetime


class CountOut(BaseModel):
    campaign: str
    cap: str
    used: int
    limit: int


class DrawOut(BaseModel):
    draw: float
    share: float


class GrantOut(BaseModel):
    campaign: str
    offer_id: str | None
    arm: str
    open: bool
    outcomes: list[str]
    closes_at: datetime


class OutcomeOut(BaseModel):
    type: str
    at: datetime
    received_at: datetime
    late: bool


class EvidenceOut(BaseModel):
    ping_id: str
    at: datetime
    received_at: datetime
    sightings: list[dict[str, Any]]
    position: dict[str, Any] | None
    located: dict[str, Any] | None = Field(description="Where that was held to be: zones with probabilities.")


class Explanation(BaseModel):
    decision_id: UUID
    customer_id: str | None
    installation_id: str | None
    decided_at: datetime
    campaign: str | None
    revision: int | None
    offer: dict[str, Any] | None
    channel: str | None
    expires_at: datetime | None
    moment: MomentOut
    reasons: dict[str, str]
    counts: list[CountOut]
    draws: dict[str, DrawOut]
    scores: dict[str, float] = Field(
        description="Of those that nothing spoke against, where one is not 1; coffee/dwell is a part of the context of "
        "coffee."
    )
    refusals: list[str]
    grants: list[GrantOut]
    outcomes: list[OutcomeOut]
    seed: str
    catalogue_version: int
    code_version: str
    evidence: EvidenceOut | None
    evidence_missing: Literal["erased", "no_ping", "retention"] | None
    all_campaigns: dict[str, str] | None = None
