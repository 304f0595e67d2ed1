"""Why a campaign may not speak at a moment.

`RULES` is the documentation: an ordered tuple of small functions, and the first reason wins. "No" is a result.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import lru_cache

from beacon_service.campaigns.caps import POLICY_OWNER, applies, counted, is_within, suppressed
from beacon_service.campaigns.codes import POOL
from beacon_service.campaigns.decision import Reason
from beacon_service.campaigns.model import Campaign, CampaignId
from beacon_service.campaigns.question import Question

# "You are in aisle 4" is wrong two minutes later; an offline phone's flush makes no offers.
MAX_MOMENT_AGE = timedelta(seconds=120)

Rule = Callable[[Question, Campaign], Reason | None]

# Why a campaign may have lost for want of a count that customers share.
SHARED_REASONS = (Reason.CAP, Reason.POLICY, Reason.BUDGET, Reason.CODES)


def is_fresh(question: Question, _: Campaign) -> Reason | None:
    return Reason.STALE if _is_stale(question) else None


def _is_stale(question: Question) -> bool:
    if question.good_until is not None:
        return question.now > question.good_until
    return question.now - question.moment.at > MAX_MOMENT_AGE


def is_still_so(question: Question, _: Campaign) -> Reason | None:
    return None if question.still_so else Reason.LEFT


def is_nth_visit(question: Question, campaign: Campaign) -> Reason | None:
    nth = campaign.trigger.nth
    return Reason.VISIT if nth is not None and nth != question.moment.visit else None


def has_consent(question: Question, _: Campaign) -> Reason | None:
    return None if question.marketing else Reason.NO_CONSENT


def is_live(question: Question, campaign: Campaign) -> Reason | None:
    begun = campaign.starts_at is None or campaign.starts_at <= question.now
    over = campaign.ends_at is not None and campaign.ends_at <= question.now
    return None if campaign.status == "published" and begun and not over else Reason.NOT_LIVE


def is_open(question: Question, _: Campaign) -> Reason | None:
    return None if question.is_open else Reason.CLOSED


def is_in_daypart(question: Question, campaign: Campaign) -> Reason | None:
    if not campaign.dayparts:
        return None
    covered = question.covered
    for part in campaign.dayparts:  # a generator inside any() would take twice as long
        known = covered.get(id(part))
        if question.covers(part) if known is None else known:
            return None
    return Reason.DAYPART


def is_on_no_blackout(question: Question, campaign: Campaign) -> Reason | None:
    """A campaign's own blackouts are by the site's calendar, as are the policy's, which bind who obeys it."""
    common = question.policy.blackouts if campaign.obeys_policy else ()
    if not campaign.blackouts and not common:
        return None
    today = question.local.date()
    is_black = any(one.first <= today <= one.last for one in (*campaign.blackouts, *common))
    return Reason.BLACKOUT if is_black else None


