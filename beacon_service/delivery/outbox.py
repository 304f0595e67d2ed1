"""What is still to be sent: when to try again, and when to give up. Pure.

A delivery is written with its decision, in the same statement, and waits until it has been sent or may be sent no
more. Its message id stays the same whatever becomes of an attempt, so that the receiver can tell a repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from beacon_service.campaigns.ledger import Outcome as Became
from beacon_service.ids import draw

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

Channel = Literal["webhook", "push"]
State = Literal["waiting", "sent", "expired", "withdrawn", "dead"]
# How an attempt ended; the meters count by it.
Outcome = Literal["sent", "retry", "refused", "gone", "credentials"]

# How long after the first, second ... failure the next attempt is made: 71 h 42 min in all, or three days.
# Close together at first, since most failures are a restart; then ever less often, since the rest are not.
_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BACKOFF = (
    5 * _SECOND,
    30 * _SECOND,
    2 * _MINUTE,
    10 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    20 * _HOUR,
)
# A tenth more or less, so that what failed together does not come back together.
JITTER = 0.1
# A receiver may ask for longer than that; not for longer than a day, or a mistake of its would silence it.
LONGEST_WAIT = timedelta(days=1)
# Credentials are mended by people: soon enough to notice, seldom enough not to be banned for asking.
CREDENTIALS_WAIT = timedelta(minutes=1)
# For how long whoever took a message has it for itself: several times the longest attempt.
LEASE = timedelta(seconds=60)


class Leaving(NamedTuple):
    """An offer as it is to be sent, before it is known to whom."""

    decision_id: UUID
    customer_key: int
    installation_key: int
    channel: str
    campaign: str
    body: dict[str, Any]
    expires_at: datetime
    everywhere: bool = False  # no phone made the moment: by push it goes to all that the customer has


class Address(NamedTuple):
    """Where a phone is reached by push, as its app registered it."""

    provider: str
    token: str
    p256dh: str | None = None  # Web Push: the key that the message is encrypted for ...
    auth: str | None = None  # ... and the secret that goes with it


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was taken to be sent; `attempt` counts this one."""

    number: int
    lease: UUID
    message_id: UUID
    decision_id: UUID | None
    installation_key: int | None
    channel: Channel
    endpoint: str
    body: bytes
    attempt: int
    expires_at: datetime
    created_at: datetime
    wanted: bool  # the customer still wants offers, and the phone is still that customer's
    push: Address | None
    outcomes: int = 0  # what is known to have become of the offer: bits of ledger.Outcome
    sent_before: bool = False  # somebody wants it sent again

    @property
    def lane(self) -> tuple[str, str]:
        return self.channel, self.endpoint


class Attempt(NamedTuple):
    """What an attempt came to. `error` is for people: it names neither a person nor a secret."""

    outcome: Outcome
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None


class Settled(NamedTuple):
    """How a delivery goes on after an attempt, or without one."""

    delivery: Delivery
    state: State
    attempts: int
    at: datetime  # when that was known
    attempt: Attempt
    wait: timedelta = timedelta(0)

    @property
    def next_at(self) -> datetime:
        """No later than it expires: then it is given up, and whoever stands behind it goes on."""
        return min(self.at + self.wait, max(self.at, self.delivery.expires_at))

    @property
    def result(self) -> tuple[str, str]:
        """(channel, what the meters count it as)"""
        return self.delivery.channel, self.attempt.outcome if self.state == "waiting" else self.state


# Why a message that waited is not sent after all, where an attempt would say how it went.
EXPIRED = Attempt("refused", error="the offer expired before it could be sent")
WITHDRAWN = Attempt("refused", error="the customer wants no offers any more, or has another phone")
# Who has dealt with the offer meanwhile, in the inbox or at the till, is not to be told of it. The furthest counts.
DEALT_WITH = (
    (Became.REDEEMED, "was redeemed"),
    (Became.DISMISSED, "was dismissed"),
    (Became.CLICKED | Became.VIEWED, "was seen"),
)


def turned_away(delivery: Delivery, now: datetime) -> Settled | None:
    """What may not be sent any more: an offer that expired or was dealt with, or one that is not wanted."""
    if delivery.expires_at <= now:
        return Settled(delivery, "expired", delivery.attempt - 1, now, EXPIRED)
    if not delivery.wanted:
        return Settled(delivery, "withdrawn", delivery.attempt - 1, now, WITHDRAWN)
    if (became := _dealt_with(delivery)) is not None:
        attempt = Attempt("refused", error=f"the offer {became} before it could be sent")
        return Settled(delivery, "withdrawn", delivery.attempt - 1, now, attempt)
    return None


def _dealt_with(delivery: Delivery) -> str | None:
    """What became of the offer. A server that is sent it again, because somebody asks for that, is no customer."""
    if delivery.channel == "webhook" and delivery.sent_before:
        return None
    return next((became for outcomes, became in DEALT_WITH if delivery.outcomes & outcomes), None)


def settle(delivery: Delivery, attempt: Attempt, now: datetime) -> Settled:
    """What becomes of the delivery after the attempt, made at `now`."""
    if attempt.outcome == "sent":
        return Settled(delivery, "sent", delivery.attempt, now, attempt)
    if attempt.outcome in {"refused", "gone"}:
        return Settled(delivery, "dead", delivery.attempt, now, attempt)
    if attempt.outcome == "credentials":
        # Not the message's fault: the attempt is not counted, and it waits until somebody has mended them.
        wait = max(CREDENTIALS_WAIT, _asked(attempt))
        return Settled(delivery, "waiting", delivery.attempt - 1, now, attempt, wait)
    if delivery.attempt > len(BACKOFF):
        return Settled(delivery, "dead", delivery.attempt, now, attempt)
    wait = max(backoff(delivery.message_id, delivery.attempt), _asked(attempt))
    return Settled(delivery, "waiting", delivery.attempt, now, attempt, wait)


def backoff(message_id: UUID, attempt: int) -> timedelta:
    """How long to wait after the failure of that attempt, counted from 1; 5 s after the first, give or take 0.5 s."""
    return BACKOFF[attempt - 1] * (1 + JITTER * (2 * draw("backoff", message_id, attempt) - 1))


def _asked(attempt: Attempt) -> timedelta:
    """For how long the receiver asked to be left alone."""
    return min(timedelta(seconds=max(attempt.retry_after_s or 0.0, 0.0)), LONGEST_WAIT)
