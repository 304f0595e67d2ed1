from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from beacon_service.db import transaction
from beacon_service.delivery.release import release_due
from tests.factories.ledger import decide, tally

CHARGED = [["cap:coffee", "viewed", 1], ["budget:coffee:total", "delivered", 1]]


@pytest.fixture
def phone(brand):
    tally(brand, "cap:coffee", used=5)
    tally(brand, "budget:coffee:total", used=5)
    brand.register("phone-1")
    return "phone-1"


def release(brand, engine, limit=1000):
    with transaction(engine) as connection:
        return release_due(connection, brand.clock.now(), limit)


def tallies(brand):
    return dict(brand.rows("SELECT key, ARRAY[used, late] FROM tallies"))


def test_an_offer_that_nobody_looked_at_gives_back_what_it_held(brand, engine, phone):
    decide(brand, phone, charged=CHARGED)
    assert release(brand, engine) == 0
    brand.clock.advance(hours=1)
    assert release(brand, engine) == 1
    assert brand.rows("SELECT open FROM grants") == [(False,)]
    assert tallies(brand) == {"cap:coffee": [4, 0], "budget:coffee:total": [4, 0]}


def test_what_was_delivered_keeps_its_budget_but_not_its_view(brand, engine, phone):
    brand.outcome(decide(brand, phone, charged=CHARGED), "delivered", phone=phone)
    brand.clock.advance(hours=1)
    release(brand, engine)
    assert tallies(brand) == {"cap:coffee": [4, 0], "budget:coffee:total": [5, 0]}


def test_a_release_happens_once(brand, engine, phone):
    decide(brand, phone, charged=CHARGED)
    brand.clock.advance(hours=1)
    assert [release(brand, engine), release(brand, engine)] == [1, 0]
    assert tallies(brand)["cap:coffee"] == [4, 0]


def test_an_outcome_after_the_release_counts_beside_the_limit(brand, engine, phone):
    decision = decide(brand, phone, charged=CHARGED)
    brand.clock.advance(hours=1)
    release(brand, engine)
    reported = brand.outcome(decision, "clicked", phone=phone)
    assert (reported.status_code, reported.json["late"]) == (201, True)
    assert tallies(brand) == {"cap:coffee": [4, 1], "budget:coffee:total": [4, 1]}
    brand.outcome(decision, "viewed", phone=phone)
    assert tallies(brand)["cap:coffee"] == [4, 1]


def test_a_release_is_logged_with_the_grants_that_it_closed(brand, engine, phone):
    decisions = sorted(decide(brand, phone, charged=CHARGED) for _ in range(2))
    brand.clock.advance(hours=1)
    release(brand, engine)
    ((seq, body),) = brand.rows("SELECT seq, body FROM changes WHERE kind = 'release'")
    assert body == {"grants": [[decision, "coffee"] for decision in decisions]}
    assert brand.rows("SELECT DISTINCT last_seq FROM tallies") == [(seq,)]
    assert brand.rows("SELECT last_seq FROM customers") == [(seq,)]


def test_a_customer_who_is_held_elsewhere_is_left_for_the_next_time(brand, engine, phone):
    brand.register("phone-2")
    decide(brand, phone, charged=CHARGED)
    decide(brand, "phone-2", charged=CHARGED)
    brand.clock.advance(hours=1)
    with brand.connect() as other:
        other.execute("SELECT FROM customers WHERE key = (SELECT min(key) FROM customers) FOR UPDATE")
        assert release(brand, engine) == 1
    assert release(brand, engine) == 1


def test_two_workers_at_once_release_each_grant_once(brand, engine):
    tally(brand, "cap:coffee", used=40, ceiling=40)
    for number in range(10):
        brand.register(f"phone-{number}")
        for _ in range(3):
            decide(brand, f"phone-{number}", charged=[["cap:coffee", "viewed", 1]])
    brand.clock.advance(hours=1)
    start = Barrier(2)

    def work():
        start.wait()
        return sum(release(brand, engine, limit=5) for _ in range(20))

    with ThreadPoolExecutor(2) as pool:
        released = [pool.submit(work) for _ in range(2)]
    assert sum(future.result() for future in released) == 30
    assert tallies(brand) == {"cap:coffee": [10, 0]}
