"""Campaigns, caps and the ledger as the engine sees them. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntFlag, StrEnum
from functools import cached_property
from typing import Any, Literal, NamedTuple, NewType
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from beacon_service.campaigns.content import Content
from beacon_service.campaigns.person import Predicate
from beacon_service.hours import UTC_ZONE, Hours, WeeklyHours
from beacon_service.visits.model import Visit

CampaignId = NewType("CampaignId", str)
# "cap:<owner>:<definition>:<subject>:<period>", "budget:<campaign>[:cost]:<period>" or "codes:<pool>"
TallyKey = NewType("TallyKey", str)

Status = Literal["draft", "published", "paused", "ended", "archived"]
Counts = Literal["decided", "delivered", "viewed", "clicked", "redeemed"]


class Reason(StrEnum):
    """Why a campaign lost at a moment. The order is the order of the rules; `outranked` and below come after them."""

    STALE = "stale"  # the move is older than a moment may be
    LEFT = "left"  # it waited, and meanwhile the customer has left the zone, or come back
    VISIT = "visit"  # not the visit that its trigger names
    NO_CONSENT = "no_consent"
    NOT_LIVE = "not_live"  # draft, paused, ended, or outside its dates
    CLOSED = "closed"  # outside the opening hours of the zone
    DAYPART = "daypart"
    BLACKOUT = "blackout"  # a day on which it, or nothing, is offered
    AUDIENCE = "audience"
    STOCK = "stock"  # a product of its offer is out of stock at the site, or nobody knows
    UNSUITABLE = "unsuitable"  # who has an open complaint, or is in a bad mood, is not advertised to
    QUIET = "quiet"  # the quiet hours of the contact policy
    EXCLUDED = "excluded"  # another campaign of its group has this customer
    GAP = "gap"  # too soon after the last offer
    SUPPRESSED = "suppressed"  # dismissed too often
    CAP = "cap"  # a cap of its own
    POLICY = "policy"  # a cap of the contact policy
    BUDGET = "budget"
    CODES = "codes"  # no code is left for it
    OUTRANKED = "outranked"
    HELD_OUT = "held_out"
    GLOBAL_HOLD_OUT = "global_hold_out"
    ONE_PER_PING = "one_per_ping"  # an earlier moment of the same ping took the one offer
    DELAYED = "delayed"  # it is decided later


class Outcome(IntFlag):
    """What became of a decision, as bits of `grants.outcomes`."""

    DELIVERED = 1
    VIEWED = 2
    CLICKED = 4
    DISMISSED = 8
    REDEEMED = 16

    @classmethod
    def named(cls, name: str) -> "Outcome":
        return cls[name.upper()]


# Who viewed an offer had it delivered, though the app may not have said so.
IMPLIED: Mapping[Outcome, Outcome] = {
    Outcome.DELIVERED: Outcome.DELIVERED,
    Outcome.VIEWED: Outcome.VIEWED | Outcome.DELIVERED,
    Outcome.CLICKED: Outcome.CLICKED | Outcome.VIEWED | Outcome.DELIVERED,
    Outcome.DISMISSED: Outcome.DISMISSED | Outcome.DELIVERED,
    Outcome.REDEEMED: Outcome.REDEEMED | Outcome.DELIVERED,
}


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
    absent_days: int | None = None  # not seen for so long
    delay: timedelta = timedelta(0)  # decided so much later ...
    still_there: bool = False  # ... if the customer is still in the zone
    good_for: timedelta | None = None  # and not later than so much after that


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
    learning: Learning | None = None
    shares: bool = True  # whether it has caps or a budget that customers share, or codes of a pool
    rules: tuple[Callable[..., Any], ...] = field(
        default=(), repr=False, compare=False
    )  # verdict.rules_for it


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


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept with a customer between two moments."""

    visits: dict[str, Visit] = {}
    arms: dict[str, str] = {}  # campaign -> offered | held_out, fixed at first assignment
    groups: dict[str, str] = {}  # exclusion group -> the campaign that has this customer


class Grant(msgspec.Struct, frozen=True):
    """A row of the ledger as caps read it."""

    campaign: str
    arm: Literal["offered", "held_out"]
    site: str
    policy: bool
    decided_at: datetime
    open: bool
    outcomes: int
    offer: str | None = None
    tags: tuple[str, ...] = ()
    channel: str | None = None

    def counts_as(self, kind: str) -> bool:
        """Whether a cap of that kind counts it: it happened, or it may yet, or (held out) it would have."""
        if kind == "decided" or self.open or self.arm == "held_out":
            return True
        return bool(self.outcomes & Outcome.named(kind))


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


class Waiting(msgspec.Struct, frozen=True):
    """A moment that one campaign waits with. Its key is the moment's own, so that it waits once and is decided once."""

    campaign: str
    moment: Moment
    due_at: datetime  # on the server's clock
    good_until: datetime
    still_there: bool = False


class Charge(msgspec.Struct, frozen=True):
    """A claim on a shared count: `amount` more of `key`, of which `limit` may be used.

    With `ledger` the count is made from the grants each time and the tally's row is a lock only (rolling windows,
    several periods at once); without, the row keeps the count, made from the grants when the row first comes to be.
    What the grants are counted by: those of `campaign` (or, without, those that count towards the contact policy),
    at `site` ("": at none, as after an event), decided after `after_at`, from `start_at` on.
    """

    key: TallyKey
    limit: int
    counts: Counts
    ledger: bool = False
    after_at: datetime | None = None
    start_at: datetime | None = None
    campaign: str | None = None
    site: str | None = None
    offer: str | None = None
    tag: str | None = None
    channel: str | None = None
    money: bool = False  # what they cost, not how many they are
    amount: int = 1
    binding: bool = True  # false: counts towards a cap that its campaign need not obey
    lock: TallyKey | None = None  # of counts of one cap that begin at several times: the row that they share

    @property
    def row(self) -> TallyKey:
        """What is locked for it, and what a step's own claims are added up by."""
        return self.lock or self.key


class Tally(msgspec.Struct, frozen=True):
    """A shared count as read under its lock, what stands outside the check included."""

    used: int
    limit: int | None = None  # of a pool of codes, which alone knows how many it has


class Granted(msgspec.Struct, frozen=True):
    """One campaign charged by a moment: a new row of the ledger."""

    campaign: str
    arm: Literal["offered", "held_out"]
    offer_id: str | None
    policy: bool
    closes_at: datetime
    charges: tuple[Charge, ...] = ()
    tags: tuple[str, ...] = ()
    channel: str | None = None
    cost: int = 0
    slice: str | None = None  # of the audience, where the campaign learns


class Decision(msgspec.Struct, frozen=True):
    """What was chosen at a moment, and for every campaign that lost, why."""

    id: UUID
    moment: Moment
    campaign: str | None
    revision: int | None
    offer: Offer | None
    expires_at: datetime | None
    reasons: dict[str, str]
    counts: tuple[tuple[str, str, int, int], ...]
    draws: dict[str, tuple[float, float]]
    grants: tuple[Granted, ...]
    refusals: tuple[str, ...] = ()
    channel: str | None = None  # by which the offer goes out
    scores: dict[str, float] = {}  # of those that nothing spoke against, where one is not 1
