"""A moment, what waits with one, and what is kept with the customer between two. Values only."""

from datetime import datetime
from uuid import UUID

import msgspec

from beacon_service.visits.model import Visit


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept with a customer between two moments."""

    visits: dict[str, Visit] = {}
    arms: dict[str, str] = {}  # campaign -> offered | held_out, fixed at first assignment
    groups: dict[str, str] = {}  # exclusion group -> the campaign that has this customer
    near: dict[str, Visit] = {}  # by the key of a ring: what visits are to a zone, counted by approaches


class Moment(msgspec.Struct, frozen=True):
    """A move that could trigger something. `key` is unique for ever: a moment is decided once."""

    key: UUID
    customer_key: int
    installation_key: int
    site: str
    zone: str
    move: str
    dwell_s: int | None
    visit: int
    visit_started_at: datetime  # of the visit to the site: for caps by visit
    at: datetime
    seed: int
    channel: str  # response | inbox
    within_m: int | None = None  # of `approached`: how near

    @property
    def measure(self) -> int | None:
        """What tells one dwell, or one approach, from another."""
        return self.dwell_s if self.within_m is None else self.within_m


class Waiting(msgspec.Struct, frozen=True):
    """A moment that one campaign waits with. Its key is the moment's own, so that it waits once and is decided once."""

    campaign: str
    moment: Moment
    due_at: datetime  # on the server's clock
    good_until: datetime
    still_there: bool = False
