"""What brands tell of what their customers did elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID  # noqa: TC003 - so does it here

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, model_validator

from beacon_service.customers.events import Happened
from beacon_service.customers.schema import Body, Id, Word

MOST_EVENTS = 100
MOST_ITEMS = 200
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _as_text(value: object) -> object:
    """A number is no time: 5 would be taken for 1970."""
    if isinstance(value, str | datetime):
        return value
    raise ValueError("is not a time such as 2026-11-22T09:30:00Z")


def _utc(instant: datetime) -> datetime:
    """Nothing that a till ever told of is older; what is far from now overflows on another clock."""
    if not FIRST <= instant <= LAST:
        raise ValueError("is not a time between 1970 and 2200")
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_utc)]
# Up to a hundred billion, to a hundredth of a cent: what `numeric(18, 4)` holds without rounding.
Amount = Annotated[Decimal, Field(max_digits=15, decimal_places=4, allow_inf_nan=False)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"], description="ISO 4217")]


class ItemIn(Body):
    """One line of a purchase."""

    id: Id
    name: Word | None = None
    category: Word | None = None
    quantity: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 1
    amount: Amount | None = None


class _EventFields(Body):
    event_id: Id | None = Field(
        default=None,
        description="Yours, the same in each retry and no other event's. Left out: one is given.",
    )
    amount: Amount | None = Field(default=None, description="Negative where it went back to the customer.")
    currency: Currency | None = None
    items: Annotated[list[ItemIn], Field(max_length=MOST_ITEMS)] = Field(default_factory=list)
    decision_id: UUID | None = Field(default=None, description="The offer that led to it, if one did.")

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if (self.amount is None) != (self.currency is None):
            raise ValueError("send amount and currency together, or neither")
        return self


class EventIn(_EventFields):
    type: Id = Field(examples=["purchase"])
    at: Instant

    def happened(self) -> Happened:
        return Happened(
            event_id=self.event_id,
            type=self.type,
            at=self.at,
            amount=self.amount,
            currency=self.currency,
            items=tuple(item.model_dump(mode="json", exclude_none=True) for item in self.items),
            decision_id=self.decision_id,
        )


class EventsIn(_EventFields):
    """One event, or up to a hundred under `events`."""

    type: Id | None = Field(default=None, examples=["purchase"])
    at: Instant | None = None
    events: Annotated[list[EventIn], Field(min_length=1, max_length=MOST_EVENTS)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        own = self.model_fields_set - {"events"}
        if self.events is not None and own:
            raise ValueError("send either one event or a list under events")
        if self.events is None and (self.type is None or self.at is None):
            raise ValueError("send type and at; or several of them under events")
        return self

    def happened(self) -> list[Happened]:
        if self.events is not None:
            return [one.happened() for one in self.events]
        assert self.type is not None, "validated"
        assert self.at is not None, "validated"
        said: dict[str, Any] = {name: getattr(self, name) for name in EventIn.model_fields}
        return [EventIn.model_construct(**said).happened()]


class EventOut(BaseModel):
    """What became of a reported event; `reasons` where it was rejected."""

    event_id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reasons: list[str]


class KeptOut(BaseModel):
    """An event as it was reported, and when."""

    event_id: str
    type: str
    at: datetime
    received_at: datetime
    amount: float | None
    currency: str | None
    items: list[dict[str, Any]]
    decision_id: UUID | None


class KeptPage(BaseModel):
    items: list[KeptOut]
    next_cursor: str | None


class EventsOut(BaseModel):
    results: list[EventOut]
