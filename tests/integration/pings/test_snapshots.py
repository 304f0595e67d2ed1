"""The daily state that a replay starts from: one instant of everything, with the step that changed each row last."""

from datetime import date, timedelta

import pytest

from beacon_service.pings import snapshots
from tests.factories.catalogue import campaign_document, zone_document

TODAY = date(2026, 6, 3)


@pytest.fixture
def cafe(shop):
    shop.configure(
        zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", budget={"total": 9})]
    )
    shop.phone("anna", attributes={"tier": "gold"})
    shop.phone("ben", marketing=False, location=False)
    shop.ping("anna", "1")
    return shop


def take(shop, day=TODAY):
    with shop.connect() as connection:
        return snapshots.take(connection, day, shop.clock.now())


def rows(shop, kind):
    found = shop.rows(
        "SELECT key, customer_key, last_seq, body FROM snapshot_rows WHERE kind = %s ORDER BY key", kind
    )
    return {key: (customer, seq, body) for key, customer, seq, body in found}


def test_it_holds_every_customer_as_the_engine_reads_them(cafe):
    assert take(cafe)
    found = rows(cafe, "customer")
    live = cafe.rows("SELECT key::text, key, last_seq, memory FROM customers")
    assert {key: (customer, seq, body["memory"]) for key, (customer, seq, body) in found.items()} == {
        key: (customer, seq, memory) for key, customer, seq, memory in live
    }
    attributes = [(body["attributes"], body["marketing"], body["anonymous"]) for _, _, body in found.values()]
    assert attributes == [({"tier": "gold"}, True, False), ({}, False, False)]


def test_it_holds_every_installation_with_its_presence_or_none(cafe):
    take(cafe)
    (anna, ben) = rows(cafe, "installation").values()
    ((state, seq),) = cafe.rows("SELECT state, last_seq FROM presence")
    unsaid = {"model": None, "locale": None, "time_zone": None}
    assert anna[1:] == (seq, {"customer": anna[0], "location": True, "presence": state, **unsaid})
    assert ben[1:] == (0, {"customer": ben[0], "location": False, "presence": None, **unsaid})


def test_it_holds_what_was_used_of_shared_counts(cafe):
    take(cafe)
    ((_, seq, body),) = rows(cafe, "tally").values()
    assert body == {"used": 1, "late": 0}
    assert cafe.rows("SELECT last_seq FROM tallies") == [(seq,)]


def test_rows_carry_the_step_of_the_ping_that_changed_them(cafe):
    take(cafe)
    ((seq,),) = cafe.rows("SELECT seq FROM pings")
    changed = cafe.rows("SELECT kind, key FROM snapshot_rows WHERE last_seq = %s ORDER BY kind", seq)
    assert [kind for kind, _ in changed] == ["customer", "installation", "tally"]


def test_it_names_its_day_its_instant_and_the_version_of_the_configuration(cafe):
    take(cafe)
    assert cafe.rows("SELECT day, taken_at, catalogue_version FROM snapshots") == [
        (TODAY, cafe.clock.now(), 1)
    ]


def test_there_is_one_a_day(cafe):
    assert take(cafe) is True
    cafe.ping("anna", "2")
    assert take(cafe) is False
    assert take(cafe, TODAY + timedelta(days=1)) is True
    assert cafe.rows("SELECT count(*) FROM snapshots") == [(2,)]


def test_all_of_it_is_of_one_instant_whatever_commits_meanwhile(cafe):
    with cafe.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT version FROM catalogue")  # the instant
        cafe.clock.advance(seconds=5)
        cafe.ping("anna", "2", column=5)
        cafe.ping(cafe.phone("carla"), "1")
        snapshots.take(connection, TODAY, cafe.clock.now())
    assert len(rows(cafe, "customer")) == 2
    ((_, _, tally),) = rows(cafe, "tally").values()
    assert tally["used"] == 1
    assert {
        body["presence"]["last_at"][:19]
        for _, _, body in rows(cafe, "installation").values()
        if body["presence"]
    } == {"2026-06-03T12:00:00"}


def test_it_is_taken_in_one_repeatable_read_transaction(cafe):
    with cafe.connect() as connection:
        snapshots.take(connection, TODAY, cafe.clock.now())
        level = connection.execute("SHOW transaction_isolation").fetchone()
    assert level == ("repeatable read",)


def test_nobody_who_was_erased_is_in_it(cafe):
    with cafe.connect() as connection:
        connection.execute("UPDATE customers SET erased_at = now() WHERE id = 'of-anna'")
    take(cafe)
    assert [body["marketing"] for _, _, body in rows(cafe, "customer").values()] == [False]


def test_old_ones_go_with_their_rows(cafe):
    take(cafe)
    take(cafe, TODAY + timedelta(days=1))
    with cafe.connect() as connection:
        assert snapshots.drop_before(connection, TODAY + timedelta(days=1)) == 1
    assert cafe.rows("SELECT day FROM snapshots") == [(TODAY + timedelta(days=1),)]
    assert cafe.rows("SELECT count(DISTINCT snapshot_id) FROM snapshot_rows") == [(1,)]
