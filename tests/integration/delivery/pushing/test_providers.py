"""What each push service is sent, and what is made of its answers."""

from ipaddress import ip_network

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg.types.json import Jsonb

from tests.factories.push_services import KEY_ID, TEAM_ID, TOPIC, Browser, error, pem
from tests.factories.pushed import APNS, FCM, LINK, address, ids, offered, state


class TestFcm:
    def test_an_offer_is_shown_by_the_phone(self, shop, worker, fcm):
        offered(shop, FCM)
        worker.send_due()
        message_id, decision_id = ids(shop)
        (message,) = fcm.messages
        assert message == {
            "token": "fcm-token-1",
            "notification": {
                "title": "Coffee",
                "body": "A cup is on us.",
                "image": "https://shop.example/cup.png",
            },
            "data": {
                "message_id": message_id,
                "decision_id": decision_id,
                "link": LINK,
                "expires_at": "2026-06-03T13:00:00+00:00",
            },
            "android": {"ttl": "3600s", "priority": "HIGH"},
        }
        assert state(shop) == [("sent", 1, 200, None)]

    def test_it_also_waits_in_the_inbox_until_it_is_dismissed(self, shop, worker):
        offered(shop, FCM)
        worker.send_due()
        token = shop.tokens["phone"]
        (waiting,) = shop.ask("GET", "/v1/installations/phone/inbox", token=token).json["decisions"]
        assert waiting["offer"]["code"] == "CUP"
        shop.outcome(waiting["decision_id"], "dismissed", phone="phone")
        assert shop.ask("GET", "/v1/installations/phone/inbox", token=token).json["decisions"] == []

    def test_taken_by_the_service_is_not_delivered_to_the_phone(self, shop, worker):
        offered(shop, FCM)
        worker.send_due()
        assert shop.rows("SELECT count(*) FROM outcomes") == [(0,)]

    def test_a_token_is_asked_for_once_and_again_when_it_ends(self, shop, worker, fcm):
        for number in range(5):
            offered(shop, FCM, phone=f"phone-{number}")
        worker.send_due()
        assert len(fcm.tokens) == 1
        shop.clock.advance(minutes=59, seconds=30)
        offered(shop, FCM, phone="later")
        worker.send_due()
        assert len(fcm.tokens) == 2
        assert len(fcm.messages) == 6

    def test_a_token_that_is_refused_is_asked_for_anew(self, shop, worker, fcm):
        offered(shop, FCM)
        worker.send_due()
        fcm.tokens[0] = "revoked"
        offered(shop, FCM, phone="another")
        worker.send_due()
        assert [row[0] for row in state(shop)] == ["sent", "waiting"]
        shop.clock.advance(minutes=1)
        worker.send_due()
        assert [row[0] for row in state(shop)] == ["sent", "sent"]

    def test_a_phone_that_is_not_registered_any_more_loses_its_address(self, shop, worker, fcm):
        fcm.answers = [error(404, "UNREGISTERED")]
        offered(shop, FCM)
        worker.send_due()
        assert address(shop) is None
        assert state(shop) == [("dead", 1, 404, "the phone is not registered with FCM any more")]
        shop.walk_out("phone", "out")
        shop.clock.advance(minutes=11)
        shop.ping("phone", "again")
        worker.send_due()
        assert len(fcm.messages) == 1

    def test_a_new_address_outlives_the_news_of_the_old_ones_end(self, shop, worker, fcm, engine):
        fcm.answers = [error(404, "UNREGISTERED")]
        offered(shop, FCM)
        renew = {"provider": "fcm", "token": "fcm-token-2"}
        taken = fcm.answer

        def meanwhile(request):
            if request.path != "/token":
                with shop.connect() as connection:
                    connection.execute("UPDATE installations SET push = %s", [Jsonb(renew)])
            return taken(request)

        fcm.answer = meanwhile
        worker.send_due()
        assert address(shop) == renew

    def test_a_throttled_message_waits_as_long_as_it_is_asked_to(self, shop, worker, fcm):
        fcm.answers = [error(429, "QUOTA_EXCEEDED", Retry_After="60")]
        offered(shop, FCM)
        worker.send_due()
        shop.clock.advance(seconds=59)
        worker.send_due()
        assert len(fcm.messages) == 1
        shop.clock.advance(seconds=1)
        worker.send_due()
        assert [message["data"]["message_id"] for message in fcm.messages] == [ids(shop)[0]] * 2
        assert state(shop) == [("sent", 2, 200, None)]

    def test_an_outage_is_waited_out(self, shop, worker, fcm):
        fcm.answers = [error(503, "UNAVAILABLE")] * 2
        offered(shop, FCM)
        for _ in range(3):
            worker.send_due()
            shop.clock.advance(seconds=40)
        assert state(shop) == [("sent", 3, 200, None)]

    def test_bad_credentials_are_seen_and_cost_no_message(self, shop, worker, fcm):
        fcm.knows_account = False
        offered(shop, FCM)
        for _ in range(20):
            worker.send_due()
            shop.clock.advance(minutes=1)
        why = "Google does not know the service account or its key"
        assert state(shop) == [("waiting", 0, 400, why)]
        ((counted,),) = shop.rows("SELECT count FROM delivery_counts WHERE result = 'credentials'")
        assert counted == 20
        fcm.knows_account = True
        worker.send_due()
        assert state(shop)[0][0] == "sent"


