"""At a moment, the one campaign that wins - or none - and for every other one why it lost; `verdict` has the rules."""

from collections.abc import Collection, Sequence

from beacon_service.campaigns.decision import Decision, Reason
from beacon_service.campaigns.ledger import Granted
from beacon_service.campaigns.model import Campaign, CampaignId
from beacon_service.campaigns.question import Question, channel_of
from beacon_service.campaigns.score import slice_of
from beacon_service.campaigns.verdict import SHARED_REASONS, verdicts
from beacon_service.campaigns.writing import write
from beacon_service.ids import derived_uuid7, draw

# Contexts of which the score alone tells enough. No id has a slash in it, so that their names are no campaigns'.
_PLAIN = ((), ("affinity",))


def decide(question: Question, candidates: Sequence[Campaign]) -> Decision:
    """One decision for the moment: at most one offer. Claims the winner's shared counts in `question.shared`."""
    fit, reasons, refusals = _judged(question, candidates)
    # A fallback speaks only where nobody else does, whatever its priority.
    scores: dict[str, float] = {campaign.id: question.score(campaign) for campaign in fit}
    ranked = sorted(fit, key=lambda c: (c.fallback, -c.priority, -scores[c.id], c.id))
    winner, held_out, draws = _choose(question, ranked)
    left_out = {campaign.id for campaign in held_out}
    for campaign in ranked:
        if campaign is not winner:
            reasons[campaign.id] = str(_lost_as(campaign, winner, held_out, left_out))
    moment = question.moment
    offer = write(question.offer(winner), question.scene) if winner else None
    expires_at = question.now + offer.expires_after if offer else None
    grants = [_held_out_grant(question, campaign) for campaign in held_out]
    if winner:
        grants.append(_offered_grant(question, winner))
    return Decision(
        id=derived_uuid7(question.now, "decision", moment.seed, moment.key),
        moment=moment,
        campaign=winner.id if winner else None,
        revision=winner.revision if winner else None,
        offer=offer,
        expires_at=expires_at,
        reasons=reasons,
        counts=tuple(question.counts),
        draws=draws,
        grants=tuple(grants),
        refusals=refusals,
        channel=channel_of(question, winner) if winner else None,
        scores=_told(question, fit, scores),
    )


def _judged(
    question: Question, candidates: Sequence[Campaign]
) -> tuple[list[Campaign], dict[str, str], tuple[CampaignId, ...]]:
    """(those that nothing speaks against, why the others lost, which of them for want of a shared count)"""
    found = verdicts(question, candidates)
    fit: list[Campaign] = []
    reasons: dict[str, str] = {}
    refusals: list[CampaignId] = []
    for campaign in candidates:
        reason = found[campaign.id]
        if reason is None:
            fit.append(campaign)
            continue
        reasons[campaign.id] = str(reason)
        if question.judges_shared and reason in SHARED_REASONS and question.lacks_room(campaign):
            refusals.append(campaign.id)
    return fit, reasons, tuple(refusals)


def _lost_as(
    campaign: Campaign, winner: Campaign | None, held_out: Sequence[Campaign], left_out: Collection[str]
) -> Reason:
    """Why one that nothing spoke against is not the winner."""
    if campaign.id in left_out:
        return Reason.HELD_OUT
    if campaign.group is not None and campaign.group in {one.group for one in held_out}:
        return Reason.EXCLUDED
    return Reason.OUTRANKED if winner or held_out else Reason.GLOBAL_HOLD_OUT


def _choose(
    question: Question, ranked: Sequence[Campaign]
) -> tuple[Campaign | None, list[Campaign], dict[str, tuple[float, float]]]:
    """(winner, those that hold this customer out, the draws). Hold-out comes after ranking, one by one."""
    draws: dict[str, tuple[float, float]] = {}
    held_out: list[Campaign] = []
    customer = question.moment.customer_key
    if ranked and question.policy.hold_out > 0:
        draws["*"] = (draw("global_hold_out", customer), question.policy.hold_out)
        if draws["*"][0] < question.policy.hold_out:
            return None, held_out, draws
    taken: set[str] = set()
    for campaign in ranked:
        if campaign.group in taken:  # whom one of a group holds out, the others of it leave alone as well
            continue
        arm = question.arms.get(campaign.id)
        if arm is None and campaign.hold_out > 0:
            draws[campaign.id] = (draw("hold_out", campaign.id, customer), campaign.hold_out)
            arm = "held_out" if draws[campaign.id][0] < campaign.hold_out else "offered"
        if arm != "held_out":
            return campaign, held_out, draws
        held_out.append(campaign)
        if campaign.group is not None:
            taken.add(campaign.group)
    return None, held_out, draws


def _held_out_grant(question: Question, campaign: Campaign) -> Granted:
    """Counts as confirmed at once: nothing is reserved, so it closes as it is made."""
    return Granted(campaign=campaign.id, arm="held_out", offer_id=None, policy=False, closes_at=question.now)


def _offered_grant(question: Question, campaign: Campaign) -> Granted:
    offer = question.offer(campaign)
    claims = question.claims(campaign)
    for charge in claims:
        question.shared.claim(charge)
    return Granted(
        campaign=campaign.id,
        arm="offered",
        offer_id=offer.id,
        policy=campaign.counts_towards_policy,
        closes_at=question.now + offer.expires_after,
        charges=claims,
        tags=tuple(sorted(campaign.tags)),
        channel=channel_of(question, campaign),
        cost=offer.cost,
        slice=slice_of(campaign.learning, question.attributes) if campaign.learning else None,
    )


def _told(question: Question, fit: Sequence[Campaign], scores: dict[str, float]) -> dict[str, float]:
    """The scores, and where a campaign asked for more than affinity, "coffee/dwell" and the like: what came of each."""
    if all(score == 1.0 for score in scores.values()):
        return {}
    asking = [campaign for campaign in fit if campaign.context not in _PLAIN]
    return scores | {
        f"{campaign.id}/{aspect}": factor
        for campaign in asking
        for aspect, factor in question.context(campaign).items()
    }
