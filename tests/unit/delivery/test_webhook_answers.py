"""What a receiver's answer means, and what it is sent."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.delivery.client import Answer
from beacon_service.delivery.webhooks import judged, message
from tests.unit.delivery.test_outbox import NOW, delivery


def answer(status, **headers):
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "sent"), (204, "sent"), (410, "gone"), (301, "retry"), (308, "retry")]
    + [(status, "retry") for status in (400, 401, 404, 429, 500, 503)],
)
def test_a_status_means_one_thing(status, outcome):
    assert judged(answer(status), NOW).outcome == outcome


def test_a_receiver_may_say_when_it_wants_to_be_asked_again():
    assert judged(answer(429, retry_after="120"), NOW).retry_after_s == 120
    later = NOW + timedelta(minutes=3)
    date = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert judged(answer(503, retry_after=date), NOW).retry_after_s == 180


@pytest.mark.parametrize("said", ["", "soon", "-1", "1e9", "٣", "9" * 400, "Wed, 99 Jun 2026 12:00:00 GMT"])
def test_what_is_no_time_is_nothing(said):
    assert judged(answer(503, retry_after=said), NOW).retry_after_s is None


def test_a_message_is_the_same_text_at_every_attempt():
    first = delivery(body=b'{"decision_id":"d1"}', created_at=datetime(2026, 6, 3, 11, tzinfo=UTC))
    again = delivery(body=b'{"decision_id":"d1"}', created_at=first.created_at, attempt=2)
    assert message(first) == message(again)
    assert json.loads(message(first)) == {
        "type": "offer.decided",
        "timestamp": "2026-06-03T11:00:00Z",
        "data": {"decision_id": "d1"},
    }
    assert json.loads(message(delivery(decision_id=None)))["type"] == "webhook.test"