class TestApns:
    def test_an_offer_is_shown_by_the_phone(self, shop, worker, apns):
        offered(shop, APNS)
        worker.send_due()
        message_id, decision_id = ids(shop)
        (request,) = apns.requests
        assert request.path == "/3/device/00fc13adff785122"
        assert request.json == {
            "aps": {
                "alert": {"title": "Coffee", "body": "A cup is on us."},
                "sound": "default",
                "mutable-content": 1,
            },
            "decision_id": decision_id,
            "message_id": message_id,
            "link": LINK,
            "image_url": "https://shop.example/cup.png",
        }
        about = {
            name: request.headers[name]
            for name in ("apns-id", "apns-topic", "apns-push-type", "apns-priority")
        }
        assert about == {
            "apns-id": message_id,
            "apns-topic": TOPIC,
            "apns-push-type": "alert",
            "apns-priority": "10",
        }
        assert int(request.headers["apns-expiration"]) == int(shop.clock.now().timestamp()) + 3600
        token = request.headers["authorization"].removeprefix("bearer ")
        assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
        assert jwt.decode(token, options={"verify_signature": False})["iss"] == TEAM_ID
        assert state(shop) == [("sent", 1, 200, None)]

    def test_one_connection_and_one_token_carry_them_all(self, shop, worker, apns):
        for number in range(10):
            offered(shop, APNS, phone=f"phone-{number}")
        worker.send_due()
        offered(shop, APNS, phone="later")
        worker.send_due()
        assert len(apns.requests) == 11
        assert apns.connections == 1
        assert len({request.headers["authorization"] for request in apns.requests}) == 1
        shop.clock.advance(minutes=41)
        offered(shop, APNS, phone="much-later")
        worker.send_due()
        assert len({request.headers["authorization"] for request in apns.requests}) == 2

    def test_a_connection_that_apple_ended_is_made_anew(self, shop, worker, apns):
        offered(shop, APNS)
        worker.send_due()
        apns.hang_up()
        offered(shop, APNS, phone="another")
        for _ in range(2):
            worker.send_due()
            shop.clock.advance(seconds=10)
        assert [row[0] for row in state(shop)] == ["sent", "sent"]

    @pytest.mark.parametrize(
        ("answer", "ends"),
        [
            ((410, "Unregistered", {}), ("dead", 1, 410)),
            ((400, "BadDeviceToken", {}), ("dead", 1, 400)),
            ((403, "ExpiredProviderToken", {}), ("waiting", 0, 403)),
            ((429, "TooManyRequests", {"retry-after": "30"}), ("waiting", 1, 429)),
            ((503, "ServiceUnavailable", {}), ("waiting", 1, 503)),
        ],
    )
    def test_what_apple_says_is_heeded(self, shop, worker, apns, answer, ends):
        apns.answers = [answer]
        offered(shop, APNS)
        worker.send_due()
        assert state(shop)[0][:3] == ends
        assert (address(shop) is None) == (answer[0] == 410)

    def test_another_keys_token_is_seen_as_bad_credentials(self, shop, worker_with, set_up, tmp_path, apns):
        wrong = tmp_path / "wrong.p8"
        wrong.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
        worker = worker_with(set_up(apns_key_file=wrong))
        offered(shop, APNS)
        worker.send_due()
        assert state(shop) == [("waiting", 0, 403, "APNs answered 403 InvalidProviderToken")]