def is_in_audience(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.audience is None or question.person.is_in(campaign.audience):
        return None
    return Reason.AUDIENCE


def is_in_stock(question: Question, campaign: Campaign) -> Reason | None:
    """Of all that the offer is about, by a count that is young enough; at no place there is no stock."""
    offer = question.offer(campaign)
    for product in offer.products:
        level = question.stock.get(f"{question.moment.site}/{product}")
        if level is None or level.quantity < 1 or question.now - level.at > offer.stock_max_age:
            return Reason.STOCK
    return None


def is_suitable(question: Question, campaign: Campaign) -> Reason | None:
    """Who is angry is not advertised to; a word of service passes."""
    return Reason.UNSUITABLE if question.is_upset and campaign.kind != "service" else None


def is_not_quiet(question: Question, campaign: Campaign) -> Reason | None:
    """In quiet hours what obeys the policy is dropped or held; what goes to the inbox disturbs nobody."""
    quiet = question.policy.quiet
    if quiet is None or quiet.then == "inbox" or not campaign.obeys_policy or not question.is_quiet:
        return None
    return Reason.QUIET


def is_alone_in_its_group(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.group is None:
        return None
    return Reason.EXCLUDED if question.groups.get(campaign.group, campaign.id) != campaign.id else None


def is_long_enough_ago(question: Question, campaign: Campaign) -> Reason | None:
    """Since the campaign's own last offer, and since any if it obeys the policy."""
    if campaign.obeys_policy and question.is_too_soon:
        return Reason.GAP
    if campaign.min_gap is None:
        return None
    return Reason.GAP if is_within(campaign.min_gap, question.grants_of(campaign), question.now) else None


def is_not_suppressed(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.obeys_policy and question.is_silenced:
        return Reason.SUPPRESSED
    silence = campaign.suppression
    if silence is None or not suppressed(silence, question.grants_of(campaign), question.now):
        return None
    return Reason.SUPPRESSED


def is_within_caps(question: Question, campaign: Campaign) -> Reason | None:
    grants = question.grants_of(campaign)
    if not grants and campaign.unused is not None:  # of most campaigns nobody had anything yet
        question.counts.extend(campaign.unused)
    else:
        for cap in campaign.caps:
            if cap.subject == "customer":
                used = counted(cap, campaign.id, grants, question.standing_of(campaign))
                question.counts.append((campaign.id, f"{campaign.id}:{cap.definition}", used, cap.limit))
                if used >= cap.limit:
                    return Reason.CAP
    if not question.judges_shared or question.has_room(campaign, f"cap:{campaign.id}:"):
        return None
    return Reason.CAP


def is_within_policy(question: Question, campaign: Campaign) -> Reason | None:
    if not campaign.obeys_policy:
        return None
    for cap, name, used in question.policy_counts:
        if cap.scope == "all" or applies(cap, campaign, question.standing_of(campaign)):
            question.counts.append((campaign.id, name, used, cap.limit))
            if used >= cap.limit:
                return Reason.POLICY
    if not question.judges_shared or question.has_room(campaign, f"cap:{POLICY_OWNER}:"):
        return None
    return Reason.POLICY


def is_within_budget(question: Question, campaign: Campaign) -> Reason | None:
    if not question.judges_shared or question.has_room(campaign, "budget:"):
        return None
    return Reason.BUDGET


def has_a_code_left(question: Question, campaign: Campaign) -> Reason | None:
    return None if not question.judges_shared or question.has_room(campaign, POOL) else Reason.CODES


RULES: tuple[Rule, ...] = (
    is_fresh,
    is_still_so,
    is_nth_visit,
    has_consent,
    is_live,
    is_open,
    is_in_daypart,
    is_on_no_blackout,
    is_in_audience,
    is_in_stock,
    is_suitable,
    is_not_quiet,
    is_alone_in_its_group,
    is_long_enough_ago,
    is_not_suppressed,
    is_within_caps,
    is_within_policy,
    is_within_budget,
    has_a_code_left,
)


# Most rules have nothing to say of most campaigns at most moments. A rule is asked where the campaign says something
# that it is about ...
_OF_CAMPAIGN: Mapping[Rule, Callable[[Campaign], bool]] = {
    is_nth_visit: lambda campaign: campaign.trigger.nth is not None,
    is_live: lambda campaign: campaign.status != "published" or bool(campaign.starts_at or campaign.ends_at),
    is_in_daypart: lambda campaign: bool(campaign.dayparts),
    is_on_no_blackout: lambda campaign: bool(campaign.blackouts),
    is_in_audience: lambda campaign: campaign.audience is not None,
    is_in_stock: lambda campaign: any(offer.products for offer in campaign.offers),
    is_alone_in_its_group: lambda campaign: campaign.group is not None,
    is_long_enough_ago: lambda campaign: campaign.min_gap is not None,
    is_not_suppressed: lambda campaign: campaign.suppression is not None,
    is_within_caps: lambda campaign: bool(campaign.caps),
    is_within_budget: lambda campaign: campaign.budget is not None,
    has_a_code_left: lambda campaign: campaign.shares,
}
# ... or where the moment, the customer or the contact policy does, whatever the campaign.
_OF_MOMENT: Mapping[Rule, Callable[[Question], bool]] = {
    is_fresh: _is_stale,
    is_still_so: lambda question: not question.still_so,
    has_consent: lambda question: not question.marketing,
    is_open: lambda question: not question.is_open,
    is_on_no_blackout: lambda question: bool(question.policy.blackouts),
    is_suitable: lambda question: question.is_upset,
    is_not_quiet: lambda question: question.is_quiet,
    is_long_enough_ago: lambda question: question.is_too_soon,
    is_not_suppressed: lambda question: question.is_silenced,
    is_within_policy: lambda question: bool(question.policy.caps),
}


def rules_of_campaign(campaign: Campaign) -> int:
    """The rules that the campaign asks for itself, a bit each by its place in RULES."""
    return sum(
        1 << place
        for place, rule in enumerate(RULES)
        if rule in _OF_CAMPAIGN and _OF_CAMPAIGN[rule](campaign)
    )


_BITS_OF_MOMENT = tuple((1 << RULES.index(rule), speaks) for rule, speaks in _OF_MOMENT.items())


def _rules_of_moment(question: Question) -> int:
    return sum(bit for bit, speaks in _BITS_OF_MOMENT if speaks(question))


@lru_cache(maxsize=4096)
def _named(bits: int) -> tuple[Rule, ...]:
    return tuple(rule for place, rule in enumerate(RULES) if bits >> place & 1)


def verdicts(question: Question, campaigns: Iterable[Campaign]) -> dict[CampaignId, Reason | None]:
    """Of each campaign the first rule that says no, or None."""
    of_moment = _rules_of_moment(question)
    named: dict[int, tuple[Rule, ...]] = {}
    found: dict[CampaignId, Reason | None] = {}
    for campaign in campaigns:
        rules = named.get(campaign.rules)
        if rules is None:
            rules = named[campaign.rules] = _named(of_moment | campaign.rules)
        reason = None
        for rule in rules:
            reason = rule(question, campaign)
            if reason is not None:
                break
        found[campaign.id] = reason
    return found


def verdict(question: Question, campaign: Campaign, *, but: Rule | None = None) -> Reason | None:
    """The first rule, save the one excepted, that says no, or None."""
    for rule in _named(_rules_of_moment(question) | campaign.rules):
        if rule is not but and (reason := rule(question, campaign)) is not None:
            return reason
    return None
