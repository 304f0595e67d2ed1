"""One offer more than a budget allows: in offers or money, of all days or one, of one site, or ahead of its pace."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.torture.forge import NOON_AT
from tests.torture.violations.violation import violations

if TYPE_CHECKING:
    from tests.torture.forge import Forge


def beyond_a_budget(forge: Forge) -> None:
    campaign = forge.campaign(budget={"total": 2})
    for _ in range(3):
        forge.offer(campaign, forge.person())


def beyond_a_days_budget(forge: Forge) -> None:
    forge.site("Asia/Tokyo")
    campaign = forge.campaign(budget={"per_day": 1})
    for hour in (15, 16):  # 00:00 and 01:00 of the next day in Tokyo
        forge.offer(campaign, forge.person(), NOON_AT.replace(hour=hour))


def beyond_a_budget_of_money(forge: Forge) -> None:
    """Three of 30, and one of 11 where 10 are left."""
    offers = [{"id": "dear", "cost": 30}, {"id": "cheap", "cost": 11}]
    campaign = forge.campaign(budget={"total": 100, "of": "cost"}, offers=offers)
    for offer in ("dear", "dear", "dear", "cheap"):
        forge.offer(campaign, forge.person(), offer_id=offer)


def beyond_a_budget_of_money_after_the_cost_rose(forge: Forge) -> None:
    budget = {"total": 10, "of": "cost"}
    campaign = forge.campaign(budget=budget, offers=[{"id": "offer", "cost": 4}])
    forge.offer(campaign, forge.person())
    forge.campaign(budget=budget, offers=[{"id": "offer", "cost": 7}])
    forge.offer(campaign, forge.person())


def beyond_one_sites_budget(forge: Forge) -> None:
    campaign = forge.campaign(budget={"total": 1, "per_site": True})
    for site in ("forged-north", "forged-south", "forged-north"):
        forge.offer(campaign, forge.person(), site=site)


def beyond_one_sites_budget_of_a_day(forge: Forge) -> None:
    campaign = forge.campaign(budget={"per_day": 1, "per_site": True})
    for site in ("forged-north", "forged-south"):
        forge.site("Asia/Tokyo", site=site)
    for site, hour in (
        ("forged-north", 14),
        ("forged-north", 15),
        ("forged-south", 15),
        ("forged-north", 16),
    ):
        forge.offer(campaign, forge.person(), NOON_AT.replace(hour=hour), site=site)


def ahead_of_an_even_budget(forge: Forge) -> None:
    """At 11:44 half of it and a quarter of an hour's part are not free yet: 96 a day are one each quarter."""
    forge.site("UTC")
    campaign = forge.campaign(budget={"per_day": 96, "pacing": "even"})
    for _ in range(49):
        forge.offer(campaign, forge.person(), NOON_AT - timedelta(minutes=16))


BUDGETS = violations(
    ("budget", beyond_a_budget),
    ("budget", beyond_a_days_budget),
    ("budget", beyond_a_budget_of_money),
    ("budget", beyond_a_budget_of_money_after_the_cost_rose),
    ("budget", beyond_one_sites_budget),
    ("budget", beyond_one_sites_budget_of_a_day),
    ("budget", ahead_of_an_even_budget),
)
