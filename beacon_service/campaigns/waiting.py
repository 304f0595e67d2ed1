"""Moments that wait: put off by their campaign, or held until quiet hours are over. Pure.

What waits is not decided yet: consent, audience, caps and all else are asked when it is due.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from beacon_service.campaigns.model import Campaign, Decision, Moment, Reason, Waiting
from beacon_service.campaigns.question import Question
from beacon_service.campaigns.verdict import is_fresh
from beacon_service.hours import Hours
from beacon_service.ids import derived_uuid

# "You are in aisle 4" is wrong minutes later; what is held over night or follows a purchase is not as pressing.
GOOD_FOR = timedelta(minutes=2)
HELD_GOOD_FOR = timedelta(hours=12)
EVENT_GOOD_FOR = timedelta(days=1)
# A campaign that is never live within so long waits in vain.
_LONGEST_LOOK, _STEP = timedelta(days=8), timedelta(minutes=15)


def delayed(question: Question, campaigns: Sequence[Campaign]) -> tuple[list[Waiting], dict[str, str]]:
    """What waits for each of these campaigns, and the reason that each is told with."""
    waiting: list[Waiting] = []
    reasons: dict[str, str] = {}
    for campaign in campaigns:
        stale = is_fresh(question, campaign)
        reasons[campaign.id] = (stale or Reason.DELAYED).value
        if stale is None:
            due_at = question.moment.at + campaign.trigger.delay
            moment = _named(question.moment, "delayed", campaign)
            good_until = max(due_at, question.now) + (campaign.trigger.good_for or GOOD_FOR)
            waiting.append(Waiting(campaign.id, moment, due_at, good_until, campaign.trigger.still_there))
    return waiting, reasons


def held(question: Question, campaigns: Sequence[Campaign], decision: Decision) -> tuple[Waiting, ...]:
    """The best of those that only quiet hours spoke against, until they are over, where the policy holds it."""
    quiet = question.policy.quiet
    if quiet is None or quiet.then != "hold" or not question.is_quiet:
        return ()
    silenced = [one for one in campaigns if decision.reasons.get(one.id) == Reason.QUIET]
    if not silenced:
        return ()
    best = min(silenced, key=lambda one: (one.fallback, -one.priority, one.id))
    clock = question.standing.zone(quiet.tz)
    due_at = quiet.hours.end_of(question.now.astimezone(clock))
    good_until = due_at + (best.trigger.good_for or HELD_GOOD_FOR)
    return (
        Waiting(best.id, _named(question.moment, "held", best), due_at, good_until, best.trigger.still_there),
    )


def after_event(moment: Moment, campaign: Campaign, now: datetime) -> Waiting | None:
    """For an event of the moment's time; None where it was told too late to be good for anything."""
    due_at = max(moment.at + campaign.trigger.delay, now)
    good_until = moment.at + campaign.trigger.delay + (campaign.trigger.good_for or EVENT_GOOD_FOR)
    return None if good_until < now else Waiting(campaign.id, moment, due_at, good_until)


def of_absence(moment: Moment, campaign: Campaign, local_now: datetime) -> Waiting:
    """Due when the campaign speaks next, by the clock of who is away: nobody is won back at four in the morning."""
    due_at = next_covered(campaign.dayparts, local_now)
    return Waiting(
        campaign.id, moment, due_at, due_at + (campaign.trigger.good_for or EVENT_GOOD_FOR), still_there=True
    )


def next_covered(hours: Sequence[Hours], local: datetime) -> datetime:
    """The first instant from now on, in steps of a quarter of an hour, that the hours cover; now, if none does."""
    clock, at = local.tzinfo, local.astimezone(UTC)
    for step in range(int(_LONGEST_LOOK / _STEP)):
        later = at + step * _STEP
        if not hours or any(part.cover(later.astimezone(clock)) for part in hours):
            return later
    return at


def _named(moment: Moment, why: str, campaign: Campaign) -> Moment:
    """The same moment under a key of its own; no ping answers it any more."""
    key = derived_uuid("moment", why, moment.key, campaign.id)
    return replace(moment, key=key, channel="inbox")
