"""What was decided live, by many at once and while everything changed, is decided again by a replay: without a difference."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from beacon_service.backtests.model import Instead
from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from beacon_service.engine import Given
from beacon_service.pings.deciding import CATALOGUE
from beacon_service.pings.tick import tick
from beacon_service.pings.triggers import notice_events
from beacon_service.pings.waiting import decide_due
from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    policy_document,
    square,
    trigger_document,
    zone_document,
)
from tests.factories.people import People
from tests.factories.replayed import differences, ran, snapshot

AT_ONCE = 6
PEOPLE = 24
ROUNDS = 30
ZONES = 6
ATTRIBUTES = ({"tier": "gold"}, {"tier": "silver"}, {})


def zones():
    plain = [
        zone_document(f"z{number}", geometry=square(number * 2, 0), dwell_s=[30], exit_hold_s=0)
        for number in range(ZONES)
    ]
    return [*plain, zone_document("mall", geometry=square(-1, -1, columns=20, rows=3), exit_hold_s=0)]


def everywhere(**fields):
    return trigger_document(*[f"shop/z{number}" for number in range(ZONES)], **fields)


def campaigns():
    """Every sort of count, of chance and of delay, and more takers than there is to be had."""
    return [
        campaign_document(
            "few",
            trigger=everywhere(),
            budget={"total": 15, "per_day": None},
            priority=9,
            offers=[offer_document(expires_after_s=40)],
        ),
        campaign_document(
            "daily",
            trigger=everywhere(),
            budget={"total": None, "per_day": 12, "per_site": True},
            hold_out=0.3,
            priority=8,
        ),
        campaign_document(
            "gold",
            trigger=everywhere(),
            audience={"attribute": "tier", "op": "eq", "value": "gold"},
            caps=[cap_document(3, window={"kind": "rolling", "n": 5, "unit": "minute"})],
            priority=7,
        ),
        campaign_document(
            "shared",
            trigger=everywhere(),
            caps=[
                cap_document(4, subject="total", window={"kind": "rolling", "n": 2, "unit": "minute"}),
                cap_document(9, subject="site", counts="viewed", window={"kind": "lifetime"}),
            ],
            priority=6,
            offers=[
                offer_document("a", weight=1, expires_after_s=60),
                offer_document("b", weight=2, expires_after_s=60),
            ],
        ),
        campaign_document("dwell", trigger=everywhere(move="dwelled", dwell_s=30), priority=5),
        campaign_document("later", trigger=everywhere(delay_s=45, recheck="still_in_zone"), priority=4),
        campaign_document("thanks", trigger=trigger_document(move=None, event="purchase", delay_s=5)),
        campaign_document("bye", trigger=trigger_document("shop/mall", move="exited"), group="g"),
        campaign_document("always", trigger=everywhere(), fallback=True, group="g", suppression=None),
    ]


class Crowd:
    """People who walk, say what became of offers, buy, change their minds and turn out to be somebody."""

    def __init__(self, shop, seed):
        self.shop, self.random = shop, random.Random(seed)
        self.numbers = itertools.count()
        self.phones, self.sent, self.offers = [], [], []
        for number in range(PEOPLE):
            self.come(f"p{number}")

    def come(self, name):
        marketing = self.random.random() < 0.9
        time_zone = self.random.choice([None, "Europe/Amsterdam", "America/New_York"])
        answer = self.shop.register(name, marketing=marketing, time_zone=time_zone)
        assert answer.status_code < 300, answer.text
        self.phones.append(name)

    def pings(self):
        """Of several phones in one request: new ones, old ones, and some that were sent before."""
        batches = {}
        for name in self.random.sample(self.phones, 5):
            made = []
            for _ in range(self.random.randint(1, 3)):
                ago_s = self.random.choice([0, 0, 0, 2, 40, 200])
                at = self.shop.clock.now() - timedelta(
                    seconds=ago_s, milliseconds=self.random.randint(0, 999)
                )
                column = self.random.choice([2 * self.random.randrange(ZONES) + 0.5, 30])
                made.append(self.shop.ping_body(f"{next(self.numbers)}", at=at, column=column))
            self.sent += [(name, ping) for ping in made]
            batches[name] = made
        if self.random.random() < 0.5:
            name, ping = self.random.choice(self.sent)
            batches.setdefault(name, []).append(ping)
        return lambda: self.posted(self.shop.post_many(batches))

    def posted(self, answer):
        assert answer.status_code == 200, answer.text
        self.offers += [(one["installation_id"], one["decision_id"]) for one in answer.json["decisions"]]

    def report(self):
        if not self.offers:
            return lambda: None
        _, decision = self.random.choice(self.offers)
        kind = self.random.choice(["delivered", "viewed", "clicked", "dismissed", "redeemed"])
        return lambda: self.shop.outcome(decision, kind)

    def become(self):
        """Two phones of one customer, sooner or later."""
        name, who = self.random.choice(self.phones), f"known-{self.random.randrange(8)}"
        return lambda: self.shop.identify(name, who)

    def change(self):
        who, attributes = f"known-{self.random.randrange(8)}", self.random.choice(ATTRIBUTES)
        consents = self.random.choice([{}, {"consents": {"marketing": self.random.random() < 0.8}}])
        return lambda: self.shop.customer(who, attributes=attributes, **consents)

    def buy(self):
        who, at = f"known-{self.random.randrange(8)}", self.shop.clock.now().isoformat()
        body = {"events": [{"type": "purchase", "at": at, "event_id": f"bought-{next(self.numbers)}"}]}
        return lambda: self.shop.ask("POST", f"/v1/customers/{who}/events", body)

    def withdraw(self):
        name, token = self.random.choice(list(self.shop.tokens.items()))
        return lambda: self.shop.register(name, location=self.random.random() < 0.7, token=token)

    def some(self):
        sorts = [self.pings] * 12 + [self.report] * 4 + [self.become, self.change, self.buy, self.withdraw]
        return [self.random.choice(sorts)() for _ in range(AT_ONCE * 2)]


def work(shop):
    """What workers do, twice at once."""
    service = shop.app.extensions["beacon"]

    def job(one):
        with shop.app.app_context():
            cache = shop.app.extensions[CATALOGUE]
            cache.newest(db.engine)
            with transaction(db.engine) as connection:
                one(connection, Given(shop.clock.now(), cache.current, service.seed))

    jobs = [tick, decide_due, notice_events, lambda connection, given: release_due(connection, given.now)]
    return [lambda one=one: job(one) for one in jobs]


def edit(shop, number):
    """In the middle of it all: a cap is lowered, a zone moves, a campaign is paused."""
    if number == 8:
        shop.configure(
            campaigns=[campaign_document("daily", trigger=everywhere(), priority=8, caps=[cap_document(1)])]
        )
    elif number == 15:
        shop.configure(zones=[zone_document("z1", geometry=square(2, 0, columns=2), exit_hold_s=0)])
    elif number == 20:
        shop.configure(campaigns=[campaign_document("always", trigger=everywhere(), status="paused")])


@pytest.fixture
def shop(app, clock):
    return People(app, clock)


@pytest.fixture(params=[1, 2, 3])
def history(shop, request):
    """Half an hour of a busy shop; answers when it began."""
    began_at = shop.clock.now()
    shop.configure(
        zones=zones(),
        campaigns=campaigns(),
        policy=policy_document(
            cap_document(6, window={"kind": "rolling", "n": 10, "unit": "minute"}), hold_out=0.1
        ),
    )
    crowd = Crowd(shop, request.param)
    with ThreadPoolExecutor(AT_ONCE) as together:
        for number in range(ROUNDS):
            shop.clock.now_at += timedelta(seconds=shop_seconds(number))
            if number == ROUNDS // 2:
                shop.middle_at = shop.clock.now()
                snapshot(shop)
            edit(shop, number)
            for done in [together.submit(one) for one in (*crowd.some(), *work(shop))]:
                done.result(60)
    return began_at


def shop_seconds(number):
    return 3 + number % 4 * 11


@pytest.mark.parametrize("anew", [False, True])
def test_a_replay_from_the_first_day_decides_what_was_decided(shop, history, anew):
    with shop.connect() as connection:
        connection.execute("DELETE FROM snapshots")
    found, decisions = differences(shop, history, anew=anew)
    assert found == []
    assert decisions == shop.rows("SELECT count(*) FROM decisions")[0][0] > 100


def test_a_replay_from_a_snapshot_decides_what_was_decided_after_it(shop, history):
    found, decisions = differences(shop, shop.middle_at)
    assert found == []
    assert (
        decisions
        == shop.rows("SELECT count(*) FROM decisions WHERE decided_at >= %s", shop.middle_at)[0][0]
        > 50
    )


def test_a_change_that_changes_nothing_makes_no_difference(shop, history):
    """Though then the replay has timers and reservations of its own."""
    (gold,) = [one for one in campaigns() if one["id"] == "gold"]
    report, examples = ran(shop, history, instead=[Instead("campaign", "gold", gold)])
    assert examples == []
    assert report["before"] == report["after"]
    assert report["before"]["offers"] > 50
