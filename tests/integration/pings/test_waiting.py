"""Moments that wait, on a real PostgreSQL: after events, of absence, put off, and carried along with their customer."""

from datetime import timedelta

import pytest

from beacon_service import partitions
from beacon_service.db import db, transaction
from beacon_service.engine import Given
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.tick import tick
from beacon_service.pings.triggers import notice_absences, notice_events
from beacon_service.pings.waiting import decide_due
from tests.factories.catalogue import campaign_document, policy_document, trigger_document, zone_document

CAFE = zone_document("cafe", exit_hold_s=0)


def elsewhere(**fields):
    return trigger_document(move=None, **fields)


class Worker:
    """What the worker would do now."""

    def __init__(self, shop):
        self.shop = shop

    def __call__(self, job):
        service = self.shop.app.extensions["beacon"]
        with self.shop.app.app_context():
            cache = self.shop.app.extensions[CATALOGUE]
            cache.newest(db.engine)
            with transaction(db.engine) as connection:
                return job(connection, Given(self.shop.clock.now(), cache.current, service.seed))

    def notice_events(self):
        return self(notice_events)

    def notice_absences(self):
        with self.shop.app.app_context():
            programme = self.shop.app.extensions[CATALOGUE].newest(db.engine).programme
            seed = self.shop.app.extensions["beacon"].seed
            return notice_absences(db.engine, programme, self.shop.clock.now(), seed)

    def decide(self):
        return self(decide_due)

    def tick(self):
        return self(tick)


@pytest.fixture
def worker(shop):
    return Worker(shop)


def decisions(shop):
    return shop.rows("SELECT move, zone, campaign, reasons, channel FROM decisions ORDER BY decided_at, seq")


def bought(shop, customer, *, event_id="sale-1", at=None, kind="purchase"):
    at = at or shop.clock.now()
    body = {"event_id": event_id, "type": kind, "at": at.isoformat()}
    answer = shop.client.post(
        f"/v1/customers/{customer}/events", json=body, headers={"Authorization": f"Bearer {shop.secret}"}
    )
    assert answer.status_code in {200, 201}, answer.text


def after(shop, **fields):
    shop.clock.now_at += timedelta(**fields)
    with shop.connect() as connection:
        partitions.ensure(connection, shop.clock.now().date())


class TestEvents:
    def test_an_event_triggers_its_campaign_after_the_delay(self, shop, worker):
        shop.configure(
            campaigns=[campaign_document("thanks", trigger=elsewhere(event="purchase", delay_s=3600))]
        )
        shop.phone("anna")
        bought(shop, "of-anna")
        assert (worker.notice_events(), worker.notice_events()) == (1, 0)
        after(shop, minutes=59)
        assert worker.decide() == 0
        after(shop, minutes=1)
        assert worker.decide() == 1
        assert decisions(shop) == [("event:purchase", None, "thanks", {}, "inbox")]
        assert shop.rows("SELECT count(*) FROM waiting") == [(0,)]
        assert worker.decide() == 0

    def test_other_events_and_customers_without_a_phone_trigger_nothing(self, shop, worker):
        shop.configure(campaigns=[campaign_document("thanks", trigger=elsewhere(event="purchase"))])
        shop.phone("anna")
        bought(shop, "of-anna", kind="visit_of_the_site")
        bought(shop, "nobody-we-know", event_id="sale-2")
        assert worker.notice_events() == 2
        assert worker.decide() == 0

    def test_one_told_too_late_is_good_for_nothing(self, shop, worker):
        trigger = elsewhere(event="purchase", good_for_s=3600)
        shop.configure(campaigns=[campaign_document("thanks", trigger=trigger)])
        shop.phone("anna")
        bought(shop, "of-anna", at=shop.clock.now() - timedelta(hours=2))
        worker.notice_events()
        assert worker.decide() == 0

    def test_consent_and_caps_are_asked_when_it_is_due(self, shop, worker):
        shop.configure(
            campaigns=[campaign_document("thanks", trigger=elsewhere(event="purchase", delay_s=60))],
            policy=policy_document() | {"min_gap_s": 3600},
        )
        shop.phone("anna")
        shop.phone("ben", marketing=False)
        bought(shop, "of-anna")
        bought(shop, "of-anna", event_id="sale-2")
        bought(shop, "of-ben", event_id="sale-3")
        worker.notice_events()
        after(shop, seconds=60)
        assert worker.decide() == 3
        found = sorted((row[2] or "", *row[3].values()) for row in decisions(shop))
        assert found == [("", "gap"), ("", "no_consent"), ("thanks",)]


