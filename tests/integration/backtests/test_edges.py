"""What a replay stumbles over: erasures, phones that change hands, workers that were late, edits under way."""

from datetime import timedelta

import pytest

from beacon_service.backtests import run as run_module
from beacon_service.backtests.model import Instead
from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from beacon_service.engine import Given
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.tick import tick
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    trigger_document,
    zone_document,
)
from tests.factories.people import People
from tests.factories.replayed import differences, ran, snapshot

CAFE = zone_document("cafe", exit_hold_s=0)
OUTSIDE = 9
VIEWED_ONCE = [cap_document(1, counts="viewed", window={"kind": "lifetime"})]


def campaign(name="coffee", *, offer="coffee", expires_after_s=60, trigger=None, **fields):
    offers = [offer_document(offer, expires_after_s=expires_after_s, **fields.pop("offer_fields", {}))]
    trigger = trigger_document("shop/cafe") | (trigger or {})
    return campaign_document(name, trigger=trigger, offers=offers, **fields)


def instead(body):
    return [Instead("campaign", body["id"], body)]


@pytest.fixture
def shop(app, clock):
    return People(app, clock)


@pytest.fixture
def began_at(shop):
    shop.configure(zones=[CAFE], campaigns=[])
    return shop.clock.now()


def known(shop, *names):
    for name in names:
        assert shop.register(name).status_code == 201
        assert shop.identify(name, f"is-{name}").status_code == 200


def visit(shop, name, mark, column=0.5):
    for number in range(2):
        shop.ping(name, f"{mark}-{number}", column=column)
        shop.clock.now_at += timedelta(seconds=10)


def release(shop):
    with shop.app.app_context(), transaction(db.engine) as connection:
        return release_due(connection, shop.clock.now())


def fire(shop):
    with shop.app.app_context():
        cache = shop.app.extensions[CATALOGUE]
        cache.newest(db.engine)
        with transaction(db.engine) as connection:
            seed = shop.app.extensions["beacon"].seed
            return tick(connection, Given(shop.clock.now(), cache.current, seed))


class TestErasure:
    def test_what_the_log_says_of_the_erased_afterwards_changes_nothing(self, shop, began_at):
        shop.configure(campaigns=[campaign()])
        known(shop, "anna")
        visit(shop, "anna", "1")
        assert shop.ask("DELETE", "/v1/customers/is-anna").status_code == 204
        shop.clock.now_at += timedelta(minutes=5)
        assert release(shop) == 1
        assert differences(shop, began_at) == ([], 0)

    def test_what_the_erased_were_given_counts_for_all_others(self, shop, began_at):
        budget = {"total": 1, "per_day": None}
        shop.configure(campaigns=[campaign(budget=budget, expires_after_s=600_000)])
        known(shop, "anna", "ben")
        visit(shop, "anna", "1")
        assert shop.ask("DELETE", "/v1/customers/is-anna").status_code == 204
        shop.clock.now_at += timedelta(hours=1)
        snapshot(shop)
        middle_at = shop.clock.now()
        shop.clock.now_at += timedelta(seconds=1)
        visit(shop, "ben", "1")
        assert differences(shop, middle_at) == ([], 1)

    @pytest.mark.parametrize("erased", ["is-anna", "is-ben"])
    def test_whoever_had_a_phone_before_or_after_them_is_as_they_were(self, shop, began_at, erased):
        shop.configure(campaigns=[campaign()])
        known(shop, "anna")
        assert shop.register("second").status_code == 201
        assert shop.identify("second", "is-anna").status_code == 200
        assert shop.customer("is-ben", attributes={}, consents={"marketing": True}).status_code == 201
        visit(shop, "anna", "1")
        assert shop.identify("anna", "is-ben").status_code == 200
        shop.clock.now_at += timedelta(minutes=30)
        for name in ("anna", "second"):
            visit(shop, name, "2", column=OUTSIDE)
            shop.clock.now_at += timedelta(minutes=30)
            visit(shop, name, "3")
        assert shop.ask("DELETE", f"/v1/customers/{erased}").status_code == 204
        found, decisions = differences(shop, began_at)
        assert (found, decisions > 0) == ([], True)


class TestParity:
    def test_a_change_while_an_edit_is_under_way_does_not_bring_the_edit_forward(self, shop, began_at):
        shop.configure(campaigns=[campaign()])
        known(shop, "anna", "ben")
        edited_at = shop.clock.now() + timedelta(seconds=10)
        shop.clock.now_at = edited_at + timedelta(milliseconds=100)
        assert shop.customer("is-ben", attributes={"x": 1}).status_code == 200
        visit(shop, "anna", "1")
        after_at, shop.clock.now_at = shop.clock.now(), edited_at  # when it began
        shop.configure(campaigns=[campaign(status="paused")])
        shop.clock.now_at = after_at + timedelta(minutes=1)
        assert differences(shop, began_at) == ([], 1)

    def test_consent_to_be_located_that_comes_back_with_the_phone_is_kept_and_logged(self, shop, began_at):
        shop.configure(campaigns=[campaign()])
        known(shop, "anna")
        token = shop.tokens["anna"]
        shop.identify("anna", "is-ben")
        shop.register("anna", location=False, marketing=None, token=token)
        shop.identify("anna", "is-anna")
        shop.register("anna", location=True, marketing=None, token=token)
        last = "SELECT granted FROM consents WHERE kind = 'location' ORDER BY id DESC LIMIT 1"
        assert shop.rows(last) == [(True,)]
        visit(shop, "anna", "1")
        assert differences(shop, began_at) == ([], 1)

    def test_a_reservation_that_was_released_late_counts_until_then_also_across_a_snapshot(
        self, shop, began_at, monkeypatch
    ):
        monkeypatch.setattr(run_module, "AT_ONCE", 1)  # nobody is met before they come up
        day = {"kind": "rolling", "n": 1, "unit": "day"}
        shop.configure(
            campaigns=[campaign(caps=[cap_document(5, subject="total", counts="viewed", window=day)])]
        )
        known(shop, "anna", "ben", "carla")
        visit(shop, "anna", "1")
        shop.clock.now_at += timedelta(minutes=40)
        snapshot(shop)
        middle_at = shop.clock.now()
        shop.clock.now_at += timedelta(seconds=1)
        visit(shop, "ben", "1")
        shop.clock.now_at += timedelta(minutes=5)
        assert release(shop) == 2
        visit(shop, "carla", "1")
        assert differences(shop, middle_at) == ([], 2)


