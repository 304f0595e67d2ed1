"""Offers that a rule forbids which counts nothing: what is live, the newest edit, gaps, and groups that share one offer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.torture.forge import NOON_AT
from tests.torture.violations.violation import violations

if TYPE_CHECKING:
    from tests.torture.forge import Forge


def of_a_paused_campaign(forge: Forge) -> None:
    forge.offer(forge.campaign(status="paused"), forge.person())


def by_an_overtaken_configuration(forge: Forge) -> None:
    campaign = forge.campaign()
    before = forge.version()
    forge.campaign()
    forge.offer(campaign, forge.person())
    forge.offer(campaign, forge.person(), catalogue_version=before)


def sooner_than_a_campaigns_gap_allows(forge: Forge) -> None:
    campaign, person = forge.campaign(min_gap_s=60), forge.person()
    forge.offer(campaign, person)
    forge.offer(campaign, person, NOON_AT + timedelta(seconds=60) - timedelta(microseconds=1))


def sooner_than_the_policys_gap_allows(forge: Forge) -> None:
    forge.policy(min_gap_s=60)
    person = forge.person()
    for number, campaign in enumerate(("forged-one", "forged-two")):
        forge.campaign(campaign=campaign, obeys_policy=True)
        forge.offer(campaign, person, NOON_AT + timedelta(seconds=59 * number), policy=True)


def sooner_after_a_merge_than_a_gap_allows(forge: Forge) -> None:
    campaign, anonymous, known = forge.campaign(min_gap_s=60), forge.person(), forge.person()
    forge.offer(campaign, anonymous)
    forge.merge(anonymous, known)
    forge.offer(campaign, known, NOON_AT + timedelta(seconds=59))


def by_two_campaigns_of_a_group(forge: Forge) -> None:
    person = forge.person()
    for campaign in ("forged-one", "forged-two"):
        forge.offer(forge.campaign(campaign=campaign, group="forged"), person)


def by_two_campaigns_of_a_group_after_a_merge(forge: Forge) -> None:
    anonymous, known = forge.person(), forge.person()
    for campaign in ("forged-one", "forged-two"):
        forge.campaign(campaign=campaign, group="forged")
    forge.offer("forged-one", anonymous)
    forge.merge(anonymous, known)
    forge.offer("forged-two", known)


RULES = violations(
    ("not_live", of_a_paused_campaign),
    ("edit_overtaken", by_an_overtaken_configuration),
    ("gap", sooner_than_a_campaigns_gap_allows),
    ("gap", sooner_than_the_policys_gap_allows),
    ("gap", sooner_after_a_merge_than_a_gap_allows),
    ("group", by_two_campaigns_of_a_group),
    ("group", by_two_campaigns_of_a_group_after_a_merge),
)
