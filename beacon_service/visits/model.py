"""Presence: where one installation is held to be, and the moves that come of it. Values only."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from beacon_service.zones.model import Belief, Heard, Rest

MoveType = Literal["entered", "dwelled", "exited"]
StayState = Literal["entering", "inside", "exiting"]


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """One installation's stay in a zone. `since_at`: first evidence while entering, the entry from then on."""

    zone: str
    state: StayState
    since_at: datetime
    last_at: datetime  # last evidence of being inside
    pings: int = 1  # that confirmed an entry so far
    leaving_at: datetime | None = None  # since when it is `exiting`
    dwells_s: tuple[int, ...] = ()  # thresholds still ahead, ascending
    hold_s: int = 0  # how long an exit is held
    probability: float = 0.0
    instead_of: str = ""  # the zone that one was held to be in before, of two that exclude each other
    turns: int = 0  # how often running these two have taken each other's place


class Presence(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is kept between two pings of an installation; small, so that it can be rewritten by each."""

    last_at: datetime | None = None  # newest ping applied
    fired_at: datetime | None = None  # newest timer fired
    lag_ms: int = 0  # received - at of the ping that armed the timers
    offset_ms: int = 0  # the phone's clock is behind the server's by so much
    stays: tuple[Stay, ...] = ()
    heard: tuple[Heard, ...] = ()
    # (at, longitude, latitude, accuracy_m) of the newest position: jumps are judged against it
    fix: tuple[datetime, float, float, float] | None = None
    ping: tuple[str, str] | None = None  # (received_on, ping_id) that timers' decisions rest on
    belief: Belief | None = None  # at a surveyed site
    rest: Rest | None = None  # where beacons are heard
    near: tuple[Stay, ...] = ()  # in rings around zones, under the rings' keys
    rings: int = 0  # by which rings it was looked at last, as `Rings.digest`

    @property
    def lag(self) -> timedelta:
        return timedelta(milliseconds=self.lag_ms)


class Move(msgspec.Struct, frozen=True):
    """A stay's change. `at` is when it happened on the phone's clock, which may be before it was seen."""

    zone: str
    type: MoveType
    at: datetime
    probability: float
    dwell_s: int | None = None

    @property
    def confidence(self) -> int:
        """1 to 3: a coin's toss or so, likely, as good as sure."""
        return 3 if self.probability >= 0.9 else 2 if self.probability >= 0.6 else 1


class Nearing(msgspec.Struct, frozen=True):
    """A move of a stay in a ring. `comes`: somebody came near the zone, who was neither near nor in it before."""

    move: Move
    comes: bool


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customer's stays in one place joined over short gaps. The place is a zone key, or a site's id."""

    number: int  # the how-manieth
    started_at: datetime
    left_at: datetime | None = None  # when the latest of its stays that closed did; others may be open
    open: int = 0  # stays that are open now, over all phones
    dwelled_s: tuple[int, ...] = ()  # thresholds already passed in this visit
    before_at: datetime | None = None  # when the visit before this one ended
    counted: bool = (
        True  # of nearness: whether somebody came near; who came out of the zone is near uncounted
    )
