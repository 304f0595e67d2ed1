"""One offer more than a cap allows: of a customer, a site or everybody, by every sort of window, count and scope."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.torture.forge import LIFETIME, NOON_AT, TWO_OFFERS, calendar, cap, policy_cap, rolling
from tests.torture.violations.violation import violations

if TYPE_CHECKING:
    from tests.torture.forge import Forge


def beyond_a_customers_cap(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(3, LIFETIME)), forge.person()
    for _ in range(4):
        forge.offer(campaign, person)


def beyond_a_customers_cap_that_a_held_out_grant_uses_up(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, LIFETIME)), forge.person()
    forge.offer(campaign, person, arm="held_out")
    forge.offer(campaign, person)


def beyond_a_total_cap(forge: Forge) -> None:
    campaign = forge.campaign(cap(5, LIFETIME, subject="total"))
    for _ in range(6):
        forge.offer(campaign, forge.person())


def beyond_a_sites_cap(forge: Forge) -> None:
    campaign = forge.campaign(cap(2, rolling(1, "hour"), subject="site"))
    for minute in (0, 20, 40):
        forge.offer(campaign, forge.person(), NOON_AT + timedelta(minutes=minute))


def a_microsecond_inside_a_rolling_window(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, rolling(1, "hour"))), forge.person()
    forge.offer(campaign, person)
    forge.offer(campaign, person, NOON_AT + timedelta(hours=1) - timedelta(microseconds=1))


def twice_on_a_day_of_25_hours(forge: Forge) -> None:
    """00:30 and 23:30 on the day on which clocks go back: 24 hours apart, and one day in Amsterdam."""
    forge.site("Europe/Amsterdam")
    campaign, person = forge.campaign(cap(1, calendar("day"), tz="site")), forge.person()
    for day in (24, 25):
        forge.offer(campaign, person, datetime(2026, 10, day, 22, 30, tzinfo=UTC))


def twice_in_a_week_that_begins_on_monday(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, calendar("week"), tz="America/New_York")), forge.person()
    forge.offer(campaign, person, datetime(2026, 6, 1, 4, 0, tzinfo=UTC))
    forge.offer(campaign, person, datetime(2026, 6, 8, 3, 59, tzinfo=UTC))


def beside_an_open_reservation(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, LIFETIME, counts="viewed")), forge.person()
    forge.offer(campaign, person)
    forge.offer(campaign, person)


def after_an_outcome_that_implies_the_counted_one(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, LIFETIME, counts="delivered")), forge.person()
    first = forge.offer(campaign, person)
    forge.outcome(first, "clicked")
    forge.release(first)
    forge.offer(campaign, person)


def after_a_late_outcome(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(1, LIFETIME, counts="delivered")), forge.person()
    first = forge.offer(campaign, person)
    forge.release(first)
    forge.outcome(first, "delivered", late=True)
    forge.offer(campaign, person)


def beyond_the_contact_policy(forge: Forge) -> None:
    forge.configure("policy", "policy", {"caps": [{**cap(1, rolling(1, "day")), "scope": "all"}]})
    person = forge.person()
    for campaign in ("forged-one", "forged-two"):
        forge.campaign(campaign=campaign, obeys_policy=True)
    for campaign in ("forged-one", "forged-two"):
        forge.offer(campaign, person, policy=True)


def beyond_a_cap_that_was_lowered(forge: Forge) -> None:
    campaign, person = forge.campaign(cap(3, LIFETIME)), forge.person()
    forge.offer(campaign, person)
    forge.campaign(cap(1, LIFETIME))
    forge.offer(campaign, person)


def beyond_a_cap_that_a_merge_used_up(forge: Forge) -> None:
    campaign, anonymous, known = forge.campaign(cap(1, LIFETIME)), forge.person(), forge.person()
    forge.offer(campaign, anonymous)
    forge.merge(anonymous, known)
    forge.offer(campaign, known)


def beyond_a_cap_of_one_of_two_offers(forge: Forge) -> None:
    campaign = forge.campaign(cap(1, LIFETIME, scope="offer"), offers=TWO_OFFERS)
    person = forge.person()
    for offer in ("one", "other", "one"):
        forge.offer(campaign, person, offer_id=offer)


def beyond_a_shared_cap_of_one_of_two_offers(forge: Forge) -> None:
    campaign = forge.campaign(cap(2, LIFETIME, subject="total", scope="offer"), offers=TWO_OFFERS)
    for offer in ("one", "other", "one", "other", "other"):
        forge.offer(campaign, forge.person(), offer_id=offer)


def beyond_a_policys_cap_of_a_tag(forge: Forge) -> None:
    """The second campaign took the tag on between its two offers."""
    forge.policy(policy_cap(1, rolling(1, "day"), scope="tag", tag="alcohol"))
    person = forge.person()
    beer = forge.campaign(campaign="forged-beer", obeys_policy=True, tags=["alcohol", "cold"])
    bread = forge.campaign(campaign="forged-bread", obeys_policy=True, tags=["bakery"])
    forge.offer(beer, person, policy=True)
    forge.offer(bread, person, policy=True)
    forge.campaign(campaign="forged-bread", obeys_policy=True, tags=["bakery", "alcohol"])
    forge.offer(bread, person, policy=True)


def beyond_a_policys_shared_cap_of_a_tag(forge: Forge) -> None:
    forge.policy(policy_cap(2, LIFETIME, scope="tag", tag="alcohol", subject="total"))
    campaign = forge.campaign(obeys_policy=True, tags=["alcohol"])
    for _ in range(3):
        forge.offer(campaign, forge.person(), policy=True)


def beyond_a_policys_cap_of_a_channel(forge: Forge) -> None:
    forge.policy(policy_cap(1, rolling(1, "day"), scope="channel", channel="push"))
    campaign, person = forge.campaign(obeys_policy=True), forge.person()
    for channel in ("push", "inbox", "webhook", "push"):
        forge.offer(campaign, person, policy=True, channel=channel)


def twice_in_a_week_that_begins_on_sunday(forge: Forge) -> None:
    week = {**calendar("week"), "week_start": "sun"}
    campaign, person = forge.campaign(cap(1, week, tz="UTC")), forge.person()
    for day in (7, 8):  # Sunday and Monday
        forge.offer(campaign, person, NOON_AT.replace(day=day))


def twice_on_a_day_of_the_organisation(forge: Forge) -> None:
    forge.site("UTC")
    forge.policy(time_zone="Asia/Tokyo")
    campaign, person = forge.campaign(cap(1, calendar("day"), tz="organisation")), forge.person()
    for hour in (16, 38):  # 01:00 and 23:00 of one day in Tokyo, two days in UTC
        forge.offer(campaign, person, NOON_AT.replace(hour=0) + timedelta(hours=hour))


CAPS = violations(
    ("customer_cap", beyond_a_customers_cap),
    ("customer_cap", beyond_a_customers_cap_that_a_held_out_grant_uses_up),
    ("total_cap", beyond_a_total_cap),
    ("site_cap", beyond_a_sites_cap),
    ("customer_cap", a_microsecond_inside_a_rolling_window),
    ("customer_cap", twice_on_a_day_of_25_hours),
    ("customer_cap", twice_in_a_week_that_begins_on_monday),
    ("customer_cap", beside_an_open_reservation),
    ("customer_cap", after_an_outcome_that_implies_the_counted_one),
    ("customer_cap", after_a_late_outcome),
    ("policy_cap", beyond_the_contact_policy),
    ("customer_cap", beyond_a_cap_that_was_lowered),
    ("customer_cap", beyond_a_cap_that_a_merge_used_up),
    ("offer_cap", beyond_a_cap_of_one_of_two_offers),
    ("offer_cap", beyond_a_shared_cap_of_one_of_two_offers),
    ("tag_cap", beyond_a_policys_cap_of_a_tag),
    ("tag_cap", beyond_a_policys_shared_cap_of_a_tag),
    ("channel_cap", beyond_a_policys_cap_of_a_channel),
    ("customer_cap", twice_in_a_week_that_begins_on_sunday),
    ("customer_cap", twice_on_a_day_of_the_organisation),
)
