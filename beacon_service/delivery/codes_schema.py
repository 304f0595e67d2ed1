"""What a till asks of a code, and what it is told."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it at run time
from typing import Literal
from uuid import UUID  # noqa: TC003

from pydantic import BaseModel, ConfigDict, Field

from beacon_service.configuration.schema import Id  # noqa: TC001
from beacon_service.delivery.schema import Instant  # noqa: TC001


class RedeemIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: Instant | None = Field(default=None, description="By the till's clock. Left out: now.")
    site: Id | None = None
    redemption_id: Id | None = Field(
        default=None,
        description="The till's own name for it: sent again, it is answered again and not refused.",
    )


class CodeOut(BaseModel):
    code: str
    status: Literal["given_out", "expired", "redeemed"]
    pool: str | None = Field(description="Null: it was made when it was given out.")
    decision_id: UUID
    campaign: str
    offer_id: str
    title: str | None = Field(description="Of the offer as it was shown; null after erasure.")
    given_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None
    redeemed_site: str | None
