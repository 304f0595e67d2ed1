"""Customers and installations as the brand and its apps see them. Values only.

What the engine reads of them is narrower and stands in `model`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# The brand's own names: they travel in addresses, so nothing that would have to be escaped.
ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"

# Ids that the service gives out itself; a brand's own id must not look like one.
ANONYMOUS = "anon-"
ERASED = "erased-"

ConsentKind = Literal["location", "marketing"]
ChangeKind = Literal[
    "attributes",
    "consent",
    "location_consent",
    "phone_model",
    "phone_settings",
    "identify",
    "merge",
    "outcome",
    "release",
    "event",
    "list",
    "erase",
]


def is_id(text: str) -> bool:
    return re.fullmatch(ID_PATTERN[1:-1], text) is not None


def reserved(customer_id: str) -> bool:
    return customer_id.startswith((ANONYMOUS, ERASED))


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    key: int
    id: str
    anonymous: bool
    attributes: dict[str, Any]
    marketing: bool
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Details:
    """What an app says of the phone it runs on."""

    platform: str
    model: str | None = None
    os_version: str | None = None
    app_version: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    push: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class InstallationRecord:
    key: int
    id: str
    customer_key: int
    token_hash: bytes = field(repr=False)
    location: bool
    revoked_at: datetime | None
    model: str | None
    locale: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Consents:
    """What someone agreed to; None where nothing was said of it. `wording` names the text that was shown."""

    location: bool | None = None
    marketing: bool | None = None
    wording: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """What a PUT of an installation asks for."""

    details: Details
    consents: Consents = Consents()
    rotate_token: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a PUT of a customer asks for."""

    attributes: dict[str, Any]
    consents: Consents = Consents()


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, and when."""

    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One statement, as it is kept for proof."""

    customer_key: int
    installation_key: int | None
    kind: ConsentKind
    granted: bool
    wording: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something other than a ping that changes what a decision reads of a customer."""

    customer_key: int
    kind: ChangeKind
    body: Mapping[str, Any]
