"""The checker sees each planted violation as what it is, and nothing where the rules were kept to the letter."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.torture import checker
from tests.torture.forge import (
    FROM_A_POOL,
    LIFETIME,
    NOON_AT,
    TWO_OFFERS,
    Forge,
    calendar,
    cap,
    policy_cap,
    rolling,
)
from tests.torture.plant import PLANTS, plant
from tests.torture.records import Acknowledged


@pytest.fixture
def connection(test_cluster, worker_database, database_url):
    # Plants take constraints away, and the tests after these want them.
    with test_cluster.connect(database=worker_database) as made, made.transaction(force_rollback=True):
        yield made


@pytest.fixture
def forge(connection):
    return Forge(connection, random.Random(1))


def kinds(connection, acknowledged=checker.NOBODY):
    return sorted(finding.kind for finding in checker.check(connection, acknowledged).findings)


def test_an_empty_database_is_clean(connection):
    assert kinds(connection) == []


@pytest.mark.parametrize("planted", PLANTS, ids=lambda planted: planted.name)
def test_sees_what_is_planted_as_that_and_nothing_else(connection, forge, planted):
    with connection.transaction(force_rollback=True):
        planted.act(forge)
        assert kinds(connection) == [planted.kind]


def test_every_plant_is_found_on_top_of_honest_traffic(connection, forge):
    campaign = forge.campaign(cap(3, rolling(1, "hour")), campaign="honest")
    for minute in (0, 10, 20):
        forge.offer(campaign, forge.person(), NOON_AT + timedelta(minutes=minute))
    harvest = plant(connection, random.Random(2), checker.NOBODY)
    assert harvest.missed == ()
    assert harvest.found == harvest.planted >= 50
    assert kinds(connection) == []


def test_an_acknowledged_ping_or_offer_that_is_not_there_is_lost(connection):
    acknowledged = Acknowledged(
        pings=frozenset({("phone", "p1", "accepted")}), decisions=frozenset({("no-such-decision", "c")})
    )
    assert kinds(connection, acknowledged) == ["decision_lost", "ping_lost"]


def test_another_answer_to_the_same_ping_is_a_doubled_decision(connection):
    assert kinds(connection, Acknowledged(changed=("phone p1",))) == ["answer_changed"]


def test_what_was_decided_exactly_one_window_ago_no_longer_counts(connection, forge):
    campaign, person = forge.campaign(cap(1, rolling(1, "hour"))), forge.person()
    forge.offer(campaign, person)
    forge.offer(campaign, person, NOON_AT + timedelta(hours=1))
    assert kinds(connection) == []


def test_a_local_midnight_divides_days_on_the_day_that_clocks_change(connection, forge):
    forge.site("Europe/Amsterdam")
    campaign, person = forge.campaign(cap(1, calendar("day"), tz="site")), forge.person()
    # 23:59 summer time, then 00:00 and 23:59 of a day that has 25 hours, of which one may be had.
    forge.offer(campaign, person, datetime(2026, 10, 24, 21, 59, tzinfo=UTC))
    forge.offer(campaign, person, datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    forge.offer(campaign, person, datetime(2026, 10, 25, 23, 0, tzinfo=UTC))
    assert kinds(connection) == []


def test_a_reservation_that_was_given_back_makes_room(connection, forge):
    campaign, person = forge.campaign(cap(1, LIFETIME, counts="viewed")), forge.person()
    for _ in range(3):
        forge.release(forge.offer(campaign, person))
    assert kinds(connection) == []


def test_a_late_outcome_above_the_cap_is_no_violation_by_itself(connection, forge):
    campaign, person = forge.campaign(cap(1, LIFETIME, counts="viewed")), forge.person()
    first = forge.offer(campaign, person)
    forge.release(first)
    forge.offer(campaign, person)
    forge.outcome(first, "viewed", late=True)
    verdict = checker.check(connection)
    assert (verdict.findings, verdict.late_outcomes) == ((), 2)  # viewed, and so delivered


def test_a_lowered_cap_is_no_violation_until_another_offer_is_made(connection, forge):
    campaign, person = forge.campaign(cap(3, LIFETIME)), forge.person()
    for _ in range(3):
        forge.offer(campaign, person)
    forge.campaign(cap(1, LIFETIME))
    assert kinds(connection) == []


def test_what_was_held_out_counts_neither_for_all_nor_for_the_budget_nor_for_others(connection, forge):
    forge.configure("policy", "policy", {"caps": [{**cap(1, LIFETIME), "scope": "all"}]})
    person = forge.person()
    held = forge.campaign(cap(1, LIFETIME, subject="total"), campaign="held", budget={"total": 1})
    other = forge.campaign(campaign="other", obeys_policy=True)
    forge.offer(held, person, arm="held_out")
    forge.offer(held, forge.person())
    forge.offer(other, person, policy=True)
    assert kinds(connection) == []


def test_a_visit_after_more_than_ten_minutes_away_may_be_decided_again(connection, forge):
    campaign, person = forge.campaign(), forge.person()
    for minute in (0, 20):
        forge.move(person, "entered", NOON_AT + timedelta(minutes=minute))
        forge.move(person, "exited", NOON_AT + timedelta(minutes=minute + 5))
        forge.offer(campaign, person, move="entered")
    assert kinds(connection) == []


def test_one_visits_window_is_counted_as_not_judged(connection, forge):
    campaign, person = forge.campaign(cap(1, {"kind": "visit"})), forge.person()
    forge.offer(campaign, person)
    assert checker.check(connection).unjudged == 1


def test_what_two_customers_had_before_they_were_merged_is_judged_apart(connection, forge):
    campaign, anonymous, known = forge.campaign(cap(1, LIFETIME)), forge.person(), forge.person()
    for person in (anonymous, known):
        forge.offer(campaign, person)
        forge.move(person, "entered", NOON_AT)
    forge.merge(anonymous, known)
    assert kinds(connection) == []


def test_a_shared_count_holds_what_the_ledger_holds_late_outcomes_included(connection, forge):
    campaign = forge.campaign(cap(9, LIFETIME, subject="total", counts="viewed"))
    offers = [forge.offer(campaign, forge.person()) for _ in range(3)]
    for offer in offers[1:]:
        forge.release(offer)
    forge.outcome(offers[2], "clicked", late=True)
    key = f"cap:{campaign}:campaign.total.viewed.lifetime.1.day.site:all:"
    connection.execute("INSERT INTO tallies (key, used, late, ceiling) VALUES (%s, 1, 1, 9)", [key])
    assert kinds(connection) == []


def test_each_of_several_offers_has_its_own_cap(connection, forge):
    campaign = forge.campaign(cap(1, LIFETIME, scope="offer"), offers=TWO_OFFERS)
    person = forge.person()
    for offer in ("one", "other"):
        forge.offer(campaign, person, offer_id=offer)
    assert kinds(connection) == []


def test_another_tag_and_another_channel_have_their_own_caps(connection, forge):
    forge.policy(
        policy_cap(1, LIFETIME, scope="tag", tag="alcohol"),
        policy_cap(1, LIFETIME, scope="channel", channel="push"),
    )
    person = forge.person()
    beer = forge.campaign(campaign="beer", obeys_policy=True, tags=["alcohol"])
    bread = forge.campaign(campaign="bread", obeys_policy=True)
    forge.offer(beer, person, policy=True, channel="inbox")
    forge.offer(bread, person, policy=True, channel="push")
    forge.offer(bread, person, policy=True, channel="response", seq=forge.ping(person, "p"), ping_id="p")
    assert kinds(connection) == []


def test_an_even_budget_may_be_a_quarter_of_an_hour_ahead_and_no_more(connection, forge):
    forge.site("UTC")
    campaign = forge.campaign(budget={"per_day": 96, "pacing": "even"})
    for _ in range(48):
        forge.offer(campaign, forge.person(), NOON_AT - timedelta(minutes=15))
    assert kinds(connection) == []
    forge.offer(campaign, forge.person(), NOON_AT - timedelta(minutes=15))
    assert kinds(connection) == ["budget"]


def test_an_even_budget_of_one_is_there_at_midnight(connection, forge):
    forge.site("UTC")
    forge.offer(
        forge.campaign(budget={"per_day": 1, "pacing": "even"}), forge.person(), NOON_AT.replace(hour=0)
    )
    assert kinds(connection) == []


def test_money_may_be_spent_to_the_last_of_it_and_comes_back(connection, forge):
    offers = [{"id": "dear", "cost": 30}, {"id": "cheap", "cost": 10}, {"id": "free"}]
    campaign = forge.campaign(budget={"total": 40, "of": "cost"}, offers=offers)
    forge.release(forge.offer(campaign, forge.person(), offer_id="dear"))
    for offer in ("dear", "cheap", "free"):
        forge.offer(campaign, forge.person(), offer_id=offer)
    assert kinds(connection) == []


@pytest.mark.parametrize(("hour", "found"), [(12, ["budget"]), (14, ["budget"]), (15, [])])
def test_a_day_over_all_sites_is_that_of_the_site_where_the_offer_is_made(connection, forge, hour, found):
    """At 15:00 of the earlier site's day it is midnight in Tokyo, and what was given before is yesterday's there."""
    campaign = forge.campaign(budget={"per_day": 1})
    for site, time_zone in (("tokyo", "Asia/Tokyo"), ("reykjavik", "Atlantic/Reykjavik")):
        forge.site(time_zone, site=site)
    forge.offer(campaign, forge.person(), NOON_AT, site="reykjavik")
    forge.offer(campaign, forge.person(), NOON_AT.replace(hour=hour), site="tokyo")
    assert kinds(connection) == found


def test_a_gap_ends_to_the_microsecond(connection, forge):
    campaign, person = forge.campaign(min_gap_s=60), forge.person()
    for minute in (0, 1):
        forge.offer(campaign, person, NOON_AT + timedelta(minutes=minute))
    assert kinds(connection) == []


def test_what_was_held_out_is_no_offer_to_wait_after(connection, forge):
    campaign, person = forge.campaign(min_gap_s=60), forge.person()
    for arm in ("held_out", "offered"):
        forge.offer(campaign, person, arm=arm)
    assert kinds(connection) == []


def test_a_group_is_one_campaigns_for_each_customer_and_counts_offers_only(connection, forge):
    person = forge.person()
    one, two = (forge.campaign(campaign=name, group="g") for name in ("one", "two"))
    forge.offer(two, person, arm="held_out")
    forge.offer(one, person)
    forge.offer(one, person)
    forge.offer(two, forge.person())
    assert kinds(connection) == []


def test_of_two_campaigns_before_a_merge_the_known_customers_goes_on(connection, forge):
    anonymous, known = forge.person(), forge.person()
    one, two = (forge.campaign(campaign=name, group="g") for name in ("one", "two"))
    forge.offer(one, anonymous)
    forge.offer(two, known)
    forge.merge(anonymous, known)
    forge.offer(two, known)
    assert kinds(connection) == []


def test_a_code_that_came_back_may_be_given_again(connection, forge):
    campaign = forge.campaign(offers=FROM_A_POOL)
    first = forge.offer(campaign, forge.person(), code="F-0001")
    forge.release(first)
    second = forge.offer(campaign, forge.person(), code="F-0001")
    forge.outcome(first, "delivered", late=True)  # by then it is another's
    forge.code("F-0001", second)
    connection.execute("INSERT INTO tallies (key, used, ceiling) VALUES ('codes:forged', 1, 1)")
    assert kinds(connection) == []


def test_what_was_put_off_may_be_decided_once_or_wait_or_be_too_late(connection, forge):
    later = forge.campaign(campaign="later", trigger={"move": "entered", "delay_s": 60})
    person = forge.person()
    forge.move(person, "entered", NOON_AT)
    for minute in (0, 20, 40):
        at = NOON_AT + timedelta(minutes=minute)
        reasons = Jsonb({"later": "delayed"})
        forge.decision(forge.person(), at, campaign=None, reasons=reasons)
    forge.offer(later, person, move="entered")
    forge.decision(person, NOON_AT, campaign=None, move="entered", reasons=Jsonb({"later": "stale"}))
    connection.execute(
        "INSERT INTO waiting VALUES (gen_random_uuid(), 'later', %s, %s, %s, '{}')",
        [person.customer, person.installation, NOON_AT],
    )
    assert kinds(connection) == []


def test_what_the_tables_do_not_tell_is_counted_as_not_judged(connection, forge):
    forge.site()
    day = calendar("day")
    campaign = forge.campaign(cap(1, day, tz="customer"), cap(2, day), cap(3, LIFETIME), min_gap_s=1)
    person = forge.person()
    forge.offer(campaign, person)  # the customer's day
    forge.offer(
        campaign, person, NOON_AT + timedelta(hours=1), site=None, zone=None
    )  # and the site's, without a site
    assert (checker.check(connection).unjudged, kinds(connection)) == (3, [])
