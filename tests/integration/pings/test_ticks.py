"""Timers that no ping comes to fire: the worker does, once, at their time, into the inbox."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from psycopg import OperationalError

from beacon_service.db import transaction
from beacon_service.pings import loading
from beacon_service.worker import Worker
from tests.factories.catalogue import campaign_document, cap_document, trigger_document, zone_document

SEAT = campaign_document("seat", trigger=trigger_document("shop/cafe", move="dwelled", dwell_s=30))
BYE = campaign_document("bye", trigger=trigger_document("shop/cafe", move="exited"))


@pytest.fixture
def cafe(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[SEAT, BYE])
    return shop


@pytest.fixture
def workers(app, settings, clock):
    """As many as asked for, all over one database and one clock."""
    made = []

    def start(number):
        made.extend(Worker(settings, settings.database_url, clock) for _ in range(number))
        return made

    yield start
    for worker in made:
        worker.close()


@pytest.fixture
def worker(workers):
    return workers(1)[0]


def moves(shop):
    found = shop.rows("SELECT type, at, cause FROM moves ORDER BY at, type")
    return [(kind, (at - shop.began_at).total_seconds(), cause) for kind, at, cause in found]


def enter(shop, *names):
    shop.began_at = shop.clock.now()
    for name in names:
        shop.ping(shop.phone(name), "1")


def test_a_threshold_fires_when_it_is_due_and_not_before(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=29, microseconds=999_999)
    worker.fire_timers()
    assert moves(cafe) == [("entered", 0, "ping")]
    cafe.clock.advance(microseconds=1)
    worker.fire_timers()
    assert moves(cafe) == [("entered", 0, "ping"), ("dwelled", 30, "timer")]


def test_however_late_the_tick_the_move_is_of_its_due_time(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=500)
    worker.fire_timers()
    assert moves(cafe) == [("entered", 0, "ping"), ("dwelled", 30, "timer"), ("exited", 420, "timer")]
    decided = cafe.rows("SELECT move, campaign, channel, decided_at, reasons FROM decisions ORDER BY at")
    assert decided == [
        ("dwelled", None, None, cafe.clock.now(), {"seat": "stale"}),
        ("exited", "bye", "inbox", cafe.clock.now(), {}),
    ]


def test_where_more_is_due_than_a_tick_takes_the_longest_due_come_first(cafe, engine):
    """Whoever has been here longer must not go before others for ever."""
    enter(cafe, "anna", "ben")
    with cafe.connect() as connection:
        connection.execute(
            "UPDATE presence SET tick_at = %s FROM installations AS i WHERE i.key = installation_key AND i.id = 'ben'",
            [cafe.clock.now() - timedelta(minutes=1)],
        )
    cafe.clock.advance(minutes=1)
    with transaction(engine) as connection:
        first, second = loading.lock_due(connection, now=cafe.clock.now(), most=2)
    assert (first.id, second.id) == ("ben", "anna")


def test_what_a_tick_decides_waits_in_the_inbox(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=30)
    worker.fire_timers()
    headers = {
        "Authorization": f"Bearer {cafe.publishable}",
        "Beacon-Installation-Token": cafe.tokens["anna"],
    }
    inbox = cafe.client.get("/v1/installations/anna/inbox", headers=headers).json
    assert [one["campaign"] for one in inbox["decisions"]] == ["seat"]


def test_ticking_again_fires_nothing_again(cafe, worker):
    enter(cafe, "anna")
    for _ in range(5):
        cafe.clock.advance(seconds=200)
        worker.fire_timers()
        worker.fire_timers()
    assert [kind for kind, _, _ in moves(cafe)] == ["entered", "dwelled", "exited"]
    assert cafe.rows("SELECT count(*) FROM presence WHERE tick_at IS NOT NULL") == [(0,)]


def test_a_ping_after_the_tick_does_not_fire_it_again(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=31)
    worker.fire_timers()
    answer = cafe.ping("anna", "2")
    assert (answer["events"], answer["decisions"]) == ([], [])


def test_a_tick_after_the_ping_does_not_fire_it_again(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=31)
    assert [event["type"] for event in cafe.ping("anna", "2")["events"]] == ["dwelled"]
    worker.fire_timers()
    assert [kind for kind, _, _ in moves(cafe)] == ["entered", "dwelled"]


def test_a_tick_waits_as_long_as_the_phones_reports_are_on_their_way(cafe, worker):
    """A ping that took 20 s to arrive: its successors will too, and one of them may tell of leaving."""
    cafe.began_at = cafe.clock.now()
    cafe.phone("anna")
    cafe.clock.advance(seconds=20)
    cafe.ping("anna", "1", at=cafe.began_at)
    cafe.clock.advance(seconds=29)
    worker.fire_timers()
    assert moves(cafe) == [("entered", 0, "ping")]
    assert cafe.rows("SELECT count(*) FROM changes") == [(0,)]  # nobody was woken for nothing
    cafe.clock.advance(seconds=1)
    worker.fire_timers()
    assert moves(cafe)[-1] == ("dwelled", 30, "timer")


def test_each_tick_is_logged_with_the_now_that_it_was_given(cafe, worker):
    enter(cafe, "anna")
    cafe.clock.advance(seconds=33)
    worker.fire_timers()
    ((kind, now, body),) = cafe.rows("SELECT kind, now, body FROM changes")
    assert (kind, now) == ("tick", cafe.clock.now())
    assert body.keys() == {"installation", "until_at", "seed", "version"}
    seqs = cafe.rows(
        "SELECT c.seq = d.seq, c.seq = m.seq FROM changes c, decisions d, moves m WHERE m.cause = 'timer'"
    )
    assert seqs == [(True, True)]


def test_two_workers_at_once_fire_everything_once(cafe, workers):
    names = [f"p{number}" for number in range(40)]
    enter(cafe, *names)
    both, barrier = workers(2), Barrier(2)

    def fire(one):
        barrier.wait(timeout=10)
        one.fire_timers()

    for seconds in (31, 400):
        cafe.clock.advance(seconds=seconds)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fire, both))
        both[0].fire_timers()  # what one of them left to the other
    counted = cafe.rows("SELECT type, count(*) FROM moves GROUP BY type ORDER BY type")
    assert counted == [("dwelled", 40), ("entered", 40), ("exited", 40)]
    assert cafe.rows("SELECT count(*), count(DISTINCT moment_key) FROM grants") == [(80, 80)]


def test_a_shared_cap_binds_over_ticks_and_pings_alike(shop, worker):
    capped = SEAT | {"caps": [cap_document(3, subject="total", window={"kind": "lifetime"})]}
    shop.configure(zones=[zone_document("cafe")], campaigns=[capped])
    enter(shop, "a", "b", "c", "d")
    shop.clock.advance(seconds=31)
    shop.ping("a", "2")
    worker.fire_timers()
    assert shop.rows("SELECT count(*) FROM grants") == [(3,)]
    assert shop.rows("SELECT reasons FROM decisions WHERE campaign IS NULL") == [({"seat": "cap"},)]


def test_a_worker_takes_up_an_edit_before_it_decides(cafe, worker):
    enter(cafe, "anna", "ben")
    cafe.clock.advance(seconds=30)
    worker.fire_timers()
    cafe.configure(sites=[], campaigns=[BYE | {"status": "paused"}])
    cafe.clock.advance(seconds=390)
    worker.fire_timers()
    assert set(map(str, cafe.rows("SELECT reasons FROM decisions WHERE move = 'exited'"))) == {
        "({'bye': 'not_live'},)"
    }


def test_a_customer_that_is_being_served_is_left_to_the_next_look(cafe, worker):
    enter(cafe, "anna", "ben")
    cafe.clock.advance(seconds=31)
    with cafe.connect() as connection:
        connection.execute("SELECT FROM customers WHERE id = 'of-anna' FOR UPDATE")
        worker.fire_timers()
        fired = (
            "SELECT i.id FROM moves JOIN installations i ON i.key = installation_key WHERE type = 'dwelled'"
        )
        assert cafe.rows(fired) == [("ben",)]
    worker.fire_timers()
    assert sorted(cafe.rows(fired)) == [("anna",), ("ben",)]


def test_the_lead_is_one_workers_and_another_takes_it_over(workers):
    first, second = workers(2)
    assert first._leadership.held()
    assert not second._leadership.held()
    assert first._leadership.held()
    first._leadership.give_up()
    assert second._leadership.held()
    assert not first._leadership.held()


def test_the_lead_goes_with_its_connection(workers, shop):
    first, second = workers(2)
    assert first._leadership.held()
    with shop.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    assert second._leadership.held()
    assert not first._leadership.held()


def test_only_the_leader_keeps_house_and_only_when_it_is_time(workers, shop):
    first, second = workers(2)
    first.lead()
    second.lead()
    assert shop.rows("SELECT taken_at FROM snapshots") == [(shop.clock.now(),)]
    shop.clock.now_at += timedelta(days=1)
    second.lead()
    assert shop.rows("SELECT count(*) FROM snapshots") == [(1,)]
    first.lead()
    assert shop.rows("SELECT count(*) FROM snapshots") == [(2,)]


def absences_looked_for(shop):
    return shop.rows("SELECT ran_at FROM duties WHERE name = 'absences'")


def test_who_leads_does_so_also_while_the_server_is_asked(worker, shop, monkeypatch):
    """All jobs of a worker began together, so what is done each minute is due with every look at who leads."""
    worker.lead()
    held = worker._leadership.held

    def meanwhile():
        worker.notice_absences()
        return held()

    monkeypatch.setattr(worker._leadership, "held", meanwhile)
    worker.lead()
    assert absences_looked_for(shop) == [(shop.clock.now(),)]


def test_whose_lead_cannot_be_asked_for_leads_no_more(worker, shop, monkeypatch):
    worker.lead()

    def held():
        raise OperationalError("the server is away")

    monkeypatch.setattr(worker._leadership, "held", held)
    with pytest.raises(OperationalError):
        worker.lead()
    worker.notice_absences()
    assert absences_looked_for(shop) == []