class TestWebPush:
    def test_only_the_browser_reads_it(self, shop, worker, browsers):
        browser = Browser(browsers.url("/push/1"))
        offered(shop, browser.push)
        worker.send_due()
        message_id, decision_id = ids(shop)
        (request,) = browsers.requests
        assert browser.read(request.body) == {
            "message_id": message_id,
            "decision_id": decision_id,
            "title": "Coffee",
            "body": "A cup is on us.",
            "image_url": "https://shop.example/cup.png",
            "link": LINK,
            "expires_at": "2026-06-03T13:00:00+00:00",
        }
        headers = request.headers
        assert (headers["content-encoding"], headers["ttl"], headers["urgency"]) == (
            "aes128gcm",
            "3600",
            "high",
        )
        assert len(headers["topic"]) == 32
        scheme, token, key = headers["authorization"].replace(",", "").split(" ")
        claims = jwt.decode(token.removeprefix("t="), options={"verify_signature": False})
        assert (scheme, claims["aud"]) == ("vapid", browsers.url(""))
        assert key.startswith("k=")
        assert state(shop) == [("sent", 1, 201, None)]

    def test_a_browser_that_has_unsubscribed_loses_its_address(self, shop, worker, browsers):
        browsers.usual = (410, {})
        offered(shop, Browser(browsers.url()).push)
        worker.send_due()
        assert address(shop) is None
        assert state(shop)[0][:3] == ("dead", 1, 410)

    def test_a_browser_cannot_send_us_to_our_neighbours(self, shop, worker_with, set_up, browsers):
        """The address comes from whoever registers: what webhooks may reach, it may not."""
        worker = worker_with(set_up(web_push_networks=[], webhook_networks=[ip_network("127.0.0.0/8")]))
        offered(shop, Browser(browsers.url()).push)
        worker.send_due()
        assert browsers.requests == []
        ((ends, _, _, why),) = state(shop)
        assert ends == "dead"
        assert "refused" in why


def test_without_credentials_messages_wait_and_say_for_what(shop, worker_with, set_up):
    worker = worker_with(set_up(fcm_credentials_file=None))
    offered(shop, FCM)
    worker.send_due()
    assert state(shop) == [
        ("waiting", 0, None, "BEACON_FCM_CREDENTIALS_FILE is not set: nothing can be sent")
    ]


def test_credentials_that_make_no_sense_stop_nothing_else(shop, worker_with, set_up, tmp_path, apns):
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    worker = worker_with(set_up(fcm_credentials_file=broken))
    offered(shop, FCM)
    offered(shop, APNS, phone="another")
    worker.send_due()
    (by_fcm, by_apns) = state(shop)
    assert by_fcm[0] == "waiting"
    assert "BEACON_FCM_CREDENTIALS_FILE cannot be used" in by_fcm[3]
    assert by_apns[0] == "sent"


def test_a_phone_without_an_address_finds_its_offer_in_the_inbox_only(shop, worker):
    offered(shop, None)
    assert shop.rows("SELECT count(*) FROM deliveries") == [(0,)]
    waiting = shop.ask("GET", "/v1/installations/phone/inbox", token=shop.tokens["phone"])
    assert len(waiting.json["decisions"]) == 1
