"""When a message is tried again, when it is given up, and what is not sent at all."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from beacon_service.delivery.outbox import (
    BACKOFF,
    CREDENTIALS_WAIT,
    JITTER,
    LONGEST_WAIT,
    Attempt,
    Delivery,
    backoff,
    settle,
    turned_away,
)

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
MESSAGE = UUID("018f0000-0000-8000-8000-000000000001")


def delivery(**fields):
    plain = {
        "number": 1,
        "lease": UUID(int=1),
        "message_id": MESSAGE,
        "decision_id": UUID(int=2),
        "installation_key": 7,
        "channel": "webhook",
        "endpoint": "till",
        "body": b"{}",
        "attempt": 1,
        "expires_at": NOW + timedelta(hours=1),
        "created_at": NOW,
        "wanted": True,
        "push": None,
    }
    return Delivery(**(plain | fields))


def failed(attempt, **fields):
    return settle(delivery(attempt=attempt), Attempt("retry", 500, "no", **fields), NOW)


def test_what_was_taken_is_sent():
    settled = settle(delivery(attempt=3), Attempt("sent", 204), NOW)
    assert (settled.state, settled.attempts, settled.result) == ("sent", 3, ("webhook", "sent"))


def test_failures_are_tried_again_ever_less_often_over_three_days():
    waits = [failed(attempt).wait for attempt in range(1, len(BACKOFF) + 1)]
    for wait, plain in zip(waits, BACKOFF, strict=True):
        assert plain * (1 - JITTER) <= wait <= plain * (1 + JITTER)
    assert timedelta(hours=70) < sum(BACKOFF, timedelta()) < timedelta(hours=74)
    assert sorted(BACKOFF) == list(BACKOFF)


def test_after_the_last_attempt_it_is_a_dead_letter():
    assert failed(len(BACKOFF)).state == "waiting"
    assert failed(len(BACKOFF) + 1).state == "dead"


def test_messages_that_failed_together_do_not_come_back_together():
    waits = {backoff(UUID(int=number), 1) for number in range(50)}
    assert len(waits) == 50
    assert backoff(MESSAGE, 1) == backoff(MESSAGE, 1)


def test_a_receiver_may_ask_for_longer_but_not_for_less_and_not_for_ever():
    assert failed(1, retry_after_s=90).wait == timedelta(seconds=90)
    assert failed(5, retry_after_s=1).wait > timedelta(minutes=20)
    assert failed(1, retry_after_s=10**9).wait == LONGEST_WAIT
    assert failed(1, retry_after_s=-5).wait > timedelta(0)


def test_what_will_never_be_taken_is_given_up_at_once():
    assert settle(delivery(), Attempt("refused", 400), NOW).state == "dead"
    assert settle(delivery(), Attempt("gone", 410), NOW).state == "dead"


def test_bad_credentials_cost_a_message_no_attempt():
    settled = settle(delivery(attempt=4), Attempt("credentials", 401), NOW)
    assert (settled.state, settled.attempts, settled.wait) == ("waiting", 3, CREDENTIALS_WAIT)
    assert settled.result == ("webhook", "credentials")


def test_an_expired_offer_is_not_sent():
    settled = turned_away(delivery(expires_at=NOW), NOW)
    assert (settled.state, settled.attempts) == ("expired", 0)
    assert turned_away(delivery(expires_at=NOW + timedelta(microseconds=1)), NOW) is None


def test_nobody_is_sent_what_they_do_not_want():
    assert turned_away(delivery(wanted=False), NOW).state == "withdrawn"


@pytest.mark.parametrize("outcome", ["sent", "retry", "refused", "gone", "credentials"])
def test_every_way_to_end_is_one(outcome):
    assert settle(delivery(), Attempt(outcome), NOW).state in {"sent", "waiting", "dead"}


def test_nothing_waits_for_longer_than_it_lives():
    soon = delivery(attempt=6, expires_at=NOW + timedelta(minutes=20))
    assert settle(soon, Attempt("retry", 500), NOW).next_at == soon.expires_at
