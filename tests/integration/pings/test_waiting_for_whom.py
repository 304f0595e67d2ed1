"""What waits is of one customer and one phone: it ends with them, goes over only by a merge, and stops nobody else."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import pytest
from psycopg import ClientCursor
from structlog.testing import capture_logs

from beacon_service import worker as worker_module
from beacon_service.db import PLANNING, db, transaction
from beacon_service.engine import Given
from beacon_service.pings import sql, triggers
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.put_off import PUT_OFF
from beacon_service.pings.records import CatalogueBehindError
from tests.factories.catalogue import campaign_document, trigger_document, zone_document
from tests.factories.ledger import decide, tally
from tests.integration.pings.test_waiting import CAFE, Worker, after, bought, decisions, elsewhere

LATER = campaign_document("later", trigger=trigger_document("shop/cafe", delay_s=60))
THANKS = campaign_document("thanks", trigger=elsewhere(event="complaint", delay_s=60))
MISS_YOU = campaign_document("miss-you", trigger=elsewhere(absent_days=30, include_already_absent=True))
# Longer than anything takes that nobody holds up.
HELD_UP_S = 1.0


@pytest.fixture
def worker(shop):
    return Worker(shop)


@pytest.fixture
def both(shop, worker):
    """Anna was in the café, and complained: one moment of a place waits, and one of none."""
    shop.configure(zones=[CAFE], campaigns=[LATER, THANKS])
    shop.phone("phone", customer="anna")
    shop.ping("phone", "1")
    bought(shop, "anna", kind="complaint")
    worker.notice_events()
    assert waiting(shop) == ["later", "thanks"]
    return shop


def waiting(shop):
    return [name for (name,) in shop.rows("SELECT campaign FROM waiting ORDER BY campaign")]


def offered(shop):
    return [campaign for _, _, campaign, _, _ in decisions(shop) if campaign]


def ask(shop, method, path, body=None):
    answer = shop.app.test_client().open(
        path, method=method, json=body, headers={"Authorization": f"Bearer {shop.secret}"}
    )
    assert answer.status_code < 300, answer.text
    return answer.json


def change(shop, query, *params):
    with shop.connect() as connection:
        assert connection.execute(query, params).rowcount


@contextmanager
def meanwhile(job):
    """`job` is asked for while the block holds something that it needs, and ends after it; yields how to wait."""
    thread = Thread(target=job)
    thread.start()
    thread.join(HELD_UP_S)
    assert thread.is_alive(), "it was not held up"
    yield
    thread.join(20)
    assert not thread.is_alive()


class TestThePhone:
    def test_what_waits_stays_behind_when_a_phone_goes_over_to_another_named_customer(self, both, worker):
        ask(both, "POST", "/v1/installations/phone/identify", {"customer_id": "ben"})
        assert waiting(both) == []
        change(both, "UPDATE customers SET marketing = true WHERE id = 'ben'")
        after(both, seconds=60)
        assert (worker.decide(), offered(both)) == (0, [])

    def test_what_waits_for_a_former_customer_of_the_phone_ends_when_it_is_due(self, both, worker):
        change(
            both,
            "INSERT INTO customers (id, anonymous, marketing, created_at) VALUES ('ben', false, true, now())",
        )
        change(
            both,
            "UPDATE installations SET customer_key = c.key FROM customers AS c WHERE c.id = 'ben'",
        )
        assert worker.decide() == 0
        assert waiting(both) == ["later", "thanks"], "nothing ends before it is due"
        after(both, seconds=60)
        assert (worker.decide(), offered(both), waiting(both)) == (0, [], [])

    def test_a_moment_of_a_place_is_gone_with_the_consent_to_be_located(self, both, worker):
        asked = {"platform": "ios", "consents": {"location": False}}
        ask(both, "PUT", "/v1/installations/phone", asked)
        assert waiting(both) == ["thanks"]
        after(both, seconds=60)
        assert (worker.decide(), offered(both)) == (1, ["thanks"])

    def test_a_moment_of_a_place_is_not_decided_for_a_phone_that_may_not_be_located(self, both, worker):
        change(both, "UPDATE installations SET location = false")
        after(both, seconds=60)
        assert (worker.decide(), offered(both), waiting(both)) == (1, ["thanks"], [])

    def test_what_waits_for_a_phone_is_gone_with_its_token(self, both):
        ask(both, "DELETE", "/v1/installations/phone/token")
        assert waiting(both) == []

    def test_nothing_is_decided_for_a_phone_whose_token_was_revoked(self, both, worker):
        change(both, "UPDATE installations SET revoked_at = now()")
        after(both, seconds=60)
        assert (worker.decide(), offered(both), waiting(both)) == (0, [], [])


class TestErasure:
    def test_an_erasure_waits_for_the_look_at_events_and_takes_what_it_kept(self, shop):
        shop.configure(campaigns=[THANKS])
        shop.phone("anna")
        bought(shop, "of-anna", kind="complaint")
        with shop.app.app_context():
            cache = shop.app.extensions[CATALOGUE]
            given = Given(shop.clock.now(), cache.newest(db.engine), lambda: 1)
            look = transaction(db.engine)
            connection = look.__enter__()
            assert triggers.notice_events(connection, given) == 1
            with meanwhile(lambda: ask(shop, "DELETE", "/v1/customers/of-anna")):
                look.__exit__(None, None, None)
        assert waiting(shop) == []

    def test_events_of_whoever_is_being_erased_are_left_alone(self, shop, worker):
        shop.configure(campaigns=[THANKS])
        shop.phone("anna")
        shop.phone("ben")
        for customer in ("of-anna", "of-ben"):
            bought(shop, customer, kind="complaint", event_id=f"by-{customer}")
        with shop.connect() as erasing:
            erasing.execute("SELECT FROM customers WHERE id = 'of-anna' FOR UPDATE")
            assert worker.notice_events() == 1
        assert shop.rows("SELECT event_id FROM events WHERE NOT noticed") == [("by-of-anna",)]

    def test_an_erasure_takes_what_waits_for_their_phones_under_whatever_customer(self, both):
        change(both, "UPDATE waiting SET customer_key = 0")
        ask(both, "DELETE", "/v1/customers/anna")
        assert waiting(both) == []

    def test_when_they_were_seen_is_forgotten(self, both):
        assert both.rows("SELECT count(*) FROM customers WHERE seen_on IS NOT NULL") == [(1,)]
        ask(both, "DELETE", "/v1/customers/anna")
        assert both.rows("SELECT count(*) FROM customers WHERE seen_on IS NOT NULL") == [(0,)]

    def test_an_export_tells_what_waits_and_when_they_were_seen(self, both):
        found = ask(both, "GET", "/v1/customers/anna/export")
        assert found["customer"]["seen_on"] == both.clock.now().date().isoformat()
        told = sorted((one["campaign"], one["zone"], one["installation_id"]) for one in found["waiting"])
        assert told == [("later", "cafe", "phone"), ("thanks", "", "phone")]


class TestAbsence:
    @pytest.fixture
    def away(self, shop):
        """Anna was in the café a month ago, less one day."""
        shop.configure(zones=[CAFE], campaigns=[MISS_YOU])
        visit(shop, "old", "anna")
        after(shop, days=29)
        return shop

    @pytest.mark.parametrize("anonymous", [True, False])
    def test_who_was_seen_under_another_name_is_not_missed(self, away, worker, anonymous):
        visit(away, "new", "somebody")
        change(away, "UPDATE customers SET anonymous = %s WHERE id = 'somebody'", anonymous)
        ask(away, "POST", "/v1/installations/new/identify", {"customer_id": "anna"})
        assert away.rows("SELECT seen_on FROM customers WHERE id = 'anna'") == [(away.clock.now().date(),)]
        after(away, days=1)
        assert worker.notice_absences() == 0

    def test_who_was_seen_before_the_other_stays_seen_when_they_were(self, away):
        before = away.rows("SELECT seen_on FROM customers WHERE id = 'anna'")
        away.phone("new", customer="somebody")
        change(away, "UPDATE customers SET anonymous = true, seen_on = '2020-01-01' WHERE id = 'somebody'")
        ask(away, "POST", "/v1/installations/new/identify", {"customer_id": "anna"})
        assert away.rows("SELECT seen_on FROM customers WHERE id = 'anna'") == before

    def test_an_absence_that_is_being_decided_is_not_told_twice(self, away, worker):
        after(away, days=1)
        assert (worker.notice_absences(), worker.decide()) == (1, 1)
        # As it was a moment ago, when whoever decided it had not committed yet.
        change(away, "DELETE FROM duties")
        ((key,),) = away.rows("SELECT moment_key FROM decisions WHERE move = 'absent'")
        change(away, "UPDATE decisions SET moment_key = gen_random_uuid() WHERE move = 'absent'")
        found = []
        with away.connect() as deciding:
            deciding.execute("SELECT FROM customers WHERE id = 'anna' FOR UPDATE")
            deciding.execute("UPDATE decisions SET moment_key = %s WHERE move = 'absent'", [key])
            with meanwhile(lambda: found.append(worker.notice_absences())):
                deciding.commit()
        assert (found, waiting(away)) == ([0], [])

    def test_what_a_page_found_is_kept_whatever_becomes_of_the_next(self, away, monkeypatch):
        visit(away, "another", "ben", days_ago=29)
        after(away, days=1)
        monkeypatch.setattr(triggers, "MOST", 1)
        seeds = iter([7])
        with away.app.app_context():
            programme = away.app.extensions[CATALOGUE].newest(db.engine).programme
            with pytest.raises(StopIteration):
                triggers.notice_absences(db.engine, programme, away.clock.now(), lambda: next(seeds))
            assert len(waiting(away)) == 1
            triggers.notice_absences(db.engine, programme, away.clock.now(), itertools.count().__next__)
        assert len(waiting(away)) == 2


def visit(shop, phone, customer, *, days_ago=0):
    shop.phone(phone, customer=customer)
    shop.ping(phone, "1")
    shop.ping(phone, "2", column=9)
    if days_ago:
        day = shop.clock.now().date() - timedelta(days=days_ago)
        change(shop, "UPDATE customers SET seen_on = %s WHERE id = %s", day, customer)


class TestTheProgramme:
    def test_an_event_is_never_looked_at_by_a_programme_of_before(self, shop, worker):
        shop.configure(zones=[CAFE])
        shop.phone("anna")
        with shop.app.app_context():
            old = shop.app.extensions[CATALOGUE].newest(db.engine)
            shop.configure(campaigns=[THANKS])
            bought(shop, "of-anna", kind="complaint")
            given = Given(shop.clock.now(), old, lambda: 1)
            with pytest.raises(CatalogueBehindError), transaction(db.engine) as connection:
                triggers.notice_events(connection, given)
        assert (worker.notice_events(), waiting(shop)) == (1, ["thanks"])

    def test_a_publication_waits_for_the_look_at_events(self, shop, worker):
        shop.configure(zones=[CAFE])
        shop.phone("anna")
        bought(shop, "of-anna", kind="complaint")
        with shop.app.app_context():
            given = Given(shop.clock.now(), shop.app.extensions[CATALOGUE].newest(db.engine), lambda: 1)
            look = transaction(db.engine)
            connection = look.__enter__()
            triggers.notice_events(connection, given)
            with meanwhile(lambda: shop.configure(campaigns=[THANKS])):
                published = "SELECT count(*) FROM catalogue_log WHERE kind = 'campaign'"
                assert shop.rows(published) == [(0,)], "it waits for whoever looks"
                look.__exit__(None, None, None)
        assert shop.rows(published) == [(1,)]
        assert shop.rows("SELECT noticed FROM events") == [(True,)]
        assert waiting(shop) == [], "what was looked at before it is none of its business"

    def test_the_worker_notices_events_by_the_newest_programme(self, shop, process):
        shop.configure(campaigns=[THANKS])
        shop.phone("anna")
        bought(shop, "of-anna", kind="complaint")
        process.notice_events()
        assert waiting(shop) == ["thanks"]


@pytest.fixture
def process(app, settings, clock):
    made = worker_module.Worker(settings, settings.database_url, clock)
    yield made
    made.close()


def told(shop, process):
    """What operators see of the work that was put off, by job."""
    process.tell_jobs()
    jobs = ask(shop, "GET", "/v1/scheduler")["jobs"]
    return {one["job"]: one["put_off"] for one in jobs if one["put_off"]}


class TestOneThatFails:
    def test_a_moment_that_cannot_be_decided_stops_no_other_and_is_tried_again(self, shop, worker, process):
        shop.configure(campaigns=[THANKS])
        for name in ("anna", "ben"):
            shop.phone(name)
            bought(shop, f"of-{name}", kind="complaint", event_id=name)
        worker.notice_events()
        ((sound,),) = shop.rows(
            "SELECT body::text FROM waiting JOIN customers c ON c.key = customer_key WHERE c.id = 'of-anna'"
        )
        of_anna = "customer_key = (SELECT key FROM customers WHERE id = 'of-anna')"
        change(shop, f"UPDATE waiting SET body = '{{}}' WHERE {of_anna}")
        after(shop, seconds=60)
        with capture_logs() as logs:
            process.decide_waiting()
        assert offered(shop) == ["thanks"]
        assert shop.rows("SELECT due_at FROM waiting") == [(shop.clock.now() + PUT_OFF,)]
        assert {"event": "put off", "queue": "waiting", "exc_info": True, "log_level": "error"} in logs
        assert "anna" not in str(logs)
        assert told(shop, process) == {"decide_waiting": 1}
        change(shop, f"UPDATE waiting SET body = %s WHERE {of_anna}", sound)
        process.decide_waiting()
        assert offered(shop) == ["thanks"]
        after(shop, seconds=PUT_OFF.total_seconds())
        process.decide_waiting()
        assert offered(shop) == ["thanks", "thanks"]

    def test_a_timer_that_cannot_be_fired_stops_no_other(self, shop, process):
        dwelled = campaign_document("seat", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=30))
        shop.configure(zones=[zone_document("cafe")], campaigns=[dwelled])
        for name in ("anna", "ben"):
            shop.ping(shop.phone(name), "1")
        of_anna = "installation_key = (SELECT key FROM installations WHERE id = 'anna')"
        change(shop, f"UPDATE presence SET state = '{{\"stays\": 7}}' WHERE {of_anna}")
        after(shop, seconds=30)
        process.fire_timers()
        assert offered(shop) == ["seat"]
        assert shop.rows(f"SELECT tick_at FROM presence WHERE {of_anna}") == [(shop.clock.now() + PUT_OFF,)]
        assert told(shop, process) == {"fire_timers": 1}

    def test_a_release_that_cannot_be_done_stops_no_other(self, shop, process):
        for name in ("anna", "ben"):
            shop.phone(name)
            tally(shop, name, used=1)
            decide(shop, name, charged=[[name, "delivered", 1]])
        change(shop, "UPDATE grants SET charged = '7' WHERE charged -> 0 ->> 0 = 'anna'")
        after(shop, hours=1)
        process.release_expired()
        assert shop.rows("SELECT key, used FROM tallies ORDER BY key") == [("anna", 1), ("ben", 0)]
        assert shop.rows("SELECT closes_at FROM grants WHERE open") == [(shop.clock.now() + PUT_OFF,)]
        assert told(shop, process) == {"release_expired": 1}

    def test_several_workers_may_take_them_one_by_one_at_once(self, shop, worker, process, settings, clock):
        shop.configure(campaigns=[THANKS])
        for number in range(6):
            shop.phone(f"p{number}")
            bought(shop, f"of-p{number}", kind="complaint", event_id=f"e{number}")
        worker.notice_events()
        of_one = "customer_key = (SELECT key FROM customers WHERE id = 'of-p0')"
        change(shop, f"UPDATE waiting SET body = '{{}}' WHERE {of_one}")
        after(shop, seconds=60)
        other = worker_module.Worker(settings, settings.database_url, clock)
        with ThreadPoolExecutor(2) as pool:
            for job in [pool.submit(one.decide_waiting) for one in (process, other)]:
                job.result()
        process.decide_waiting()
        other.close()
        assert offered(shop) == ["thanks"] * 5
        assert len(waiting(shop)) == 1


class TestTheLook:
    def test_it_compares_nothing_with_every_phone_whatever_the_planner_knows(self, both):
        """A server that was killed has lost its statistics, and takes every table for a small one.

        What is due may all be looked at, and a phone for each of the first, but not all phones for each.
        """
        change(
            both,
            "INSERT INTO installations (id, customer_key, token_hash, platform, location, created_at)"
            " SELECT 'other-' || n, i.customer_key, '', '', true, i.created_at"
            " FROM installations i, generate_series(1, 2000) AS n",
        )
        change(
            both,
            "INSERT INTO waiting (key, campaign, customer_key, installation_key, due_at, body)"
            " SELECT gen_random_uuid(), 'later', i.customer_key, i.key, i.created_at, w.body"
            " FROM installations i, (SELECT body FROM waiting LIMIT 1) AS w",
        )
        after(both, seconds=60)
        for statement in (sql.DUE_WAITING, sql.END_VAIN):
            assert rows_read(both, statement, most=50) < 2 * 2002 + 50 * 20

    def test_what_is_handed_over_in_that_moment_is_not_in_vain(self, both):
        """The look has begun, and knows the phone under its former customer, when a merge is committed."""
        gate, table = "(SELECT pg_advisory_xact_lock_shared(77)) AS gate, waiting", "FROM waiting\n"
        assert sql.END_VAIN.count(table) == 1
        look = sql.END_VAIN.replace(table, f"FROM {gate}\n").replace(")b", ")s")
        params = {"now": both.clock.now() + timedelta(seconds=60), "most": 50}
        with both.connect() as barrier:
            barrier.execute("SELECT pg_advisory_xact_lock(77)")
            with meanwhile(lambda: change_nothing(both, look, params)):
                change(both, "UPDATE customers SET anonymous = true WHERE id = 'anna'")
                ask(both, "POST", "/v1/installations/phone/identify", {"customer_id": "carla"})
                barrier.rollback()
        assert waiting(both) == ["later", "thanks"]


def change_nothing(shop, query, params):
    with shop.connect() as connection:
        assert connection.execute(query, params).rowcount == 0


def rows_read(shop, statement, most):
    """All rows that any part of the plan produced or threw away."""
    params = {"lock": 1, "now": shop.clock.now(), "most": most, "only": None}
    with shop.connect() as connection, ClientCursor(connection) as cursor:
        for name, value in PLANNING.items():
            cursor.execute(f"SET {name} = {value}")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.replace(')b', ')s')}", params)
        ((plan,),) = cursor.fetchone()
        connection.rollback()

    def read(node):
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
        return node["Actual Loops"] * (node["Actual Rows"] + removed) + sum(map(read, node.get("Plans", ())))

    return read(plan["Plan"])
