"""The person and the phone as the engine sees them. Values only."""

from typing import Any

import msgspec

from beacon_service.customers.events import EventCount
from beacon_service.visits.model import Presence


class Installation(msgspec.Struct, frozen=True):
    key: int
    id: str
    customer_key: int
    location: bool  # consent to be located
    presence: Presence
    model: str | None = None  # of the phone, as the app names it
    locale: str | None = None  # of the app: de-CH
    time_zone: str | None = None  # of the phone's clocks


class Customer(msgspec.Struct, frozen=True):
    key: int
    id: str
    anonymous: bool
    attributes: dict[str, Any]
    marketing: bool  # consent to be sent offers
    location: bool = False  # consent to be located, of any phone
    events: dict[str, EventCount] = {}
    lists: tuple[str, ...] = ()
