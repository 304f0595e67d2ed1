"""Codes at the till: redeemed exactly once, whoever tries and how often, and not to be guessed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from beacon_service.app import create_app
from beacon_service.auth import create_key
from beacon_service.db import db, transaction
from beacon_service.delivery.release import release_due
from tests.factories.catalogue import campaign_document, cap_document, offer_document, zone_document
from tests.factories.shop import Shop

CAPS = [cap_document(9, subject="total", counts="redeemed", window={"kind": "lifetime"})]


class Till(Shop):
    """A shop whose customers come with codes."""

    def open(self, **codes):
        offer = offer_document(title="Show {{ offer.code }}", codes=codes or {"pool": "summer"})
        self.pool("summer", "AAAA", "BBBB", "CCCC")
        self.configure(
            zones=[zone_document("cafe")], campaigns=[campaign_document(caps=CAPS, offers=[offer])]
        )

    def code(self, name="anna"):
        """What a customer who enters is given."""
        (decision,) = self.post_many({self.phone(name): [self.ping_body("1")]}).json["decisions"]
        return decision["offer"]["code"]

    def look(self, code, **environ):
        return self.client.get(f"/v1/codes/{code}", headers=self.key(), environ_overrides=environ)

    def redeem(self, code, client=None, **body):
        client = client or self.client
        return client.post(f"/v1/codes/{code}:redeem", json=body, headers=self.key())

    def key(self):
        return {"Authorization": f"Bearer {self.secret}"}

    def redeemed(self):
        return self.rows("SELECT code, redeemed_site, redemption_id FROM codes WHERE redeemed_at IS NOT NULL")


@pytest.fixture
def till(app, clock):
    shop = Till(app, clock)
    shop.open()
    return shop


def test_a_code_that_somebody_has_is_told_with_its_offer(till):
    code = till.code()
    found = till.look(code).json
    assert (found["code"], found["status"], found["pool"]) == ("AAAA", "given_out", "summer")
    assert (found["campaign"], found["offer_id"], found["title"]) == ("coffee", "coffee", "Show AAAA")
    assert found["decision_id"] == str(till.rows("SELECT decision_id FROM codes WHERE code = 'AAAA'")[0][0])


@pytest.mark.parametrize("code", ["BBBB", "ZZZZ", "aaaa", "A", "not%20a%20code", "%00", "A" * 200])
def test_a_code_that_nobody_has_is_not_found(till, code):
    till.code()
    assert till.look(code).json["code"] == "not_found"
    assert till.redeem(code).json["code"] == "not_found"
    assert till.redeemed() == []


def test_it_is_redeemed_once(till):
    code = till.code()
    with till.connect() as connection:
        connection.execute("INSERT INTO sites VALUES ('shop', 'Shop', 'UTC', 1)")
    first = till.redeem(code, site="shop", redemption_id="till-7.42")
    assert (first.status_code, first.json["status"], first.json["redeemed_site"]) == (201, "redeemed", "shop")
    again = till.redeem(code, site="shop", redemption_id="till-7.42")
    assert (again.status_code, again.json) == (200, first.json)
    for other in ({}, {"redemption_id": "till-7.43"}):
        refused = till.redeem(code, **other)
        assert (refused.status_code, refused.json["code"]) == (409, "code_redeemed")
        assert "in shop" in refused.json["detail"]
    assert till.redeemed() == [("AAAA", "shop", "till-7.42")]


def test_redeeming_is_the_outcome_of_its_offer(till):
    till.redeem(till.code())
    assert till.rows("SELECT type, late FROM outcomes") == [("redeemed", False)]
    assert till.rows("SELECT outcomes FROM grants") == [(17,)]  # redeemed, and so delivered
    assert till.rows("SELECT starts_with(key, 'codes:'), used FROM tallies ORDER BY 1") == [
        (False, 1),
        (True, 1),
    ]
    assert till.rows("SELECT count(*) FROM changes WHERE kind = 'outcome'") == [(1,)]


def test_one_whose_outcome_was_reported_before_is_redeemed_already(till):
    code = till.code()
    ((decision,),) = till.rows("SELECT decision_id::text FROM codes WHERE code = %s", code)
    report = {"decision_id": decision, "type": "redeemed", "at": till.clock.now().isoformat()}
    assert till.client.post("/v1/outcomes", json=report, headers=till.key()).status_code == 201
    assert till.redeem(code).json["code"] == "code_redeemed"


def test_an_expired_one_is_refused_unless_it_was_redeemed_before(till):
    code = till.code()
    at = till.clock.now()
    till.clock.advance(hours=1)
    assert till.look(code).json["status"] == "expired"
    assert till.redeem(code).json["code"] == "code_expired"
    assert till.redeem(code, at=at.isoformat()).status_code == 201


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"at": "2026-06-03T12:03:00Z"}, "/at"),
        ({"at": "2026-06-03T11:00:00Z"}, "/at"),
        ({"at": 5}, "/at"),
        ({"site": "nowhere"}, "/site"),
        ({"redemption_id": "a b"}, "/redemption_id"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_cannot_be_is_named(till, body, where):
    answer = till.redeem(till.code(), **body)
    assert (answer.status_code, [fault["where"] for fault in answer.json["errors"]]) == (422, [where])
    assert till.redeemed() == []


def test_one_that_came_back_to_its_pool_is_nobodys(till, engine):
    code = till.code()
    till.clock.advance(hours=2)
    with transaction(engine) as connection:
        release_due(connection, till.clock.now())
    assert till.look(code).status_code == 404


def test_of_two_hundred_at_once_exactly_one_redeems(till, app):
    code, together = till.code(), Barrier(20)

    def attempt(number):
        if number < 20:
            together.wait()
        with app.test_client() as client:
            answer = till.redeem(code, client, redemption_id=f"till-{number}")
            return answer.status_code, answer.json["code"]

    with ThreadPoolExecutor(20) as threads:
        found = Counter(threads.map(attempt, range(200)))
    assert found == {(201, code): 1, (409, "code_redeemed"): 199}
    assert len(till.redeemed()) == 1
    assert till.rows("SELECT count(*) FROM outcomes") == [(1,)]


def test_of_one_redemption_that_is_sent_by_many_each_is_told_the_same(till, app):
    code = till.code()

    def attempt(_):
        with app.test_client() as client:
            return till.redeem(code, client, redemption_id="till-1").status_code

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(attempt, range(16))) == {201: 1, 200: 15}


def test_a_made_code_may_be_typed_in_small_letters(app, clock):
    shop = Till(app, clock)
    shop.open(generated={"prefix": "SUN-", "length": 12})
    code = shop.code()
    assert shop.look(code.lower()).json["code"] == code
    assert shop.redeem(f"{code.lower()}").status_code == 201


class TestGuessing:
    @pytest.fixture
    def guarded(self, settings, clock):
        app = create_app(settings.model_copy(update={"rate_limit_code_guesses": "5/minute"}), clock)
        shop = Till(app, clock)
        shop.open()
        yield shop
        with app.app_context():
            db.engine.dispose()

    def test_whoever_guesses_too_often_waits_and_is_told_nothing(self, guarded):
        code = guarded.code()
        statuses = [guarded.look(f"GUESS{number}").status_code for number in range(7)]
        assert statuses == [404] * 5 + [429] * 2
        refused = guarded.redeem(code)
        assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 12
        guarded.clock.advance(minutes=1)
        assert guarded.redeem(code).status_code == 201

    def test_it_is_counted_by_address_over_all_keys(self, guarded):
        with guarded.app.app_context():
            others = [
                create_key(db.session, kind="secret", name="t", at=guarded.clock.now()) for _ in range(6)
            ]
            db.session.commit()

        def guess(key, address):
            headers = {"Authorization": f"Bearer {key}"}
            return guarded.client.get(
                "/v1/codes/GUESS", headers=headers, environ_overrides={"REMOTE_ADDR": address}
            ).status_code

        assert [guess(key, "203.0.113.9") for key in others] == [404] * 5 + [429]
        assert guess(others[5], "203.0.113.10") == 404

    def test_codes_that_exist_are_no_guesses(self, guarded):
        code = guarded.code()
        assert [guarded.look(code).status_code for _ in range(20)] == [200] * 20
        assert guarded.redeem(code).status_code == 201
        assert [guarded.redeem(code).status_code for _ in range(20)] == [409] * 20
