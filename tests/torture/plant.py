"""Violations of every sort, planted one at a time, to show that the checker can see what it says it looks for.

A check that finds nothing proves nothing until it has been seen to find something. Each violation here is as small
as it can be: one offer too many, one microsecond inside the window, one row gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.torture import checker
from tests.torture.forge import LIFETIME, NOON_AT, Forge, calendar, cap, rolling

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
        ("grant_unexplained", a_grant_without_its_decision),
        ("decision_ungranted", a_decision_without_its_grant),
        ("decision_unfounded", a_decision_without_its_ping),
    )
)


def _losses(acknowledged: Acknowledged, rng: random.Random) -> tuple[Planted, ...]:
    """What was acknowledged and is then taken away: a ping, an offer, and a ping kept as another than was said."""
    if not acknowledged.pings or not acknowledged.decisions:
        return ()
    installation, ping, status = rng.choice(sorted(acknowledged.pings))
    decision, _ = rng.choice(sorted(acknowledged.decisions))
    of_ping = "WHERE ping_id = %s AND installation_key = (SELECT key FROM installations WHERE id = %s)"
    other = {"accepted": "late", "late": "accepted"}[status]

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

    def lose_an_offer(forge: Forge) -> None:
        for table in ("grants", "decisions"):
            query = f"DELETE FROM {table} WHERE decision_id = %s"
            forge.connection.execute(query.encode(), [decision])

    return (
        Planted("an acknowledged ping that is gone", "ping_lost", lose_a_ping),
        Planted("an acknowledged ping of another status", "ping_lost", change_a_ping),
        Planted("a ping kept twice", "ping_doubled", keep_a_ping_twice),
        Planted("an acknowledged offer that is gone", "decision_lost", lose_an_offer),
    )
