"""Which pings may be followed at all: consent, age, spoof signs, order; and how wrong a phone's clock is.

"No" is a result here. A rejected ping leaves no trace; a late one is kept but never triggers anything.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from beacon_service.geo import METRES_PER_DEGREE, distance_m
from beacon_service.visits.model import Presence
from beacon_service.zones.model import Position

# Three days cover a weekend offline; older ones inform nobody, and duplicates are looked up over four days.
TOO_OLD = timedelta(hours=72)
# Clocks are corrected beforehand, so what is left is the road from phone to server.
TOO_NEW = timedelta(minutes=2)
# 180 km/h, faster than any way to the shop but rail and air.
FASTEST_M_S = 50.0
# Two fixes of one instant come from two sources of the phone, which may jump by some hundred metres.
LEAST_JUMP = timedelta(seconds=5)
# An older fix proves nothing, so that who has landed, or whose one wrong fix was believed, is shut out for
# ten minutes and no longer: rejected pings do not renew the fix that they are held against.
JUMP_MEMORY = timedelta(minutes=10)
# Less is the road and the queue rather than the clock.
CLOCK_TOLERANCE_MS = 30_000

_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Literal["accepted", "late", "rejected"]
    reasons: tuple[str, ...] = ()


ACCEPTED = Verdict("accepted")
LATE = Verdict("late")


def screen(
    presence: Presence,
    *,
    at: datetime,
    received_at: datetime,
    position: Position | None,
    location_consent: bool,
) -> Verdict:
    """The verdict on a ping; every reason for a rejection is named, `late` only if there is none.

    At the very instant of the newest ping or timer is not late: batches may hold several pings of one second.
    """
    if not location_consent:  # then nothing else of the ping is looked at either
        return Verdict("rejected", ("no_location_consent",))
    reasons: list[str] = []
    if received_at - at > TOO_OLD:
        reasons.append("too_old")
    if at - received_at > TOO_NEW:
        reasons.append("too_new")
    if position is not None and position.mocked:
        reasons.append("mocked_location")
    if position is not None and _jumps(presence, position, at):
        reasons.append("impossible_jump")
    if reasons:
        return Verdict("rejected", tuple(reasons))
    if presence.last_at is not None and at < presence.last_at:
        return LATE
    return LATE if presence.fired_at is not None and at < presence.fired_at else ACCEPTED


def measured_ms(sent_at: datetime | None, received_at: datetime) -> int | None:
    """By how much a request's clock was behind the server's when it came; None where it does not say."""
    return None if sent_at is None else (received_at - sent_at) // _MILLISECOND


def offset_ms(kept: int, measured: int | None) -> int:
    """By how much the phone's clock is held to be behind the server's, after one more measurement.

    The kept offset stands while it agrees within half a minute: one that changed with every request would
    shuffle pings. So 20 s behind give 0, 40 s give 40 000, then 65 s still 40 000 and 20 s too; 5 s give 0.
    """
    if measured is None or abs(measured - kept) <= CLOCK_TOLERANCE_MS:
        return kept
    return measured if abs(measured) >= CLOCK_TOLERANCE_MS else 0


def corrected(at: datetime, offset: int) -> datetime:
    """`at` on the server's clock; at the ends of the calendar it stops, to be rejected for its age."""
    if offset == 0:
        return at
    try:
        return at + timedelta(milliseconds=offset)
    except OverflowError:
        return _LATEST if offset > 0 else _EARLIEST


def _jumps(presence: Presence, position: Position, at: datetime) -> bool:
    """Faster than anyone travels, both accuracies granted. A late ping is judged the same way back."""
    if presence.fix is None:
        return False
    fix_at, longitude, latitude, accuracy_m = presence.fix
    elapsed = abs(at - fix_at)
    if elapsed > JUMP_MEMORY:
        return False
    # Along the meridian and then along the parallel is never shorter: mostly that suffices to say no.
    around_m = METRES_PER_DEGREE * (abs(position.longitude - longitude) + abs(position.latitude - latitude))
    if around_m <= FASTEST_M_S * LEAST_JUMP.total_seconds():
        return False
    way_m = distance_m(longitude, latitude, position.longitude, position.latitude)
    return way_m - accuracy_m - position.accuracy_m > FASTEST_M_S * max(elapsed, LEAST_JUMP).total_seconds()
