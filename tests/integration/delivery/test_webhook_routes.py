"""Webhooks are documents like others; their secrets are shown once and kept nowhere."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from beacon_service.app import create_app
from beacon_service.db import db
from beacon_service.settings import Settings
from tests.factories.people import People


def put(shop, name="till", **fields):
    return shop.ask("PUT", f"/v1/webhooks/{name}", {"url": "https://shop.example/hook"} | fields)


def test_a_webhook_is_made_read_listed_and_deleted(shop, pause):
    made = put(shop, campaigns=["coffee"], description="the till")
    assert made.status_code == 201
    read = shop.ask("GET", "/v1/webhooks/till")
    assert read.json == {
        "id": "till",
        "url": "https://shop.example/hook",
        "enabled": True,
        "campaigns": ["coffee"],
        "description": "the till",
        "disabled_because": None,
        "secret": None,
    }
    assert read.headers["ETag"] == made.headers["ETag"]
    assert [one["id"] for one in shop.ask("GET", "/v1/webhooks").json["items"]] == ["till"]
    pause()
    assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 204
    assert shop.ask("GET", "/v1/webhooks/till").status_code == 404
    assert shop.rows("SELECT count(*) FROM webhook_secrets") == [(0,)]


def test_the_secret_is_shown_once_and_stands_nowhere(shop):
    secret = put(shop).json["secret"]
    assert secret.startswith("whsec_")
    assert put(shop, description="again").json["secret"] is None
    assert shop.ask("GET", "/v1/webhooks/till").json["secret"] is None
    dumped = str(shop.rows("SELECT * FROM webhook_secrets")) + str(
        shop.rows("SELECT body::text FROM catalogue_log WHERE kind = 'webhook'")
    )
    assert secret.removeprefix("whsec_") not in dumped


class TestDeletion:
    """A published campaign by webhook would make offers that nobody is ever told of."""

    def test_is_refused_while_published_campaigns_have_no_other_webhook(self, shop):
        put(shop)
        put(shop, "desk", campaigns=["coffee"])
        refused = shop.ask("DELETE", "/v1/webhooks/till")
        assert (refused.status_code, refused.json["code"]) == (409, "conflict")
        assert "tea" in refused.json["detail"]
        assert "coffee" not in refused.json["detail"]
        assert shop.ask("GET", "/v1/webhooks/till").status_code == 200

    def test_is_none_of_its_business_where_others_take_the_same(self, shop):
        put(shop)
        put(shop, "desk")
        assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 204

    def test_a_disabled_webhook_is_no_other(self, shop):
        put(shop)
        put(shop, "desk", enabled=False)
        assert shop.ask("DELETE", "/v1/webhooks/desk").status_code == 204
        assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 409

    def test_is_free_once_they_are_paused(self, shop, pause):
        put(shop)
        pause()
        assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 204


def test_made_anew_under_the_same_name_it_has_another_secret(shop, pause):
    first = put(shop).json["secret"]
    pause()
    assert shop.ask("DELETE", "/v1/webhooks/till").status_code == 204
    assert put(shop).json["secret"] != first


def test_an_edit_over_another_state_is_refused(shop):
    version = put(shop).headers["ETag"]
    put(shop, description="by somebody else")
    body = {"url": "https://shop.example/other"}
    late = shop.ask("PUT", "/v1/webhooks/till", body, headers={"If-Match": version})
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/",
        "shop.example",
        "https://",
        "https://user:password@shop.example/",
        "https://shop.example/#part",
        "https://shop.example:port/",
        "https://[::1/",
        "https://10.0.0.1/hook",
        "https://[::ffff:169.254.169.254]/",
        "https://shöp.example/",
        "https://shop example/",
        "",
    ],
)
def test_what_cannot_be_sent_to_is_refused_with_a_sentence(shop, url):
    refused = put(shop, url=url)
    assert refused.status_code == 422, refused.text
    (fault,) = refused.json["errors"]
    assert fault["where"] == "/url"
    assert fault["do"]


def test_a_campaign_that_there_is_not_is_named(shop):
    refused = put(shop, campaigns=["coffee", "cocoa"])
    assert [fault["where"] for fault in refused.json["errors"]] == ["/campaigns/1"]


def test_a_rotated_secret_is_new_and_the_former_one_ends(shop):
    former = put(shop).json["secret"]
    rotated = shop.ask("POST", "/v1/webhooks/till:rotate", {"overlap_s": 3600})
    assert rotated.status_code == 200, rotated.text
    assert rotated.json["secret"] not in {None, former}
    assert rotated.json["former_ends_at"] == "2026-06-03T13:00:00Z"
    assert shop.ask("POST", "/v1/webhooks/desk:rotate", {}).status_code == 404
    assert shop.ask("POST", "/v1/webhooks/till:rotate", {"overlap_s": -1}).status_code == 422


def test_both_secrets_sign_until_the_former_one_ends(shop, receiver, worker, webhook):
    new = shop.ask("POST", "/v1/webhooks/till:rotate", {"overlap_s": 600}).json["secret"]
    shop.ask("POST", "/v1/webhooks/till:test")
    worker.send_due()
    shop.clock.advance(seconds=601)
    shop.ask("POST", "/v1/webhooks/till:test")
    worker.send_due()
    during, after = receiver.requests
    assert verified(during, webhook)
    assert verified(during, new)
    assert verified(after, new)
    assert not verified(after, webhook)


def verified(request, secret):
    """By signature alone: the tests' clock is not the verifier's."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.{request.body.decode()}"
    id_, at, body = signed.split(".", 2)
    expected = Webhook(secret).sign(id_, datetime.fromtimestamp(int(at), UTC), body)
    return expected in request.headers["webhook-signature"].split(" ")


def test_a_test_message_arrives_and_is_told_of(shop, receiver, worker, webhook):
    asked = shop.ask("POST", "/v1/webhooks/till:test")
    assert asked.status_code == 202
    worker.send_due()
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == asked.json["message_id"]
    assert request.json == {
        "type": "webhook.test",
        "timestamp": "2026-06-03T12:00:00Z",
        "data": {"webhook": "till"},
    }
    told = shop.ask("GET", f"/v1/deliveries/{asked.json['message_id']}").json
    assert (told["state"], told["decision_id"], told["last_status"]) == ("sent", None, 200)


def test_a_disabled_webhook_cannot_be_tested(shop, webhook, receiver):
    put(shop, url=receiver.url(), enabled=False)
    assert shop.ask("POST", "/v1/webhooks/till:test").status_code == 409
    assert shop.ask("POST", "/v1/webhooks/desk:test").status_code == 404


def test_without_a_key_of_its_own_the_service_makes_no_secrets(database_url, clock):
    app = create_app(Settings(database_url=database_url, allow_unsafe_database=True), clock)
    refused = put(People(app, clock))
    assert refused.status_code == 409
    assert "BEACON_SECRET_KEY" in refused.json["detail"]
    with app.app_context():
        db.engine.dispose()
