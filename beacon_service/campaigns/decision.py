"""What was chosen at a moment, and why everything else was not. Values only."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from beacon_service.campaigns.ledger import Granted
from beacon_service.campaigns.model import Offer
from beacon_service.campaigns.moment import Moment


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
    # Of those that nothing spoke against, where one is not 1; "coffee/dwell" is a part of the context of "coffee".
    scores: dict[str, float] = {}
