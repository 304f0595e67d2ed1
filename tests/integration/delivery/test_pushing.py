"""Offers by push, to services on this machine that speak the real ones' protocols."""

import threading
from ipaddress import ip_network

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg.types.json import Jsonb

from beacon_service.delivery.senders import sending
from beacon_service.settings import Settings
from tests.factories.catalogue import campaign_document, offer_document, trigger_document, zone_document
from tests.factories.certificates import authority
from tests.factories.push_services import KEY_ID, TEAM_ID, TOPIC, Apns, Browser, Fcm, error, pem
from tests.factories.receiver import Receiver
from tests.integration.pings.test_waiting import Worker as Today
from tests.integration.pings.test_waiting import bought

LINK = "https://shop.example/coffee"


@pytest.fixture
def fcm():
    made = Fcm()
    yield made
    made.close()


@pytest.fixture
def ours(tmp_path):
    return authority(tmp_path)


@pytest.fixture
def apns(ours):
    made = Apns(ours.context("localhost"))
    yield made
    made.close()


@pytest.fixture
def browsers():
    """A browser's push service."""
    made = Receiver(usual=(201, {}))
    yield made
    made.close()


@pytest.fixture
def set_up(fcm, apns, ours, tmp_path, database_url):
    """Settings of a service that can push by all three; some said otherwise."""
    vapid = tmp_path / "vapid.pem"
    vapid.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    named = {
        "database_url": database_url,
        "allow_unsafe_database": True,
        "delivery_ca_file": ours.ca_file,
        "fcm_credentials_file": fcm.account(tmp_path),
        "fcm_url": fcm.url(""),
        "apns_key_file": apns.key_file(tmp_path),
        "apns_key_id": KEY_ID,
        "apns_team_id": TEAM_ID,
        "apns_topic": TOPIC,
        "apns_url": apns.url,
        "web_push_key_file": vapid,
        "web_push_subject": "mailto:ops@shop.example",
        "web_push_networks": [ip_network("127.0.0.0/8")],
    }
    return lambda **fields: Settings(**(named | fields))


@pytest.fixture
def worker_with(engine, clock):
    """Workers by their settings, closed at the end."""
    made = []

    def work(settings):
        made.append(sending(engine, clock, settings, threading.Event()))
        return made[-1]

    yield work
    for one in made:
        one.close()


@pytest.fixture
def worker(worker_with, set_up):
    return worker_with(set_up())


@pytest.fixture
def shop(brand):
    offer = offer_document(link=LINK, code="CUP", image_url="https://shop.example/cup.png")
    brand.configure(
        zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", channel="push", offers=[offer])]
    )
    return brand


FCM, APNS = {"provider": "fcm", "token": "fcm-token-1"}, {"provider": "apns", "token": "00fc13adff785122"}


def offered(shop, push, phone="phone"):
    """A phone with that address enters the café and is offered coffee by push."""
    assert shop.register(phone, push=push).status_code == 201
    assert shop.ping(phone, "1")["decisions"] == []


def state(shop):
    return shop.rows("SELECT state, attempts, last_status, last_error FROM deliveries ORDER BY number")


def address(shop, phone="phone"):
    return shop.rows("SELECT push FROM installations WHERE id = %s", phone)[0][0]


def ids(shop):
    return shop.rows("SELECT message_id::text, decision_id::text FROM deliveries")[0]


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


