"""What may be asked of deliveries, and what is told of them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations at run time
from typing import Annotated, Any
from uuid import UUID  # noqa: TC003 - so does it here

from pydantic import BaseModel, Field

from beacon_service.configuration.schema import ID_PATTERN
from beacon_service.delivery.outbox import Channel, State  # noqa: TC001 - pydantic reads them at run time
from beacon_service.web import PageQuery


class DeliveriesQuery(PageQuery):
    state: State | None = None
    channel: Channel | None = None
    endpoint: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(
        default=None, description="A webhook's id; or fcm, apns or webpush."
    )


class DeliveryItem(BaseModel):
    message_id: UUID = Field(description="The same at every attempt: what a receiver tells repetitions by.")
    decision_id: UUID | None = Field(description="Null for the test of a webhook.")
    customer_id: str | None
    installation_id: str | None
    channel: Channel
    endpoint: str
    state: State
    attempts: int
    next_at: datetime | None = Field(description="When it is tried again, if it waits for that.")
    expires_at: datetime
    last_status: int | None = Field(description="Of the last attempt, where there was an answer.")
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None


class DeliveryPage(BaseModel):
    items: list[DeliveryItem]
    next_cursor: str | None


class DeliveryOut(DeliveryItem):
    data: dict[str, Any] = Field(description="What it says.")
