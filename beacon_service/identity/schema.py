"""What says who an installation belongs to, and what is answered."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from beacon_service.customers.records import ID_PATTERN


class IdentifyIn(BaseModel):
    """The customer's id with a secret key, or a token that the brand's backend signed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["customer_id"]}, {"required": ["identity_token"]}]},
    )

    customer_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None
    identity_token: Annotated[str, Field(min_length=1, max_length=8192)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.customer_id is None) == (self.identity_token is None):
            raise ValueError("send either customer_id or identity_token")
        return self


class IdentifyOut(BaseModel):
    customer_id: str
    merged: bool = Field(description="Whether an anonymous customer became part of this one by it.")