class TestNoPhoneInHand:
    """After an event nobody is anywhere: whichever phone the customer looks at is the right one."""

    @pytest.fixture
    def anna(self, shop):
        """Has two phones by FCM and one by APNs; another one has no push address, and one is not hers any more."""
        shop.configure(campaigns=[self.thanks()])
        self.phones = {
            "old": self.fcm("1"),
            "new": self.fcm("2"),
            "tablet": APNS,
            "silent": None,
            "lost": FCM,
        }
        for name, push in self.phones.items():
            assert shop.register(name, push=push).status_code == 201
            assert shop.identify(name, "anna").status_code == 200
        assert shop.ask("DELETE", "/v1/installations/lost/token").status_code == 204
        return shop

    def thanks(self, **fields):
        trigger = trigger_document(move=None, event="purchase", **fields)
        offer = offer_document(link=LINK, code="CUP")
        return campaign_document("thanks", channel="push", offers=[offer], trigger=trigger)

    def fcm(self, number):
        return {"provider": "fcm", "token": f"fcm-{number}"}

    def buy(self, shop):
        bought(shop, "anna")
        today = Today(shop)
        today.notice_events()
        assert today.decide() == 1

    def test_it_reaches_each_phone_that_has_a_push_address_once(self, anna, worker, fcm, apns):
        self.buy(anna)
        worker.send_due()
        assert sorted(message["token"] for message in fcm.messages) == ["fcm-1", "fcm-2"]
        assert [request.path for request in apns.requests] == [f"/3/device/{APNS['token']}"]
        told = anna.rows(
            "SELECT i.id, d.body ->> 'installation_id', d.state FROM deliveries d"
            " JOIN installations i ON i.key = d.installation_key ORDER BY i.id"
        )
        assert told == [(name, name, "sent") for name in ("new", "old", "tablet")]
        assert anna.rows("SELECT count(DISTINCT message_id) FROM deliveries") == [(3,)]
        assert anna.rows("SELECT count(*) FROM grants") == [(1,)]

    def test_a_phone_that_registered_anew_under_its_old_address_hears_of_it_once(
        self, anna, worker, fcm, apns
    ):
        assert anna.register("reinstalled", push=APNS).status_code == 201
        assert anna.identify("reinstalled", "anna").status_code == 200
        self.buy(anna)
        worker.send_due()
        assert (len(fcm.messages), len(apns.requests)) == (2, 1)
        assert anna.rows(
            "SELECT i.id FROM deliveries d JOIN installations i ON i.key = d.installation_key"
            " WHERE d.endpoint = 'apns'"
        ) == [("reinstalled",)]

    def test_a_phone_that_is_not_registered_any_more_costs_the_others_nothing(self, anna, worker, fcm):
        fcm.answers = [error(404, "UNREGISTERED")]
        self.buy(anna)
        worker.send_due()
        states = anna.rows("SELECT endpoint, state FROM deliveries ORDER BY endpoint, state")
        assert states == [("apns", "sent"), ("fcm", "dead"), ("fcm", "sent")]
        assert anna.rows("SELECT count(*) FROM installations WHERE push ->> 'provider' = 'fcm'") == [(2,)]

    def test_one_that_has_to_wait_holds_up_no_other_phone(self, anna, worker, fcm):
        fcm.answers = [error(503, "UNAVAILABLE")]
        self.buy(anna)
        worker.send_due()
        assert len({message["token"] for message in fcm.messages}) == 2
        assert sorted(one[0] for one in state(anna)) == ["sent", "sent", "waiting"]

    def test_each_retry_of_a_phone_has_that_phones_message_id(self, anna, worker, fcm):
        fcm.answers = [error(503, "UNAVAILABLE")] * 2
        self.buy(anna)
        for _ in range(2):
            worker.send_due()
            anna.clock.advance(seconds=10)
        ids = [(message["token"], message["data"]["message_id"]) for message in fcm.messages]
        assert (len(ids), len(set(ids)), len({token for token, _ in ids})) == (4, 2, 2)

    def test_it_waits_in_the_inbox_of_each_and_is_reported_from_any(self, anna, worker):
        self.buy(anna)
        for name in ("old", "new", "tablet", "silent"):
            inbox = anna.ask("GET", f"/v1/installations/{name}/inbox", token=anna.tokens[name]).json
            (waiting,) = inbox["decisions"]
            assert waiting["offer"]["code"] == "CUP"
            decision = f"/v1/decisions/{waiting['decision_id']}"
            assert anna.ask("GET", decision, token=anna.tokens[name]).status_code == 200
        assert anna.outcome(waiting["decision_id"], "viewed", phone="tablet").status_code == 201
        worker.send_due()
        assert {one[0] for one in state(anna)} == {"withdrawn"}
        anna.register("ben")
        assert anna.ask("GET", decision, token=anna.tokens["ben"]).status_code == 404
        assert anna.ask("GET", "/v1/installations/ben/inbox", token=anna.tokens["ben"]).json == {
            "decisions": []
        }
        assert anna.outcome(waiting["decision_id"], "dismissed", phone="ben").status_code == 404

    @pytest.mark.parametrize("gone", ["revoked", "handed on"])
    def test_what_waits_outlives_the_phone_that_it_was_found_with(self, anna, worker, fcm, gone):
        anna.configure(campaigns=[self.thanks(delay_s=60)])
        bought(anna, "anna")
        today = Today(anna)
        today.notice_events()
        assert anna.rows("SELECT i.id FROM waiting w JOIN installations i ON i.key = w.installation_key") == [
            ("silent",)
        ]
        if gone == "revoked":
            assert anna.ask("DELETE", "/v1/installations/silent/token").status_code == 204
        else:
            assert anna.identify("silent", "ben").status_code == 200
        anna.clock.advance(seconds=60)
        assert today.decide() == 1
        worker.send_due()
        assert sorted(message["token"] for message in fcm.messages) == ["fcm-1", "fcm-2"]
        assert anna.rows(
            "SELECT i.id FROM decisions d JOIN installations i ON i.key = d.installation_key"
        ) == [("tablet",)]
        if gone == "handed on":
            inbox = anna.ask("GET", "/v1/installations/silent/inbox", token=anna.tokens["silent"]).json
            assert inbox == {"decisions": []}

    def test_a_phone_that_is_another_customers_by_now_is_told_nothing_of_it(self, anna, worker):
        """Nor may it take the offer from the phones that are still Anna's, though the decision names it."""
        self.buy(anna)
        ((decision, phone),) = anna.rows(
            "SELECT d.decision_id::text, i.id FROM decisions d JOIN installations i ON i.key = d.installation_key"
        )
        assert anna.identify(phone, "ben").status_code == 200
        told = anna.ask("GET", f"/v1/decisions/{decision}", token=anna.tokens[phone])
        assert (told.status_code, anna.outcome(decision, "dismissed", phone=phone).status_code) == (404, 404)
        assert anna.outcome(decision, "viewed", phone="old").status_code == 201

    def test_what_one_phone_made_is_that_phones_alone(self, anna, worker, fcm):
        assert anna.ping("old", "1")["decisions"] == []
        worker.send_due()
        assert [message["token"] for message in fcm.messages] == ["fcm-1"]
        ((decision,),) = anna.rows("SELECT decision_id::text FROM decisions")
        inbox = anna.ask("GET", "/v1/installations/new/inbox", token=anna.tokens["new"]).json
        assert inbox == {"decisions": []}
        assert anna.ask("GET", f"/v1/decisions/{decision}", token=anna.tokens["new"]).status_code == 404


