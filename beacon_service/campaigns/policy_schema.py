"""Bodies of the contact policy: what binds all campaigns together."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from beacon_service.campaigns.caps_schema import PolicyCaps, Seconds, Share, SuppressionIn
from beacon_service.campaigns.schedule_schema import BlackoutIn, QuietIn
from beacon_service.campaigns.silence import without_silence
from beacon_service.configuration.schema import Document, TimeZone


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


class PolicyOut(BaseModel):
    caps: list[dict[str, Any]]
    hold_out: float
    time_zone: str = "UTC"
    blackouts: list[dict[str, Any]] = []
    min_gap_s: int | None = None
    suppression: dict[str, Any] | None = None
    quiet: dict[str, Any] | None = None
