"""Violations of every sort, planted one at a time, to show that the checker can see what it says it looks for.

A check that finds nothing proves nothing until it has been seen to find something. Each violation here is as small
as it can be: one offer too many, one microsecond inside the window, one row gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from tests.torture import checker
from tests.torture.forge import LIFETIME, NOON_AT, Forge, calendar, cap, policy_cap, rolling

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    import psycopg

    from tests.torture.records import Acknowledged

    Act = Callable[[Forge], None]


@dataclass(frozen=True, slots=True)
class Planted:
    name: str
    kind: str
    act: Act


@dataclass(frozen=True, slots=True)
class Harvest:
    planted: int
    found: int
    missed: tuple[str, ...]


def plant(connection: psycopg.Connection[Any], rng: random.Random, acknowledged: Acknowledged) -> Harvest:
    """Plant each in its own transaction on a copy of the database, look, and take it back.

    The copy must be clean to begin with, or nothing that is found in it can be told from what was there before.
    """
    plants = (*PLANTS, *_losses(acknowledged, rng))
    missed = []
    for one in plants:
        with connection.transaction(force_rollback=True):
            one.act(Forge(connection, rng))
            if one.kind not in checker.check(connection, acknowledged).kinds:
                missed.append(one.name)
    return Harvest(len(plants), len(plants) - len(missed), tuple(missed))


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


def beyond_a_budget(forge: Forge) -> None:
    campaign = forge.campaign(budget={"total": 2})
    for _ in range(3):
        forge.offer(campaign, forge.person())


def beyond_a_days_budget(forge: Forge) -> None:
    forge.site("Asia/Tokyo")
    campaign = forge.campaign(budget={"per_day": 1})
    for hour in (15, 16):  # 00:00 and 01:00 of the next day in Tokyo
        forge.offer(campaign, forge.person(), NOON_AT.replace(hour=hour))


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


def of_a_paused_campaign(forge: Forge) -> None:
    forge.offer(forge.campaign(status="paused"), forge.person())


def by_an_overtaken_configuration(forge: Forge) -> None:
    campaign = forge.campaign()
    before = forge.version()
    forge.campaign()
    forge.offer(campaign, forge.person())
    forge.offer(campaign, forge.person(), catalogue_version=before)


def beyond_a_cap_that_a_merge_used_up(forge: Forge) -> None:
    campaign, anonymous, known = forge.campaign(cap(1, LIFETIME)), forge.person(), forge.person()
    forge.offer(campaign, anonymous)
    forge.merge(anonymous, known)
    forge.offer(campaign, known)


def two_for_one_ping(forge: Forge) -> None:
    campaign, person = forge.campaign(), forge.person()
    ping: dict[str, Any] = {"channel": "response", "ping_received_on": NOON_AT.date(), "ping_id": "forged"}
    seq = forge.ping(person, "forged")
    forge.offer(campaign, person, seq=seq, **ping)
    forge.offer(campaign, person, seq=seq, **ping)


def two_for_one_moment(forge: Forge) -> None:
    forge.connection.execute("ALTER TABLE decisions DROP CONSTRAINT IF EXISTS decisions_moment_key_key")
    campaign, person, moment = forge.campaign(), forge.person(), forge.uuid()
    forge.offer(campaign, person, moment_key=moment)
    forge.offer(forge.campaign(campaign="forged-too"), person, moment_key=moment)


def two_for_one_visit(forge: Forge) -> None:
    campaign, person = forge.campaign(), forge.person()
    for minute in (0, 9):  # gone for four minutes: the same visit
        forge.move(person, "entered", NOON_AT + timedelta(minutes=minute))
        forge.move(person, "exited", NOON_AT + timedelta(minutes=minute + 5))
        forge.offer(campaign, person, move="entered")


def an_entry_without_an_exit_before(forge: Forge) -> None:
    person = forge.person()
    forge.move(person, "entered", NOON_AT)
    forge.move(person, "entered", NOON_AT + timedelta(minutes=30))


def a_tally_that_is_off_by_one(forge: Forge) -> None:
    key = "cap:forged:campaign.total.decided.lifetime.1.day.site:all:"
    campaign = forge.campaign(cap(5, LIFETIME, subject="total"))
    for _ in range(2):
        forge.offer(campaign, forge.person())
    forge.connection.execute("INSERT INTO tallies (key, used, ceiling) VALUES (%s, 1, 5)", [key])


def a_grant_without_its_decision(forge: Forge) -> None:
    decision_id = forge.offer(forge.campaign(), forge.person())
    forge.connection.execute("DELETE FROM decisions WHERE decision_id = %s", [decision_id])


def a_decision_without_its_grant(forge: Forge) -> None:
    decision_id = forge.offer(forge.campaign(), forge.person())
    forge.connection.execute("DELETE FROM grants WHERE decision_id = %s", [decision_id])


def a_decision_without_its_ping(forge: Forge) -> None:
    ping: dict[str, Any] = {"channel": "response", "ping_received_on": NOON_AT.date(), "ping_id": "forged"}
    forge.offer(forge.campaign(), forge.person(), **ping)


OTHER_STATUS = {"accepted": "late", "late": "accepted"}
TWO_OFFERS = [{"id": "one"}, {"id": "other"}]
FROM_A_POOL = [{"id": "offer", "codes": {"pool": "forged"}}]


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


def a_pool_that_counts_one_too_few(forge: Forge) -> None:
    offer = forge.offer(forge.campaign(offers=FROM_A_POOL), forge.person(), code="F-0001")
    forge.code("F-0001", offer)
    forge.code("F-0002")
    forge.connection.execute("INSERT INTO tallies (key, used, ceiling) VALUES ('codes:forged', 0, 2)")


def a_tally_of_money_that_is_off_by_one(forge: Forge) -> None:
    campaign = forge.campaign(
        budget={"total": 20, "of": "cost", "per_site": True}, offers=[{"id": "offer", "cost": 7}]
    )
    for _ in range(2):
        forge.offer(campaign, forge.person())
    key = "budget:forged:at=forged:cost:total"
    forge.connection.execute("INSERT INTO tallies (key, used, ceiling) VALUES (%s, 13, 20)", [key])


def a_tally_of_a_tag_that_is_off_by_one(forge: Forge) -> None:
    forge.policy(policy_cap(9, LIFETIME, scope="tag", tag="alcohol", subject="total"))
    forge.offer(forge.campaign(tags=["alcohol"]), forge.person(), policy=True)
    key = "cap:*policy:tag=alcohol.total.decided.lifetime.1.day.site:all:"
    forge.connection.execute("INSERT INTO tallies (key, used, ceiling) VALUES (%s, 2, 9)", [key])


def _put_off(forge: Forge) -> None:
    forge.campaign(campaign="forged-later", trigger={"move": "exited", "delay_s": 60})
    reasons = Jsonb({"forged-later": "delayed"})
    forge.decision(forge.person(), NOON_AT, campaign=None, reasons=reasons)


def put_off_and_forgotten(forge: Forge) -> None:
    _put_off(forge)


def put_off_and_decided_twice(forge: Forge) -> None:
    _put_off(forge)
    for _ in range(2):
        forge.offer("forged-later", forge.person(), NOON_AT + timedelta(minutes=1))


PLANTS = tuple(
    Planted(act.__name__.replace("_", " "), kind, act)
    for kind, act in (
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
        ("budget", beyond_a_budget),
        ("budget", beyond_a_days_budget),
        ("policy_cap", beyond_the_contact_policy),
        ("customer_cap", beyond_a_cap_that_was_lowered),
        ("customer_cap", beyond_a_cap_that_a_merge_used_up),
        ("not_live", of_a_paused_campaign),
        ("edit_overtaken", by_an_overtaken_configuration),
        ("offer_doubled", two_for_one_ping),
        ("moment_doubled", two_for_one_moment),
        ("visit_doubled", two_for_one_visit),
        ("move_doubled", an_entry_without_an_exit_before),
        ("tally_off", a_tally_that_is_off_by_one),
        ("offer_cap", beyond_a_cap_of_one_of_two_offers),
        ("offer_cap", beyond_a_shared_cap_of_one_of_two_offers),
        ("tag_cap", beyond_a_policys_cap_of_a_tag),
        ("tag_cap", beyond_a_policys_shared_cap_of_a_tag),
        ("channel_cap", beyond_a_policys_cap_of_a_channel),
        ("customer_cap", twice_in_a_week_that_begins_on_sunday),
        ("customer_cap", twice_on_a_day_of_the_organisation),
        ("budget", beyond_a_budget_of_money),
        ("budget", beyond_a_budget_of_money_after_the_cost_rose),
        ("budget", beyond_one_sites_budget),
        ("budget", beyond_one_sites_budget_of_a_day),
        ("budget", ahead_of_an_even_budget),
        ("gap", sooner_than_a_campaigns_gap_allows),
        ("gap", sooner_than_the_policys_gap_allows),
        ("gap", sooner_after_a_merge_than_a_gap_allows),
        ("group", by_two_campaigns_of_a_group),
        ("group", by_two_campaigns_of_a_group_after_a_merge),
        ("code_doubled", a_code_given_to_two),
        ("code_doubled", a_code_given_again_although_delivered),
        ("code_doubled", a_made_code_given_to_two),
        ("code_torn", an_offer_without_the_code_of_its_pool),
        ("code_torn", a_code_that_nobody_was_given),
        ("tally_off", a_pool_that_counts_one_too_few),
        ("tally_off", a_tally_of_money_that_is_off_by_one),
        ("tally_off", a_tally_of_a_tag_that_is_off_by_one),
        ("waiting_lost", put_off_and_forgotten),
        ("waiting_doubled", put_off_and_decided_twice),
        ("grant_unexplained", a_grant_without_its_decision),
        ("decision_ungranted", a_decision_without_its_grant),
        ("decision_unfounded", a_decision_without_its_ping),
    )
)


def _losses(acknowledged: Acknowledged, rng: random.Random) -> tuple[Planted, ...]:
    """What was acknowledged and is then taken away: a ping, an offer, and a ping kept as another than was said."""
    if not acknowledged.pings or not acknowledged.decisions:
        return ()
    installation, ping, status = rng.choice(
        sorted(ping for ping in acknowledged.pings if ping[2] in OTHER_STATUS)
    )
    decision, _ = rng.choice(sorted(acknowledged.decisions))
    coded, _ = rng.choice(sorted(acknowledged.codes)) if acknowledged.codes else (None, None)
    of_ping = "WHERE ping_id = %s AND installation_key = (SELECT key FROM installations WHERE id = %s)"
    other = OTHER_STATUS[status]

    def lose_a_ping(forge: Forge) -> None:
        forge.connection.execute(f"DELETE FROM pings {of_ping}".encode(), [ping, installation])

    def change_a_ping(forge: Forge) -> None:
        forge.connection.execute(
            f"UPDATE pings SET status = '{other}' {of_ping}".encode(), [ping, installation]
        )

    def keep_a_ping_twice(forge: Forge) -> None:
        forge.connection.execute("ALTER TABLE pings DROP CONSTRAINT pings_pkey")
        query = f"INSERT INTO pings SELECT * FROM pings {of_ping}"
        forge.connection.execute(query.encode(), [ping, installation])

    def give_another_code(forge: Forge) -> None:
        forge.connection.execute("UPDATE grants SET code = 'X-0001' WHERE decision_id = %s", [coded])

    def lose_an_offer(forge: Forge) -> None:
        for table in ("grants", "decisions"):
            query = f"DELETE FROM {table} WHERE decision_id = %s"
            forge.connection.execute(query.encode(), [decision])

    codes = (
        (Planted("an acknowledged code that is another", "code_lost", give_another_code),) if coded else ()
    )
    return (
        *codes,
        Planted("an acknowledged ping that is gone", "ping_lost", lose_a_ping),
        Planted("an acknowledged ping of another status", "ping_lost", change_a_ping),
        Planted("a ping kept twice", "ping_doubled", keep_a_ping_twice),
        Planted("an acknowledged offer that is gone", "decision_lost", lose_an_offer),
    )
