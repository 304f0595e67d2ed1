"""What brands and apps send of customers and installations, and what they are told."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations at run time
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    model_validator,
)

from beacon_service.customers.records import ID_PATTERN, Consents, Details, Profile, Registration

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Word = Annotated[str, Field(min_length=1, max_length=64)]

# Attributes are read with every decision about a customer; a profile is no archive.
MOST_ATTRIBUTES = 100
MOST_VALUES = 100
MOST_ATTRIBUTE_BYTES = 16_384
# The integers that JavaScript and a double hold exactly.
LARGEST_INTEGER = 2**53 - 1

LONGEST_TEXT = 1024

PushKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,128}$")]

_SCALAR_SCHEMA = {"type": ["boolean", "number", "string"], "maxLength": LONGEST_TEXT}
_VALUE_SCHEMA = {
    "anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": _SCALAR_SCHEMA, "maxItems": MOST_VALUES}]
}


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, int):  # true and false are ints, and small enough
        return abs(value) <= LARGEST_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def _scalar_or_list(value: object) -> object:
    """One sentence for whatever is wrong; a union of types would tell one for each type it is not."""
    values = value if isinstance(value, list) else [value]
    if len(values) <= MOST_VALUES and all(map(_is_scalar, values)):
        return value
    raise ValueError(
        f"is not a text of up to {LONGEST_TEXT} characters, a number of at most 53 bits, true, false, "
        f"or a list of up to {MOST_VALUES} of these"
    )


Value = Annotated[Any, AfterValidator(_scalar_or_list), WithJsonSchema(_VALUE_SCHEMA)]


def _small_enough(attributes: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(attributes).encode()) > MOST_ATTRIBUTE_BYTES:
        raise ValueError(f"the attributes take more than {MOST_ATTRIBUTE_BYTES} bytes as JSON")
    return attributes


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not an IANA time zone such as Europe/Amsterdam") from None
    return name


Attributes = Annotated[dict[Id, Value], Field(max_length=MOST_ATTRIBUTES), AfterValidator(_small_enough)]
TimeZone = Annotated[Word, AfterValidator(_known_zone)]


class Body(BaseModel):
    """A body that says something we do not know is a mistake that we can name."""

    model_config = ConfigDict(extra="forbid")


class InstallationConsents(Body):
    location: StrictBool | None = Field(
        default=None, description="To be located. Left out: as before; at registration, no."
    )
    marketing: StrictBool | None = Field(default=None, description="To be sent offers. Left out: as before.")
    wording: Word | None = Field(default=None, description="Version of the text that the person agreed to.")


class CustomerConsents(Body):
    marketing: StrictBool | None = Field(default=None, description="To be sent offers. Left out: as before.")
    wording: Word | None = Field(default=None, description="Version of the text that the person agreed to.")


class Push(Body):
    """Where the phone is reached by push: fcm, apns or webpush. Others are kept, and nothing is sent to them."""

    provider: Word = Field(examples=["fcm", "apns", "webpush"])
    token: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        description="As the push service gave it to the app; for webpush the subscription's endpoint."
    )
    p256dh: PushKey | None = Field(default=None, description="Of the subscription's keys; for webpush only.")
    auth: PushKey | None = Field(default=None, description="Of the subscription's keys; for webpush only.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.provider == "apns" and not re.fullmatch(r"[0-9A-Fa-f]{8,400}", self.token):
            raise ValueError("a token of APNs is hexadecimal digits")
        if self.provider != "webpush":
            return self
        if not re.fullmatch(r"https?://[!-~]+", self.token):
            raise ValueError("the token of webpush is the subscription's endpoint, an https address")
        if _length(self.p256dh) != 65 or _length(self.auth) != 16:
            raise ValueError(
                "webpush needs p256dh (65 bytes) and auth (16 bytes), as the subscription has them"
            )
        return self


def _length(encoded: str | None) -> int:
    """Of what base64url says: four characters are three bytes."""
    return 0 if encoded is None else len(encoded) * 3 // 4


class InstallationIn(Body):
    """An app on a phone, as it describes itself."""

    platform: Word = Field(examples=["android", "ios"])
    model: Word | None = None
    os_version: Word | None = None
    app_version: Word | None = None
    locale: Word | None = Field(default=None, examples=["nl-NL"])
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/Amsterdam"])
    consents: InstallationConsents = InstallationConsents()
    push: Push | None = None

    def registration(self, *, rotate_token: bool) -> Registration:
        details = Details(
            self.platform,
            self.model,
            self.os_version,
            self.app_version,
            self.locale,
            self.time_zone,
            self.push.model_dump(exclude_none=True) if self.push else None,
        )
        return Registration(details, Consents(**self.consents.model_dump()), rotate_token)


class RotateQuery(Body):
    rotate_token: bool = Field(default=False, description="Answer a new token; the old one stops at once.")


class InstallationOut(BaseModel):
    installation_token: str | None = Field(
        description="Shown when it is issued, never again: at registration, and with ?rotate_token=true."
    )
    customer_id: str


class CustomerIn(Body):
    """What the brand knows of a person. A PUT replaces all attributes."""

    attributes: Attributes = Field(default_factory=dict, examples=[{"loyalty": "gold", "sizes": [38, 39]}])
    consents: CustomerConsents = CustomerConsents()

    def profile(self) -> Profile:
        return Profile(dict(self.attributes), Consents(**self.consents.model_dump()))


class MarketingOut(BaseModel):
    marketing: bool


class CustomerOut(BaseModel):
    id: str
    anonymous: bool
    attributes: dict[str, Any]
    consents: MarketingOut
    created_at: datetime


class CustomerPage(BaseModel):
    items: list[CustomerOut]
    next_cursor: str | None
