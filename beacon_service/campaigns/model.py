"""What a campaign and the contact policy are: trigger, schedule, caps, budget and offers. Values only."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Literal, NamedTuple, NewType, TypeAlias
from zoneinfo import ZoneInfo

from beacon_service.campaigns.content import Content
from beacon_service.campaigns.person import Predicate
from beacon_service.hours import UTC_ZONE, Hours, WeeklyHours

CampaignId = NewType("CampaignId", str)
Status = Literal["draft", "published", "paused", "ended", "archived"]
# What an explanation tells of a cap: (campaign, cap or shared count, how much is used, its limit).
Count: TypeAlias = tuple[str, str, int, int]
Counts = Literal["decided", "delivered", "viewed", "clicked", "redeemed"]
# What may make an offer more apt now; `score.py` tells how much.
Aspect = Literal["affinity", "dwell", "distance"]


@dataclass(frozen=True, slots=True)
class Window:
    kind: Literal["rolling", "calendar", "visit", "lifetime"]
    n: int = 1
    unit: Literal["minute", "hour", "day", "week", "month"] = "day"
    week_start: int = 0  # 0 is Monday


@dataclass(frozen=True)
class Cap:
    scope: Literal["offer", "campaign", "tag", "channel", "all"]
    subject: Literal["customer", "site", "total"]
    limit: int
    counts: Counts
    window: Window
    tz: str  # an IANA zone, or "site", "customer", "organisation"
    name: str | None = None  # the tag or channel that it is for

    @cached_property
    def definition(self) -> str:
        """Names the cap whatever its limit, so that a changed limit binds the same count."""
        window = f"{self.window.kind}.{self.window.n}.{self.window.unit}"
        week = f".{self.window.week_start}" if self.window.week_start else ""
        scope = self.scope if self.name is None else f"{self.scope}={self.name}"
        return f"{scope}.{self.subject}.{self.counts}.{window}{week}.{self.tz}"


@dataclass(frozen=True, slots=True)
class Trigger:
    move: str | None  # none: an event or an absence
    zones: frozenset[str]  # ZoneKeys
    tags: frozenset[str]  # any zone that carries one of these ...
    site: str | None = None  # ... at this site, or at any
    dwell_s: int | None = None
    nth: int | None = None  # 1: the first visit only
    event: str | None = None  # the type of what the customer did elsewhere
    absent_days: int | None = None  # not seen for so long ...
    already_absent: bool = False  # ... also who had not been for longer before anybody asked
    delay: timedelta = timedelta(0)  # decided so much later ...
    still_there: bool = False  # ... if the customer is still in the zone, or still near it
    good_for: timedelta | None = None  # and not later than so much after that
    within_m: int | None = None  # of `approached`: how near

    @property
    def measure(self) -> int | None:
        """What tells one dwell, or one approach, from another."""
        return self.dwell_s if self.within_m is None else self.within_m


@dataclass(frozen=True, slots=True)
class Budget:
    """How many offers, or what they cost, in all and a day; `per_site`: each site has that much for itself."""

    total: int | None = None
    per_day: int | None = None
    of: Literal["offers", "cost"] = "offers"
    per_site: bool = False
    even: bool = False  # given out evenly over the day


@dataclass(frozen=True, slots=True)
class Suppression:
    """After so many dismissals within a time, and no click between them, silence for a time."""

    dismissals: int
    within: timedelta
    silence: timedelta


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nobody is disturbed."""

    hours: WeeklyHours
    tz: str  # an IANA zone, or "site", "customer", "organisation"
    then: Literal["drop", "inbox", "hold"]


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days of a calendar, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a customer's own code is made: `length` characters behind the prefix."""

    prefix: str
    length: int


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    title: str
    body: str
    image_url: str | None = None
    link: str | None = None
    code: str | None = None
    expires_after: timedelta = timedelta(hours=1)
    weight: float = 1.0  # of the customers who get this one of several
    cost: int = 0  # what one costs, in the smallest unit of money
    content: Content | None = field(default=None, repr=False)  # None: it says the same to everybody
    pool: str | None = None  # where each customer's own code is taken from
    recipe: Recipe | None = None  # how it is made instead
    products: tuple[str, ...] = ()  # what it is about: offered only where all of them are in stock ...
    stock_max_age: timedelta = timedelta(days=1)  # ... by a count that is no older

    @property
    def takes_code(self) -> bool:
        """Whether each customer gets a code of their own."""
        return self.pool is not None or self.recipe is not None


@dataclass(frozen=True, slots=True)
class Learning:
    """What a campaign learns from: the outcome that is wanted, for each value of an attribute apart."""

    goal: Literal["viewed", "clicked", "redeemed"]
    by: str | None = None


class Tries(NamedTuple):
    """How often an offer was shown to a slice of its audience, and how often taken up."""

    shown: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class StockLevel:
    """What a site has of a product, and when that was counted."""

    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Product:
    """What an offer may be about."""

    id: str
    name: str
    tags: tuple[str, ...] = ()
    price: str | None = None  # "3.50", as it is shown
    currency: str | None = None  # ISO 4217


@dataclass(frozen=True, slots=True)
class Campaign:
    id: CampaignId
    revision: int
    name: str
    status: Status
    priority: int
    channel: Literal["app", "webhook", "push"]
    starts_at: datetime | None
    ends_at: datetime | None
    trigger: Trigger
    audience: Predicate | None = field(repr=False)
    dayparts: tuple[Hours, ...]
    caps: tuple[Cap, ...]
    budget: Budget | None
    hold_out: float
    obeys_policy: bool
    counts_towards_policy: bool
    offers: tuple[Offer, ...]
    kind: Literal["promotion", "service"] = "promotion"
    tags: frozenset[str] = frozenset()
    blackouts: tuple[Blackout, ...] = ()
    min_gap: timedelta | None = None
    suppression: Suppression | None = None
    group: str | None = None  # of these campaigns a customer gets one for good
    fallback: bool = False  # speaks only where no other campaign does
    value: float = 1.0  # what one that is taken up is worth, against other campaigns'
    lever: float = 1.0  # the marketer's own hand on the scales
    context: tuple[Aspect, ...] = ("affinity",)  # by which its tags speak for it
    learning: Learning | None = None
    shares: bool = True  # whether it has caps or a budget that customers share, or codes of a pool
    # What `caps.unused` makes of it; None: its caps must be counted.
    unused: tuple[Count, ...] | None = field(default=None, repr=False, compare=False)
    rules: int = field(default=-1, repr=False, compare=False)  # verdict.rules_of_campaign; -1: all of them


@dataclass(frozen=True, slots=True)
class Policy:
    """What binds all campaigns together."""

    caps: tuple[Cap, ...] = ()
    hold_out: float = 0.0
    blackouts: tuple[Blackout, ...] = ()
    min_gap: timedelta | None = None
    suppression: Suppression | None = None
    quiet: Quiet | None = None
    time_zone: ZoneInfo = UTC_ZONE  # the organisation's
