"""Codes given twice, not at all, or to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.torture.forge import FROM_A_POOL
from tests.torture.violations.violation import violations

if TYPE_CHECKING:
    from tests.torture.forge import Forge


def a_code_given_to_two(forge: Forge) -> None:
    campaign = forge.campaign(offers=FROM_A_POOL)
    offers = [forge.offer(campaign, forge.person(), code="F-0001") for _ in range(2)]
    forge.release(offers[0])
    forge.code("F-0001", offers[1])


def a_code_given_again_although_delivered(forge: Forge) -> None:
    campaign = forge.campaign(offers=FROM_A_POOL)
    first = forge.offer(campaign, forge.person(), code="F-0001")
    forge.outcome(first, "viewed")
    forge.release(first)
    # By another that has gone, so that whose it is now can be told.
    second = forge.offer(campaign, forge.person(), code="F-0001")
    forge.release(second)
    forge.code("F-0001", first)


def a_made_code_given_to_two(forge: Forge) -> None:
    campaign = forge.campaign(
        offers=[{"id": "offer", "codes": {"generated": {"prefix": "F-", "length": 12}}}]
    )
    first = forge.offer(campaign, forge.person(), code="F-0001")
    forge.release(first)
    second = forge.offer(campaign, forge.person(), code="F-0001")
    forge.release(second)
    forge.code("F-0001", second, pool=None)


def an_offer_without_the_code_of_its_pool(forge: Forge) -> None:
    forge.offer(forge.campaign(offers=FROM_A_POOL), forge.person())


def a_code_that_nobody_was_given(forge: Forge) -> None:
    forge.code("F-0001", forge.offer(forge.campaign(), forge.person()))


CODES = violations(
    ("code_doubled", a_code_given_to_two),
    ("code_doubled", a_code_given_again_although_delivered),
    ("code_doubled", a_made_code_given_to_two),
    ("code_torn", an_offer_without_the_code_of_its_pool),
    ("code_torn", a_code_that_nobody_was_given),
)
