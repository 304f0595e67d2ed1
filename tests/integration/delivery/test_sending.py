"""An offer by webhook is written with its decision, leaves in order, once, and is told of."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from beacon_service.db import Statement, round_trip, transaction
from beacon_service.delivery import outbox_store, webhooks
from beacon_service.delivery.outbox import Attempt, settle
from beacon_service.delivery.senders import sending

TAKEN = {
    "channels": [],
    "endpoints": [],
    "counts": [],
    "most": 10,
    "lease": UUID(int=0),
    "now": datetime(2026, 6, 3, 12, tzinfo=UTC),
    "until": datetime(2026, 6, 3, 13, tzinfo=UTC),
}


def enter(shop, *, phone="phone", ping="1"):
    """A ping that enters the café; the phone is registered if it is new."""
    if phone not in shop.tokens:
        shop.phone(phone)
    return shop.ping(phone, ping)


def leave_and_enter(shop, phone, ping):
    shop.walk_out(phone, ping)
    shop.clock.advance(minutes=11)
    return shop.ping(phone, ping)


def deliveries(shop, **asked):
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = shop.ask("GET", f"/v1/deliveries?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json["items"]


def test_an_offer_is_written_with_its_decision_and_sent_to_the_brand(shop, webhook, receiver, worker):
    enter(shop)
    assert shop.rows("SELECT state, attempts FROM deliveries") == [("waiting", 0)]
    worker.send_due()
    (request,) = receiver.requests
    ((decision, moved_at),) = shop.rows("SELECT decision_id::text, at FROM decisions")
    assert request.json == {
        "type": "offer.decided",
        "timestamp": "2026-06-03T12:00:00Z",
        "data": {
            "decision_id": decision,
            "campaign": "coffee",
            "revision": 1,
            "customer_id": "of-phone",
            "installation_id": "phone",
            "offer": {
                "id": "coffee",
                "title": "Coffee",
                "body": "A cup is on us.",
                "image_url": None,
                "link": None,
                "code": None,
            },
            "site": "shop",
            "zone": "cafe",
            "move": "entered",
            "at": moved_at.isoformat().replace("+00:00", "Z"),
            "decided_at": "2026-06-03T12:00:00Z",
            "expires_at": "2026-06-03T13:00:00Z",
        },
    }
    assert request.headers["content-type"] == "application/json"
    ((state, attempts, status, message),) = shop.rows(
        "SELECT state, attempts, last_status, message_id::text FROM deliveries"
    )
    assert (state, attempts, status) == ("sent", 1, 200)
    assert request.headers["webhook-id"] == message


def test_what_was_taken_was_delivered_as_the_ledger_has_it(shop, webhook, receiver, worker):
    enter(shop)
    worker.send_due()
    assert shop.rows("SELECT type, late FROM outcomes") == [("delivered", False)]
    assert shop.rows("SELECT outcomes, open FROM grants") == [(1, True)]
    assert shop.rows("SELECT count(*) FROM changes WHERE kind = 'outcome'") == [(1,)]


def test_nothing_is_written_where_the_decision_is_not(shop, webhook):
    """One statement: what refuses the decision refuses the message."""
    with shop.connect() as connection:
        connection.execute("ALTER TABLE decisions ADD CONSTRAINT broken CHECK (campaign IS NULL) NOT VALID")
    try:
        phone = shop.phone()
        assert shop.post(phone, shop.ping_body("1")).status_code == 500
    finally:
        with shop.connect() as connection:
            connection.execute("ALTER TABLE decisions DROP CONSTRAINT broken")
    assert shop.rows("SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM deliveries)") == [(0, 0)]


def test_each_webhook_takes_the_campaigns_that_it_names(shop, receiver, worker):
    for name, campaigns in {"all": [], "coffee": ["coffee"], "tea": ["tea"]}.items():
        shop.ask("PUT", f"/v1/webhooks/{name}", {"url": receiver.url(f"/{name}"), "campaigns": campaigns})
    shop.ask("PUT", "/v1/webhooks/off", {"url": receiver.url("/off"), "enabled": False})
    enter(shop)
    worker.send_due()
    assert sorted(request.path for request in receiver.requests) == ["/all", "/coffee"]
    assert shop.rows("SELECT count(*) FROM deliveries") == [(2,)]
    ids = {request.headers["webhook-id"] for request in receiver.requests}
    assert len(ids) == 2


def test_a_failure_is_tried_again_under_the_same_id_and_no_sooner(shop, webhook, receiver, worker):
    receiver.answers = [(500, {}), (503, {"Retry-After": "120"})]
    enter(shop)
    worker.send_due()
    (waiting,) = deliveries(shop, state="waiting")
    assert (waiting["attempts"], waiting["last_status"]) == (1, 500)
    assert waiting["last_error"] == "the receiver answered 500"
    shop.clock.advance(seconds=4)
    worker.send_due()
    assert len(receiver.requests) == 1
    shop.clock.advance(seconds=2)
    worker.send_due()
    shop.clock.advance(seconds=119)
    worker.send_due()
    assert len(receiver.requests) == 2
    shop.clock.advance(seconds=1)
    worker.send_due()
    assert len(receiver.requests) == 3
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.requests}) == 1
    assert [one["attempts"] for one in deliveries(shop, state="sent")] == [3]


def test_an_offer_that_expired_is_not_sent_any_more(shop, webhook, receiver, worker):
    receiver.usual = (500, {})
    enter(shop)
    worker.send_due()
    shop.clock.advance(hours=1)
    worker.send_due()
    assert len(receiver.requests) == 1
    (expired,) = deliveries(shop, state="expired")
    refused = shop.ask("POST", f"/v1/deliveries/{expired['message_id']}:retry")
    assert refused.status_code == 409
    assert "expired" in refused.json["detail"]


def test_an_offer_that_was_redeemed_meanwhile_is_not_sent_unless_somebody_asks_for_it_again(
    shop, webhook, receiver, worker
):
    receiver.answers = [(500, {})]
    enter(shop)
    worker.send_due()
    ((decision,),) = shop.rows("SELECT decision_id::text FROM decisions")
    assert shop.outcome(decision, "redeemed").status_code == 201
    shop.clock.advance(seconds=10)
    worker.send_due()
    assert len(receiver.requests) == 1
    (one,) = deliveries(shop, state="withdrawn")
    assert one["last_error"] == "the offer was redeemed before it could be sent"
    refused = shop.ask("POST", f"/v1/deliveries/{one['message_id']}:retry")
    assert refused.status_code == 409
    assert "redeemed" in refused.json["detail"]


def test_a_receiver_that_lost_what_it_had_is_sent_it_again_whatever_became_of_the_offer(
    shop, webhook, receiver, worker
):
    enter(shop)
    worker.send_due()
    (one,) = deliveries(shop, state="sent")
    shop.outcome(one["decision_id"], "redeemed")
    assert shop.ask("POST", f"/v1/deliveries/{one['message_id']}:retry").status_code == 202
    worker.send_due()
    assert len(receiver.requests) == 2


def test_a_customer_who_wants_no_offers_any_more_is_told_of_none(shop, webhook, receiver, worker):
    enter(shop)
    shop.customer("of-phone", consents={"marketing": False})
    worker.send_due()
    assert receiver.requests == []
    assert [one["state"] for one in deliveries(shop)] == ["withdrawn"]


def test_a_receiver_that_is_gone_is_asked_no_more(shop, webhook, receiver, worker):
    receiver.usual = (410, {})
    enter(shop)
    worker.send_due()
    read = shop.ask("GET", "/v1/webhooks/till").json
    assert (read["enabled"], read["disabled_because"]) == (False, "the receiver answered 410 Gone")
    assert [one["state"] for one in deliveries(shop)] == ["dead"]
    enter(shop, phone="another")
    worker.send_due()
    assert len(receiver.requests) == 1
    ((actor,),) = shop.rows(
        "SELECT actor FROM catalogue_log WHERE kind = 'webhook' ORDER BY version DESC LIMIT 1"
    )
    assert actor == "service:delivery"


def test_a_dead_letter_is_sent_again_on_request(shop, webhook, receiver, worker):
    receiver.answers = [(410, {})]
    enter(shop)
    worker.send_due()
    (dead,) = deliveries(shop, state="dead", channel="webhook", endpoint="till")
    shop.ask("PUT", "/v1/webhooks/till", {"url": receiver.url()})
    again = shop.ask("POST", f"/v1/deliveries/{dead['message_id']}:retry")
    assert (again.status_code, again.json["state"], again.json["attempts"]) == (202, "waiting", 0)
    worker.send_due()
    assert [one["state"] for one in deliveries(shop)] == ["sent"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_after_the_last_attempt_it_is_a_dead_letter(shop, webhook, receiver, worker):
    receiver.usual = (500, {})
    enter(shop)
    with shop.connect() as connection:
        connection.execute("UPDATE deliveries SET attempts = 11, expires_at = expires_at + interval '9 days'")
    worker.send_due()
    assert [(one["state"], one["attempts"]) for one in deliveries(shop)] == [("dead", 12)]


def test_messages_of_one_customer_leave_in_order_and_others_do_not_wait(shop, webhook, receiver, worker):
    receiver.answers = [(500, {})]
    enter(shop, phone="anna")
    worker.send_due()
    for number in range(3):
        leave_and_enter(shop, "anna", f"again-{number}")
    with shop.connect() as connection:  # long enough ago for all to be due but the first
        connection.execute(
            "UPDATE deliveries SET next_at = %s, expires_at = %s WHERE attempts = 1",
            [shop.clock.now() + timedelta(minutes=1), shop.clock.now() + timedelta(hours=1)],
        )
    enter(shop, phone="bert")
    worker.send_due()
    assert [request.json["data"]["customer_id"] for request in receiver.requests] == ["of-anna", "of-bert"]
    shop.clock.advance(minutes=2)
    worker.send_due()
    of_anna = [one.json["data"] for one in receiver.requests if one.json["data"]["customer_id"] == "of-anna"]
    sent = [(one["decided_at"], one["decision_id"]) for one in of_anna[1:]]
    assert sent == sorted(sent)
    assert len(sent) == 4


def test_who_stands_behind_one_that_failed_waits_with_it_and_goes_on_with_it(shop, webhook, receiver, worker):
    """Else each look for what is due would go through all of them, in vain."""
    enter(shop, phone="anna")
    leave_and_enter(shop, "anna", "before")
    receiver.answers = [(503, {"Retry-After": "7200"})]
    with shop.connect() as connection:
        connection.execute("UPDATE deliveries SET expires_at = expires_at + interval '1 day'")
    worker.send_due()
    leave_and_enter(shop, "anna", "meanwhile")
    assert shop.rows("SELECT count(DISTINCT next_at), count(*) FROM deliveries") == [(1, 3)]
    assert len(receiver.requests) == 1
    (*_, first) = deliveries(shop)
    shop.ask("POST", f"/v1/deliveries/{first['message_id']}:retry")
    worker.send_due()
    assert [one["state"] for one in deliveries(shop)] == ["sent"] * 3
    assert len(receiver.requests) == 4


def test_while_what_was_sent_is_written_down_the_next_is_sent(shop, webhook, receiver, worker, monkeypatch):
    monkeypatch.setattr("beacon_service.delivery.sending.MOST_TO_ONE", 1)
    for phone in ("anna", "bert"):
        enter(shop, phone=phone)
    write_down = worker._settle

    def settled(finished):
        wait_for(lambda: len(receiver.requests) == 2, within_s=5)
        write_down(finished)

    monkeypatch.setattr(worker, "_settle", settled)
    worker.send_due()
    assert [one["state"] for one in deliveries(shop)] == ["sent"] * 2


def test_the_next_of_a_customer_is_not_sent_before_the_last_is_written_down(
    shop, webhook, receiver, worker, monkeypatch
):
    """Nothing is known of it before that: it may have to be sent again, and the next would have overtaken it."""
    enter(shop, phone="anna")
    leave_and_enter(shop, "anna", "again")
    write_down, sent = worker._settle, []

    def settled(finished):
        time.sleep(0.3)
        sent.append(len(receiver.requests))
        write_down(finished)

    monkeypatch.setattr(worker, "_settle", settled)
    worker.send_due()
    assert sent == [1, 2]


def test_a_look_for_what_is_due_ends_with_what_it_takes(shop, webhook, engine):
    """However much waits: nothing is sorted but what was taken."""
    with transaction(engine) as connection:
        (lane,) = round_trip(connection, [Statement(f"EXPLAIN (COSTS OFF) {outbox_store.TAKE}", TAKEN)])
    plan = [line for (line,) in lane]
    limit = next(number for number, line in enumerate(plan) if "Limit" in line)
    looked_at = next(number for number, line in enumerate(plan) if "using deliveries_due" in line)
    assert limit < looked_at
    assert not [line for line in plan[limit:looked_at] if "Sort" in line]


def test_an_endpoint_that_does_not_answer_holds_up_no_other(shop, webhook, receiver, worker, monkeypatch):
    monkeypatch.setattr("beacon_service.delivery.client.PATIENCE_S", 1.0)
    with Silent() as port:
        shop.ask("PUT", "/v1/webhooks/silent", {"url": f"http://127.0.0.1:{port}/"})
        for number in range(5):
            enter(shop, phone=f"phone-{number}")
        sent = threading.Thread(target=worker.send_due)
        sent.start()
        wait_for(lambda: len(receiver.requests) == 5, within_s=10)
        waiting = shop.rows("SELECT count(*) FROM deliveries WHERE endpoint = 'silent' AND state = 'waiting'")
        assert waiting == [(5,)]
        assert shop.ask("DELETE", "/v1/webhooks/silent").status_code == 204
        sent.join()


def test_the_list_is_paged_newest_first(shop, webhook, worker):
    for number in range(5):
        enter(shop, phone=f"phone-{number}")
    first = shop.ask("GET", "/v1/deliveries?limit=3").json
    second = shop.ask("GET", f"/v1/deliveries?limit=3&cursor={first['next_cursor']}").json
    phones = [one["installation_id"] for one in first["items"] + second["items"]]
    assert phones == [f"phone-{number}" for number in reversed(range(5))]
    assert second["next_cursor"] is None
    assert shop.ask("GET", "/v1/deliveries?state=lost").status_code == 422


def test_a_message_says_what_it_says(shop, webhook):
    enter(shop)
    (one,) = deliveries(shop)
    whole = shop.ask("GET", f"/v1/deliveries/{one['message_id']}").json
    assert whole["data"]["offer"]["title"] == "Coffee"
    assert shop.ask("GET", "/v1/deliveries/0197f0c0-0000-7000-8000-000000000000").status_code == 404


def test_a_mistake_of_the_services_own_stops_no_other_message(shop, webhook, receiver, worker, monkeypatch):
    enter(shop, phone="anna")
    enter(shop, phone="bert")
    whole = webhooks.message

    def broken(delivery):
        if b"of-anna" in delivery.body:
            raise KeyError("a mistake")
        return whole(delivery)

    monkeypatch.setattr(webhooks, "message", broken)
    worker.send_due()
    assert [request.json["data"]["customer_id"] for request in receiver.requests] == ["of-bert"]
    assert sorted(one["state"] for one in deliveries(shop)) == ["sent", "waiting"]


def test_meters_count_what_attempts_came_to(shop, webhook, receiver, worker):
    receiver.answers = [(500, {})]
    enter(shop)
    worker.send_due()
    shop.clock.advance(seconds=6)
    worker.send_due()
    counted = shop.rows("SELECT channel, result, count FROM delivery_counts ORDER BY result")
    assert counted == [("webhook", "retry", 1), ("webhook", "sent", 1)]


def test_how_deliveries_fare_is_measured_over_all_workers(shop, webhook, receiver, worker):
    def measured():
        text = shop.client.get("/metrics").text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("beacon_deliveries")]
        return {name: float(value) for name, value in lines}

    oldest = 'beacon_deliveries_oldest_due_seconds{channel="webhook"}'
    assert measured()[oldest] == 0
    enter(shop)
    shop.clock.advance(seconds=30)
    assert measured()[oldest] == 30
    worker.send_due()
    found = measured()
    assert found[oldest] == 0
    assert found['beacon_deliveries_total{channel="webhook",result="sent"}'] == 1


@pytest.mark.usefixtures("webhook")
class TestSeveralWorkers:
    def test_two_at_once_send_each_message_once(self, shop, receiver, engine, settings, worker):
        other = sending(engine, shop.clock, settings, threading.Event())
        for number in range(40):
            enter(shop, phone=f"phone-{number}")
        threads = [threading.Thread(target=one.send_due) for one in (worker, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()
        ids = [request.headers["webhook-id"] for request in receiver.requests]
        assert len(ids) == len(set(ids)) == 40
        assert shop.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]

    def test_what_a_lost_worker_had_taken_is_sent_when_its_lease_ends(self, shop, receiver, engine, worker):
        enter(shop)
        with transaction(engine) as connection:
            (taken,) = outbox_store.take(connection, {}, most=10, now=shop.clock.now())
        worker.send_due()
        assert receiver.requests == []
        shop.clock.advance(seconds=61)
        worker.send_due()
        (request,) = receiver.requests
        assert request.headers["webhook-id"] == str(taken.message_id)
        assert [one["attempts"] for one in deliveries(shop, state="sent")] == [2]

    def test_who_comes_back_after_its_lease_changes_nothing(self, shop, engine):
        enter(shop)
        with transaction(engine) as connection:
            (taken,) = outbox_store.take(connection, {}, most=10, now=shop.clock.now())
        shop.clock.advance(seconds=61)
        with transaction(engine) as connection:
            outbox_store.take(connection, {}, most=10, now=shop.clock.now())
        with transaction(engine) as connection:
            late = settle(taken, Attempt("refused", 500, "too late"), shop.clock.now())
            outbox_store.settle(connection, [late], shop.clock.now())
        assert [(one["state"], one["attempts"]) for one in deliveries(shop)] == [("waiting", 2)]

    def test_what_one_is_just_taking_the_other_neither_takes_nor_waits_for(self, shop, engine):
        enter(shop, phone="anna")
        with transaction(engine) as one, transaction(engine) as other:
            assert len(outbox_store.take(one, {}, most=10, now=shop.clock.now())) == 1
            assert outbox_store.take(other, {}, most=10, now=shop.clock.now()) == []

    def test_one_that_is_stopped_takes_no_more(self, shop, receiver, engine, settings):
        stopped = threading.Event()
        stopped.set()
        made = sending(engine, shop.clock, settings, stopped)
        enter(shop)
        made.send_due()
        made.close()
        assert receiver.requests == []


def test_whom_it_is_of_goes_with_a_merge_and_ends_with_an_erasure(shop, webhook, receiver, worker):
    shop.register("anonymous-phone")
    shop.ping("anonymous-phone", "1")
    shop.identify("anonymous-phone", "carla")
    assert shop.rows("SELECT c.id FROM deliveries AS d JOIN customers AS c ON c.key = d.customer_key") == [
        ("carla",)
    ]
    worker.send_due()
    exported = shop.ask("GET", "/v1/customers/carla/export").json
    assert [one["endpoint"] for one in exported["deliveries"]] == ["till"]
    assert shop.ask("DELETE", "/v1/customers/carla").status_code == 204
    assert shop.rows("SELECT count(*) FROM deliveries") == [(0,)]


def test_old_messages_are_forgotten_and_those_to_nobody_given_up(shop, webhook, worker, engine, pause):
    enter(shop)
    worker.send_due()
    enter(shop, phone="another")
    pause()
    assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 204
    with transaction(engine) as connection:
        outbox_store.keep_house(connection, before=shop.clock.now() + timedelta(seconds=1))
    assert shop.rows("SELECT count(*) FROM deliveries") == [(0,)]


def wait_for(condition, *, within_s):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


class Silent:
    """A server that takes connections and says nothing; the port."""

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        return self._server.getsockname()[1]

    def __exit__(self, *_):
        self._server.close()


def test_what_no_worker_could_send_is_not_told_as_late(shop, webhook):
    def due():
        shop.clock.advance(minutes=1)
        queues = shop.ask("GET", "/v1/scheduler").json["queues"]
        return next(one["due"] for one in queues if one["queue"] == "outbox")

    enter(shop)
    assert due() == 1
    url = shop.ask("GET", "/v1/webhooks/till").json["url"]
    assert shop.ask("PUT", "/v1/webhooks/till", {"url": url, "enabled": False}).status_code == 200
    assert due() == 0
