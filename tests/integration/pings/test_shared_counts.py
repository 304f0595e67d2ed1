"""Counts that customers share, where their row comes to be while grants are already there."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

from beacon_service import partitions
from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    policy_document,
    site_document,
    square,
    trigger_document,
    zone_document,
)
from tests.integration.pings.test_waiting import Worker, bought

LIFETIME = {"kind": "lifetime"}
VIEWED_ONCE = cap_document(limit=1, subject="total", counts="viewed", window={"kind": "lifetime"})


def campaign(*caps):
    return campaign_document("coffee", caps=list(caps), offers=[offer_document(expires_after_s=60)])


@pytest.fixture
def running(shop):
    """A campaign without shared caps has made an offer to anna; then it gets one."""
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign()])
    assert shop.ping(shop.phone("anna"), "1")["decisions"]
    return shop


def release(shop):
    with shop.app.app_context(), transaction(db.engine) as connection:
        return release_due(connection, shop.clock.now())


def report_viewed(shop, phone, decision_id):
    body = {"decision_id": decision_id, "type": "viewed", "at": shop.clock.now().isoformat()}
    headers = {"Authorization": f"Bearer {shop.publishable}", "Beacon-Installation-Token": shop.tokens[phone]}
    assert shop.client.post("/v1/outcomes", json=body, headers=headers).status_code == 201


def test_a_reservation_from_before_the_cap_counts_and_comes_back(running):
    running.configure(campaigns=[campaign(VIEWED_ONCE)])
    assert not running.ping(running.phone("ben"), "1")["decisions"]
    running.clock.now_at += timedelta(seconds=61)
    assert release(running) == 1
    assert running.ping(running.phone("carla"), "1")["decisions"]


def test_a_late_view_of_an_offer_from_before_the_cap_counts_too(running):
    ((decision_id,),) = running.rows("SELECT decision_id::text FROM decisions")
    running.clock.now_at += timedelta(seconds=61)
    release(running)
    capped = cap_document(limit=2, subject="total", counts="viewed", window={"kind": "lifetime"})
    running.configure(campaigns=[campaign(capped)])
    assert running.ping(running.phone("ben"), "1")["decisions"]  # the row is made: 1 reserved
    report_viewed(running, "anna", decision_id)
    assert running.rows("SELECT used, late FROM tallies") == [(1, 1)]
    assert not running.ping(running.phone("carla"), "1")["decisions"]


def test_a_missing_partition_is_said_and_not_a_crash(running):
    running.clock.now_at += timedelta(days=400)
    response = running.post("anna", running.ping_body("much-later"))
    assert response.status_code == 503
    assert "partition" in response.json["detail"]


def offers(shop, *phones, **where):
    """How many of them are made an offer, one after the other."""
    return sum(len(shop.ping(shop.phone(name), f"of-{name}", **where)["decisions"]) for name in phones)


def tallies(shop):
    return {key: used + late for key, used, late in shop.rows("SELECT key, used, late FROM tallies")}


class TestCapsOfOneDefinition:
    CAPS = tuple(cap_document(limit, subject="total", window=LIFETIME) for limit in (3, 1, 2))

    def test_kept_by_the_policy_they_are_one_count_and_the_lowest_limit_binds(self, shop):
        policy = policy_document(*self.CAPS)
        shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document()], policy=policy)
        assert offers(shop, "anna", "ben") == 1
        assert list(tallies(shop).values()) == [1]

    def test_kept_by_a_campaign_likewise(self, shop):
        shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document(caps=list(self.CAPS))])
        assert offers(shop, "anna", "ben") == 1


def of_budget(shop, of, total):
    offer, budget = offer_document(cost=500), {"total": total, "per_day": None, "of": of}
    shop.configure(
        zones=[zone_document("cafe")], campaigns=[campaign_document(offers=[offer], budget=budget)]
    )


class TestABudgetThatComesToCountSomethingElse:
    def test_cents_are_never_taken_for_offers(self, shop):
        of_budget(shop, "cost", 100_000)
        assert offers(shop, "anna", "ben") == 2
        of_budget(shop, "offers", 3)
        assert offers(shop, "carla", "dirk") == 1
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 3  # undelivered, all of them
        assert tallies(shop) == {"budget:coffee:total": 0}

    def test_nor_offers_for_cents(self, shop):
        of_budget(shop, "offers", 100)
        assert offers(shop, "anna", "ben") == 2
        of_budget(shop, "cost", 1500)
        assert offers(shop, "carla", "dirk") == 1
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 3
        assert tallies(shop) == {"budget:coffee:of=cost:total": 0}


def migrate(shop):
    """As it comes to a database whose budgets of money were counted under the names of offers."""
    with shop.connect() as connection:
        connection.execute(import_module("migrations.versions.0010_money_apart").STATEMENTS)


class TestABudgetOfMoneyFromBeforeItHadANameOfItsOwn:
    FORMER = ("budget:coffee:total", "budget:coffee:cost:total")

    @pytest.fixture(params=FORMER)
    def former(self, shop, request):
        """Anna and Ben hold cups of 500 each, of a budget of 1500, as the ledger told it then."""
        of_budget(shop, "cost", 1500)
        assert offers(shop, "anna", "ben") == 2
        with shop.connect() as connection:
            connection.execute("UPDATE tallies SET key = %s", [request.param])
            connection.execute(
                "UPDATE grants SET charged = jsonb_build_array(jsonb_build_array(%s::text, 'delivered', 500))",
                [request.param],
            )
        return request.param

    def test_its_open_reservations_count_and_come_back(self, shop, former):
        migrate(shop)
        assert offers(shop, "carla", "dirk") == 1
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 3
        assert tallies(shop) == {"budget:coffee:of=cost:total": 0}

    def test_so_it_would_without_a_migration(self, shop, former):
        """What is counted under its own name is counted from the grants, whatever they were charged with."""
        assert offers(shop, "carla", "dirk") == 1
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 3
        assert tallies(shop)["budget:coffee:of=cost:total"] == 0

    def test_what_was_delivered_of_it_stays_spent(self, shop, former):
        ((decision, phone),) = shop.rows(
            "SELECT d.decision_id::text, i.id FROM decisions d JOIN installations i ON i.key = d.installation_key"
            " WHERE i.id = 'anna'"
        )
        report_viewed(shop, phone, decision)
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 2
        migrate(shop)
        assert offers(shop, "carla", "dirk", "emma") == 2
        assert tallies(shop) == {"budget:coffee:of=cost:total": 1500}

    def test_a_budget_of_offers_under_that_name_counts_offers(self, shop, former):
        campaign_id = former.removeprefix("budget:").removesuffix(":total")
        migrate(shop)
        offer, budget = offer_document(), {"total": 3, "per_day": None, "of": "offers"}
        shop.configure(
            campaigns=[
                campaign_document(campaign_id, priority=1, offers=[offer], budget=budget),
            ]
        )
        # Of the same campaign two are there already; of another none.
        expected = 1 if campaign_id == "coffee" else 3
        assert offers(shop, *(f"p{n}" for n in range(4))) >= expected
        assert shop.rows("SELECT used FROM tallies WHERE key = %s", former) == [(3,)]
        shop.clock.now_at += timedelta(hours=2)
        release(shop)
        assert shop.rows("SELECT used, late FROM tallies WHERE key = %s", former) == [(0, 0)]

    def test_counts_of_offers_are_left_as_they_are(self, shop):
        of_budget(shop, "offers", 2)
        assert offers(shop, "anna") == 1
        before = shop.rows("SELECT * FROM tallies"), shop.rows("SELECT charged FROM grants")
        migrate(shop)
        assert (shop.rows("SELECT * FROM tallies"), shop.rows("SELECT charged FROM grants")) == before


class TestWhatHappenedAtNoSite:
    """After events and absences nobody is anywhere: that is one place more to count by."""

    @pytest.fixture
    def worker(self, shop):
        return Worker(shop)

    def thanks(self, shop, **bounds):
        shop.configure(
            campaigns=[
                campaign_document("thanks", trigger=trigger_document(move=None, event="purchase"), **bounds)
            ]
        )

    def buy(self, shop, worker, *names):
        before = self.made(shop)
        for name in names:
            shop.phone(name)
            bought(shop, f"of-{name}", event_id=f"by-{name}")
            worker.notice_events()
            worker.decide()
        return self.made(shop) - before

    def made(self, shop):
        return shop.rows("SELECT count(*) FROM grants")[0][0]

    def test_a_budget_by_site_made_anew_counts_what_was_given(self, shop, worker):
        self.thanks(shop, budget={"total": 2, "per_day": None, "per_site": True})
        assert self.buy(shop, worker, "anna", "ben", "carla") == 2
        self.thanks(shop, budget={"total": 3, "per_day": None, "per_site": True})
        assert self.buy(shop, worker, "dirk", "emma") == 1
        shop.clock.now_at += timedelta(hours=2)
        assert release(shop) == 3
        assert tallies(shop) == {"budget:thanks:at=:total": 0}

    def test_a_rolling_cap_by_site_counts_it_each_time(self, shop, worker):
        self.thanks(shop, caps=[cap_document(1, subject="site")])
        assert self.buy(shop, worker, "anna", "ben") == 1

    def test_a_count_of_outcomes_by_site_made_later_gets_back_what_was_given_before(self, shop, worker):
        self.thanks(shop)
        assert self.buy(shop, worker, "anna") == 1
        self.thanks(shop, caps=[cap_document(1, subject="site", counts="viewed", window=LIFETIME)])
        assert self.buy(shop, worker, "ben") == 0
        shop.clock.now_at += timedelta(hours=2)
        release(shop)
        assert self.buy(shop, worker, "carla") == 1


def test_several_days_are_counted_from_when_they_began_where_each_of_a_batch_is(shop):
    """At half past one in Amsterdam the two days began a day later than the two that still run in New York."""
    shop.clock.now_at = datetime(2026, 6, 2, 12, tzinfo=UTC)
    with shop.connect() as connection:
        partitions.ensure(connection, shop.clock.now().date())
    cap = cap_document(3, subject="total", window={"kind": "calendar", "n": 2, "unit": "day"})
    far = {"column": 50.5, "row": 50.5}
    shop.configure(
        sites=[site_document(), site_document("ny", time_zone="America/New_York")],
        zones=[zone_document("cafe"), zone_document("cafe", site="ny", geometry=square(50, 50))],
        campaigns=[campaign_document(caps=[cap], trigger=trigger_document("shop/cafe", "ny/cafe"))],
    )
    assert offers(shop, "xenia", "yann", **far) == 2
    shop.clock.now_at += timedelta(days=1, hours=11, minutes=30)
    for name in ("ams", "nyc", "nyc2"):
        shop.phone(name)
    pings = {"ams": [shop.ping_body("1")], "nyc": [shop.ping_body("2", **far)]}
    response = shop.post_many(pings)
    # Amsterdam's offer is the third of New York's two days: given in the same step, it counts there.
    assert [decision["installation_id"] for decision in response.json["decisions"]] == ["ams"]
    assert not shop.ping("nyc2", "3", **far)["decisions"]


class TestWhoCountsTowardsThePolicyWithoutObeyingIt:
    @pytest.fixture
    def service(self, shop):
        """A word of service goes out in the cafe, and an advertisement in the bar."""
        shop.configure(
            zones=[zone_document("cafe"), zone_document("bar", geometry=square(3, 3))],
            campaigns=[
                campaign_document("service", obeys_policy=False),
                campaign_document("promo", trigger=trigger_document("shop/bar")),
            ],
        )
        return shop

    def bound(self, shop, limit=1):
        cap = cap_document(limit, subject="total", counts="delivered", window=LIFETIME)
        shop.configure(policy=policy_document(cap))

    def expire(self, shop):
        shop.clock.now_at += timedelta(hours=2)
        return release(shop)

    def test_what_nobody_saw_of_it_comes_back(self, service):
        self.bound(service)
        assert offers(service, "anna") == 1
        assert offers(service, "ben", column=3.5, row=3.5) == 0
        assert self.expire(service) == 1
        assert list(tallies(service).values()) == [0]
        assert offers(service, "carla", column=3.5, row=3.5) == 1

    def test_also_where_the_count_was_made_anew_in_between(self, service):
        self.bound(service)
        assert offers(service, "anna") == 1
        service.configure(policy=policy_document())
        self.bound(service, limit=2)
        assert offers(service, "ben", "carla", column=3.5, row=3.5) == 1
        assert self.expire(service) == 2
        assert list(tallies(service).values()) == [0]

    def test_what_was_given_before_the_count_comes_back_whoever_makes_it(self, service):
        assert offers(service, "anna") == 1
        self.bound(service)
        assert offers(service, "ben") == 1
        assert self.expire(service) == 2
        assert list(tallies(service).values()) == [0]
