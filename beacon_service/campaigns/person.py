"""What an audience may ask of a customer, at one instant. Values only."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from beacon_service.customers.events import Events
from beacon_service.visits.model import Visit


class Person(msgspec.Struct, frozen=True):
    """A customer as of `now`: all that a decision has of them under their lock."""

    now: datetime
    attributes: Mapping[str, Any] = {}
    marketing: bool = False  # consent to be sent offers
    location: bool = False  # consent to be located, of any phone
    visits: Mapping[str, Visit] = {}
    events: Events = {}
    lists: tuple[str, ...] = ()
    # (type of event, days) -> how many: many campaigns ask the same, and it is ninety numbers to be added.
    counted: dict[tuple[str, int], int] = {}
    found: dict[Any, bool] = {}  # by predicate, what it says: brands have many campaigns and few audiences

    def is_in(self, audience: "Predicate") -> bool:
        """What the predicate says, asked once."""
        known = self.found.get(audience)
        if known is None:
            known = self.found[audience] = audience(self)
        return known


Predicate: TypeAlias = Callable[[Person], bool]
