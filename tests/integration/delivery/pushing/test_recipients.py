"""To which phones an offer goes by push, and when to none."""

import pytest

from tests.factories.catalogue import campaign_document, offer_document, trigger_document
from tests.factories.push_services import error
from tests.factories.pushed import APNS, FCM, LINK, ids, offered, state
from tests.integration.pings.test_waiting import Worker as Today
from tests.integration.pings.test_waiting import bought


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