class TestWhatTheCustomerHasDealtWith:
    """Seen in the inbox before the push service could be reached: another notice would be a nuisance."""

    @pytest.mark.parametrize(
        ("outcome", "told"),
        [
            ("viewed", "was seen"),
            ("clicked", "was seen"),
            ("dismissed", "was dismissed"),
            ("redeemed", "was redeemed"),
        ],
    )
    def test_is_not_sent_and_says_why(self, shop, worker, fcm, outcome, told):
        offered(shop, FCM)
        ((_, decision),) = [ids(shop)]
        assert shop.outcome(decision, outcome).status_code == 201
        worker.send_due()
        assert fcm.messages == []
        (one,) = shop.ask("GET", "/v1/deliveries?state=withdrawn").json["items"]
        assert one["last_error"] == f"the offer {told} before it could be sent"
        assert one["attempts"] == 0
        assert shop.rows("SELECT result, count FROM delivery_counts") == [("withdrawn", 1)]

    def test_nor_is_it_sent_again(self, shop, worker, fcm):
        fcm.answers = [error(503, "UNAVAILABLE")]
        offered(shop, FCM)
        worker.send_due()
        shop.outcome(ids(shop)[1], "viewed", phone="phone")
        shop.clock.advance(seconds=40)
        worker.send_due()
        assert len(fcm.messages) == 1
        assert state(shop)[0][0] == "withdrawn"

    def test_that_it_reached_the_phone_is_no_reason(self, shop, worker, fcm):
        offered(shop, FCM)
        shop.outcome(ids(shop)[1], "delivered", phone="phone")
        worker.send_due()
        assert len(fcm.messages) == 1


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
