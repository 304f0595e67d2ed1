"""Rows that contradict one another: two where one is right, one gone, one forgotten, a count that is off by one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from tests.torture.forge import FROM_A_POOL, LIFETIME, NOON_AT, cap, policy_cap
from tests.torture.violations.violation import violations

if TYPE_CHECKING:
    from tests.torture.forge import Forge


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
    key = "budget:forged:at=forged:of=cost:total"
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


def a_grant_without_its_decision(forge: Forge) -> None:
    decision_id = forge.offer(forge.campaign(), forge.person())
    forge.connection.execute("DELETE FROM decisions WHERE decision_id = %s", [decision_id])


def a_decision_without_its_grant(forge: Forge) -> None:
    decision_id = forge.offer(forge.campaign(), forge.person())
    forge.connection.execute("DELETE FROM grants WHERE decision_id = %s", [decision_id])


def a_decision_without_its_ping(forge: Forge) -> None:
    ping: dict[str, Any] = {"channel": "response", "ping_received_on": NOON_AT.date(), "ping_id": "forged"}
    forge.offer(forge.campaign(), forge.person(), **ping)


ROWS = violations(
    ("offer_doubled", two_for_one_ping),
    ("moment_doubled", two_for_one_moment),
    ("visit_doubled", two_for_one_visit),
    ("move_doubled", an_entry_without_an_exit_before),
    ("tally_off", a_tally_that_is_off_by_one),
    ("tally_off", a_pool_that_counts_one_too_few),
    ("tally_off", a_tally_of_money_that_is_off_by_one),
    ("tally_off", a_tally_of_a_tag_that_is_off_by_one),
    ("waiting_lost", put_off_and_forgotten),
    ("waiting_doubled", put_off_and_decided_twice),
    ("grant_unexplained", a_grant_without_its_decision),
    ("decision_ungranted", a_decision_without_its_grant),
    ("decision_unfounded", a_decision_without_its_ping),
)