class TestAbsence:
    CAMPAIGN = campaign_document("miss-you", trigger=elsewhere(absent_days=30))

    @pytest.fixture
    def away(self, shop):
        """Anna was in the café once."""
        shop.configure(zones=[CAFE], campaigns=[self.CAMPAIGN])
        shop.ping(shop.phone("anna"), "1")
        shop.ping("anna", "2", column=9)
        return shop

    def test_who_was_not_seen_for_so_long_is_told_once(self, away, worker):
        after(away, days=29)
        assert worker.notice_absences() == 0
        after(away, days=1)
        assert (worker.notice_absences(), worker.notice_absences()) == (1, 0)
        assert worker.decide() == 1
        assert decisions(away)[-1] == ("absent", None, "miss-you", {}, "inbox")
        after(away, days=40)
        assert worker.notice_absences() == 0

    def test_a_campaign_that_was_away_does_not_tell_again(self, away, worker):
        after(away, days=30)
        worker.notice_absences()
        worker.decide()
        away.configure(campaigns=[self.CAMPAIGN | {"status": "paused"}])
        worker.notice_absences()
        away.configure(campaigns=[self.CAMPAIGN])
        assert worker.notice_absences() == 0
        assert worker.decide() == 0

    def test_who_has_come_back_is_not_missed(self, away, worker):
        trigger = elsewhere(absent_days=30)
        night = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "10:00", "to": "11:00"}]
        away.configure(campaigns=[campaign_document("miss-you", trigger=trigger, dayparts=night)])
        after(away, days=30)
        assert worker.notice_absences() == 1
        assert worker.decide() == 0  # nobody is won back outside the campaign's hours
        after(away, hours=2)
        away.ping("anna", "3")
        after(away, days=1)
        worker.decide()
        assert decisions(away)[-1][3] == {"miss-you": "left"}

    def test_the_next_absence_is_another(self, away, worker):
        after(away, days=30)
        worker.notice_absences()
        worker.decide()
        away.ping("anna", "3")
        away.ping("anna", "4", column=9)
        after(away, days=30)
        assert worker.notice_absences() == 1
        assert worker.decide() == 1