class TestChanges:
    def test_a_tick_of_the_log_is_not_forestalled(self, shop, began_at):
        """A second visit shows it: what was viewed of the first offer is of that very offer."""
        linger = campaign("linger", trigger={"move": "dwelled", "dwell_s": 30}, caps=VIEWED_ONCE)
        shop.configure(campaigns=[linger])
        known(shop, "anna")
        for number in range(2):
            visit(shop, "anna", f"in-{number}")
            shop.clock.now_at += timedelta(seconds=10, milliseconds=500)
            fire(shop)
            for (decision,) in shop.rows("SELECT decision_id FROM decisions WHERE campaign IS NOT NULL"):
                shop.outcome(str(decision), "viewed")
            shop.clock.now_at += timedelta(minutes=2)
            release(shop)
            visit(shop, "anna", f"out-{number}", column=OUTSIDE)
            shop.clock.now_at += timedelta(minutes=20)
        report, _ = ran(shop, began_at, instead=instead(linger))
        assert (report["kinds"], report["before"]["offers"]) == ({}, 1)

    @pytest.mark.parametrize("offer", ["main", "other"])
    def test_an_offer_is_its_campaigns_whatever_it_is_called(self, shop, began_at, offer):
        shop.configure(campaigns=[campaign(offer="main")])
        known(shop, "anna")
        for number in range(3):
            visit(shop, "anna", f"in-{number}")
            shop.clock.now_at += timedelta(minutes=3)
            visit(shop, "anna", f"out-{number}", column=OUTSIDE)
            shop.clock.now_at += timedelta(minutes=20)
            release(shop)
        tea = campaign("tea", offer=offer, priority=9, caps=VIEWED_ONCE)
        report, _ = ran(shop, began_at, instead=instead(tea))
        assert report["campaigns"]["tea"]["offers"] == [0, 3]

    def test_a_reservation_ends_though_its_customer_became_another(self, shop, began_at):
        assert shop.register("anna").status_code == 201
        visit(shop, "anna", "1")
        shop.identify("anna", "is-anna")
        shop.clock.now_at += timedelta(minutes=3)
        visit(shop, "anna", "2", column=OUTSIDE)
        shop.clock.now_at += timedelta(minutes=20)
        visit(shop, "anna", "3")
        report, _ = ran(shop, began_at, instead=instead(campaign("tea", caps=VIEWED_ONCE)))
        assert report["campaigns"]["tea"]["offers"] == [0, 2]

    @pytest.mark.parametrize("how", ["goes over", "withdraws"])
    def test_what_waits_ends_with_whose_phone_it_is(self, shop, began_at, how):
        known(shop, "anna")
        shop.customer("is-ben", attributes={}, consents={"marketing": True})
        visit(shop, "anna", "1")
        if how == "goes over":
            shop.identify("anna", "is-ben")
        else:
            shop.register("anna", location=False, marketing=None, token=shop.tokens["anna"])
        shop.clock.now_at += timedelta(minutes=10)
        report, _ = ran(shop, began_at, instead=instead(campaign("later", trigger={"delay_s": 60})))
        assert report["kinds"] == {}

    def test_what_is_due_after_the_last_step_is_decided(self, shop, began_at):
        known(shop, "anna")
        visit(shop, "anna", "1")
        shop.clock.now_at += timedelta(minutes=30)
        report, _ = ran(shop, began_at, instead=instead(campaign("later", trigger={"delay_s": 60})))
        assert report["kinds"] == {"gained": 1}

    def test_an_example_is_whose_moment_it_was_and_not_whose_phone_it_is_now(self, shop, began_at):
        known(shop, "anna")
        visit(shop, "anna", "1")
        shop.clock.now_at += timedelta(minutes=10)
        shop.identify("anna", "is-ben")
        shop.clock.now_at += timedelta(minutes=1)
        _, (one,) = ran(shop, began_at, instead=instead(campaign()))
        assert shop.rows("SELECT id FROM customers WHERE key = %s", one.customer_key) == [("is-anna",)]

    def test_pools_do_not_run_dry_and_no_example_has_a_code(self, shop, began_at):
        shop.pool("few", "AAA-111")
        codes = {"codes": {"pool": "few"}, "body": "With {{ offer.code }}"}
        coffee = campaign(offer_fields=codes, expires_after_s=600_000)
        shop.configure(campaigns=[coffee])
        known(shop, "anna", "ben")
        for name in ("anna", "ben"):
            visit(shop, name, "1")
        report, examples = ran(shop, began_at, instead=instead(coffee | {"priority": 3}))
        assert report["campaigns"]["coffee"]["offers"] == [1, 2]
        _, lost = ran(shop, began_at, instead=[Instead("campaign", "coffee", None)])
        assert len(lost) == 1
        assert "AAA-111" not in str([*examples, *lost])
