"""Moments that wait: put off by their campaign, or held until quiet hours are over. Pure.

What waits is not decided yet: consent, audience, caps and all else are asked when it is due.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from beacon_service.campaigns.decision import Decision, Reason
from beacon_service.campaigns.model import Campaign
from beacon_service.campaigns.moment import Moment, Waiting
from beacon_service.campaigns.question import Question
from beacon_service.campaigns.verdict import has_consent, is_fresh, is_not_quiet, is_nth_visit, verdict
from beacon_service.hours import next_covered
from beacon_service.ids import derived_uuid

# What stands for the move of a moment without one.
ABSENCE = "absent"

# "You are in aisle 4" is wrong minutes later; what is held over night or follows a purchase is not as pressing.
GOOD_FOR = timedelta(minutes=2)
HELD_GOOD_FOR = timedelta(hours=12)
EVENT_GOOD_FOR = timedelta(days=1)
# A campaign that does not speak for so long is asked at once, and says why it does not.
LONGEST_LOOK_DAYS = 400


def event_move(kind: str) -> str:
    return f"event:{kind}"


def delayed(question: Question, campaigns: Sequence[Campaign]) -> tuple[list[Waiting], dict[str, str]]:
    """What waits for each of these campaigns, and the reason that each is told with."""
    waiting: list[Waiting] = []
    reasons: dict[str, str] = {}
    for campaign in campaigns:
        due_at = question.moment.at + campaign.trigger.delay
        hopeless = _hopeless(question, campaign, due_at)
        reasons[campaign.id] = (hopeless or Reason.DELAYED).value
        if hopeless is None:
            moment = _named(question.moment, "delayed", campaign)
            good_until = max(due_at, question.now) + (campaign.trigger.good_for or GOOD_FOR)
            waiting.append(Waiting(campaign.id, moment, due_at, good_until, campaign.trigger.still_there))
    return waiting, reasons


def _hopeless(question: Question, campaign: Campaign, due_at: datetime) -> Reason | None:
    """What waiting cannot mend, so that nothing is kept of who would wait for nothing."""
    for rule in (is_fresh, is_nth_visit, has_consent):
        if (reason := rule(question, campaign)) is not None:
            return reason
    over = campaign.ends_at is not None and campaign.ends_at <= due_at
    return Reason.NOT_LIVE if campaign.status != "published" or over else None


def held(
    question: Question, campaigns: Sequence[Campaign], decision: Decision, *, still_there: bool | None = None
) -> tuple[Waiting, ...]:
    """The best of those that nothing but quiet hours speaks against, until they are over, where the policy holds it.

    `still_there`: what was asked of a moment that has waited before; what it is good for ends as it did then.
    """
    quiet = question.policy.quiet
    if quiet is None or quiet.then != "hold" or not question.is_quiet:
        return ()
    silenced = [one for one in campaigns if decision.reasons.get(one.id) == Reason.QUIET]
    fit = [one for one in silenced if verdict(question, one, but=is_not_quiet) is None]
    if not fit:
        return ()
    best = min(fit, key=lambda one: (one.fallback, -one.priority, -question.score(one), one.id))
    clock = question.standing.zone(quiet.tz)
    due_at = quiet.hours.end_of(question.now.astimezone(clock))
    good_until = question.good_until or due_at + (best.trigger.good_for or HELD_GOOD_FOR)
    if good_until < due_at:
        return ()
    recheck = best.trigger.still_there if still_there is None else still_there
    return (Waiting(best.id, _named(question.moment, "held", best), due_at, good_until, recheck),)


def after_event(moment: Moment, campaign: Campaign, now: datetime) -> Waiting | None:
    """For an event of the moment's time; None where it was told too late to be good for anything."""
    due_at = max(moment.at + campaign.trigger.delay, now)
    good_until = moment.at + campaign.trigger.delay + (campaign.trigger.good_for or EVENT_GOOD_FOR)
    return None if good_until < now else Waiting(campaign.id, moment, due_at, good_until)


def of_absence(moment: Moment, campaign: Campaign, local_now: datetime) -> Waiting:
    """Due when the campaign speaks next, by the clock of who is away: nobody is won back at four in the morning."""
    begins = (
        max(local_now, campaign.starts_at.astimezone(local_now.tzinfo)) if campaign.starts_at else local_now
    )
    due_at = begins.astimezone(UTC)
    if campaign.dayparts:
        due_at = next_covered(campaign.dayparts, begins, within_days=LONGEST_LOOK_DAYS) or due_at
    return Waiting(
        campaign.id, moment, due_at, due_at + (campaign.trigger.good_for or EVENT_GOOD_FOR), still_there=True
    )


def _named(moment: Moment, why: str, campaign: Campaign) -> Moment:
    """The same moment under a key of its own; no ping answers it any more."""
    key = derived_uuid("moment", why, moment.key, campaign.id)
    return replace(moment, key=key, channel="inbox")