class TestThePublicationOfAnAbsence:
    """It speaks to those who stay away from then on, not to everybody who ever left."""

    def miss(self, days=30, **fields):
        trigger = elsewhere(absent_days=days, **fields)
        return campaign_document("miss-you", trigger=trigger)

    @pytest.fixture
    def long_gone(self, shop):
        """Not seen for so many days, by name."""
        shop.configure(zones=[CAFE])
        today = shop.clock.now().date()
        for days in (20, 25, 28, 29, 30, 31, 400):
            shop.phone(f"p{days}")
            with shop.connect() as connection:
                connection.execute(
                    "UPDATE customers SET seen_on = %s WHERE id = %s",
                    [today - timedelta(days=days), f"of-p{days}"],
                )
        return shop

    def told(self, shop):
        found = shop.rows(
            "SELECT i.id FROM waiting w JOIN installations i ON i.key = w.installation_key ORDER BY i.id"
        )
        return [name for (name,) in found]

    def test_tells_those_of_that_very_day_and_of_each_day_after(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        assert (worker.notice_absences(), self.told(long_gone)) == (1, ["p30"])
        after(long_gone, days=1)
        assert (worker.notice_absences(), self.told(long_gone)) == (1, ["p29", "p30"])

    def test_catches_up_with_the_days_on_which_nobody_looked(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        worker.notice_absences()
        after(long_gone, days=5)
        assert (worker.notice_absences(), self.told(long_gone)) == (3, ["p25", "p28", "p29", "p30"])

    def test_tells_all_who_are_away_where_that_is_asked_for(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss(include_already_absent=True)])
        assert (worker.notice_absences(), self.told(long_gone)) == (3, ["p30", "p31", "p400"])
        assert worker.notice_absences() == 0

    def test_counts_from_its_publication_though_nobody_looked_for_days(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        after(long_gone, days=2)
        assert (worker.notice_absences(), self.told(long_gone)) == (3, ["p28", "p29", "p30"])

    def test_takes_in_who_is_away_already_once_an_edit_asks_for_it(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        worker.notice_absences()
        long_gone.configure(campaigns=[self.miss(include_already_absent=True) | {"revision": 2}])
        assert (worker.notice_absences(), self.told(long_gone)) == (2, ["p30", "p31", "p400"])
        assert worker.notice_absences() == 0

    def test_leaves_them_out_again_and_goes_on(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss(include_already_absent=True)])
        worker.notice_absences()
        long_gone.configure(campaigns=[self.miss() | {"revision": 2}])
        after(long_gone, days=1)
        assert worker.notice_absences() == 1
        assert self.told(long_gone) == ["p29", "p30", "p31", "p400"]

    def test_fewer_days_begin_anew(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        worker.notice_absences()
        long_gone.configure(campaigns=[self.miss(20)])
        assert (worker.notice_absences(), self.told(long_gone)) == (1, ["p20", "p30"])

    def test_another_revision_of_as_many_days_goes_on(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        worker.notice_absences()
        after(long_gone, days=2)
        long_gone.configure(campaigns=[self.miss() | {"revision": 2, "priority": 5}])
        assert (worker.notice_absences(), self.told(long_gone)) == (2, ["p28", "p29", "p30"])

    def test_after_a_pause_only_whoever_comes_to_so_many_days_then_is_told(self, long_gone, worker):
        long_gone.configure(campaigns=[self.miss()])
        worker.notice_absences()
        long_gone.configure(campaigns=[self.miss() | {"status": "paused"}])
        after(long_gone, days=2)
        worker.notice_absences()
        long_gone.configure(campaigns=[self.miss()])
        assert (worker.notice_absences(), self.told(long_gone)) == (1, ["p28", "p30"])

    def test_how_far_a_former_version_looked_is_where_this_one_goes_on(self, long_gone, worker):
        reached = long_gone.clock.now().date() - timedelta(days=32)
        with long_gone.connect() as connection:
            connection.execute(
                "INSERT INTO duties VALUES ('absences', now(), json_build_object('miss-you', %s::text))",
                [reached],
            )
        long_gone.configure(campaigns=[self.miss()])
        assert (worker.notice_absences(), self.told(long_gone)) == (2, ["p30", "p31"])


class TestWhoseItIs:
    DELAYED = campaign_document("later", trigger=trigger_document("shop/cafe", delay_s=60))

    @pytest.fixture
    def put_off(self, shop):
        shop.configure(zones=[CAFE], campaigns=[self.DELAYED])
        shop.ping(shop.phone("anna"), "1")
        assert shop.rows("SELECT campaign FROM waiting") == [("later",)]
        return shop

    def test_it_goes_over_with_a_merge(self, put_off, worker):
        put_off.rows("UPDATE customers SET anonymous = true, id = 'anon-1' RETURNING 1")
        headers = {"Authorization": f"Bearer {put_off.secret}"}
        answer = put_off.client.post(
            "/v1/installations/anna/identify", json={"customer_id": "anna"}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        after(put_off, seconds=60)
        assert worker.decide() == 1
        found = put_off.rows(
            "SELECT c.id, d.reasons FROM decisions d JOIN customers c ON c.key = d.customer_key ORDER BY decided_at"
        )
        # Nobody asked either of the two for marketing consent, so the one that they are now has not given it.
        assert found == [("anna", {"later": "delayed"}), ("anna", {"later": "no_consent"})]

    def test_it_is_gone_with_an_erasure(self, put_off, worker):
        headers = {"Authorization": f"Bearer {put_off.secret}"}
        assert put_off.client.delete("/v1/customers/of-anna", headers=headers).status_code in {200, 204}
        assert put_off.rows("SELECT count(*) FROM waiting") == [(0,)]
        after(put_off, seconds=60)
        assert worker.decide() == 0

    def test_a_deleted_campaign_is_waited_for_by_nobody(self, put_off, worker):
        put_off.configure(campaigns=[], deleted=[("campaign", "later")])
        after(put_off, seconds=60)
        assert worker.decide() == 1
        assert put_off.rows("SELECT count(*) FROM waiting") == [(0,)]
        assert [row[2] for row in decisions(put_off)] == [None]

    def test_a_decision_that_waited_is_explained(self, put_off, worker):
        after(put_off, seconds=60)
        worker.decide()
        ((decision_id,),) = put_off.rows("SELECT decision_id::text FROM decisions WHERE campaign IS NOT NULL")
        headers = {"Authorization": f"Bearer {put_off.secret}"}
        told = put_off.client.get(f"/v1/decisions/{decision_id}", headers=headers)
        assert told.status_code == 200, told.text
        assert (told.json["moment"]["zone"], told.json["channel"]) == ("cafe", "inbox")
