"""Pools of codes over HTTP: imported all or none, each code given to one customer, and back when nobody saw it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from beacon_service.campaigns import codes_store
from beacon_service.campaigns.codes import is_ours, made
from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.model import Recipe
from beacon_service.db import transaction
from beacon_service.delivery.release import release_due
from beacon_service.engine import Told
from beacon_service.ids import derived_uuid
from beacon_service.pings.hand_out import CodeTaker
from tests.factories.brand import Brand, campaign_body, faults
from tests.factories.catalogue import campaign_document, offer_document, zone_document
from tests.factories.moments import campaign, question
from tests.factories.shop import Shop

POOL = {"name": "Summer"}
COUNTS = ("total", "left", "given_out", "redeemed")


@pytest.fixture
def pool(brand):
    assert brand.put("/code-pools/summer", POOL).status_code == 201
    return brand


@pytest.fixture
def shop(app, clock):
    return Shop(app, clock)


def counts(brand, name="summer"):
    answer = brand.get(f"/code-pools/{name}/codes").json
    return tuple(answer[name] for name in COUNTS)


def add(brand, *codes):
    return brand.post("/code-pools/summer/codes", {"codes": list(codes)})


def add_csv(brand, text, **headers):
    return brand.client.post(
        "/v1/code-pools/summer/codes",
        data=text.encode() if isinstance(text, str) else text,
        headers=brand.headers | {"Content-Type": "text/csv; charset=utf-8"} | headers,
    )


class TestDocuments:
    def test_a_pool_is_a_document(self, pool):
        read = pool.get("/code-pools/summer")
        assert read.json == {"id": "summer", "name": "Summer"}
        assert pool.put("/code-pools/summer", POOL).headers["ETag"] == read.headers["ETag"]
        renamed = pool.put("/code-pools/summer", {"name": "Sun"}, **{"If-Match": read.headers["ETag"]})
        assert (renamed.status_code, renamed.json["name"]) == (200, "Sun")
        assert pool.put("/code-pools/summer", POOL, **{"If-Match": read.headers["ETag"]}).status_code == 412
        assert [one["id"] for one in pool.get("/code-pools").json["items"]] == ["summer"]
        assert pool.get("/code-pools/winter").status_code == 404
        assert pool.get("/code-pools/winter/codes").status_code == 404

    def test_one_that_a_campaign_takes_from_is_not_deleted(self, pool):
        pool.open_shop()
        add(pool, "AAAA", "BBBB")
        offer = {"id": "coffee", "title": "Coffee", "body": "{{ offer.code }}", "codes": {"pool": "summer"}}
        assert pool.put("/campaigns/coffee", campaign_body(offers=[offer])).status_code == 201
        refused = pool.delete("/code-pools/summer")
        assert (refused.status_code, "from summer: coffee" in refused.json["detail"]) == (409, True)
        assert pool.put("/campaigns/coffee", campaign_body(offers=[offer], status="ended")).status_code == 200
        assert pool.delete("/code-pools/summer").status_code == 204
        pool.put("/code-pools/summer", POOL)
        assert counts(pool) == (0, 0, 0, 0)

    def test_a_campaign_names_a_pool_that_there_is(self, pool):
        pool.open_shop()
        offer = {"id": "coffee", "title": "Coffee", "body": "", "codes": {"pool": "winter"}}
        found = faults(pool.put("/campaigns/coffee", campaign_body(offers=[offer], status="draft")))
        assert found == {"/offers/0/codes/pool": "names winter, which there is not"}


class TestImport:
    def test_codes_come_as_json(self, pool):
        first, second = add(pool, "AAAA", "B-b_1."), add(pool, "CCCC")
        assert (first.status_code, second.status_code) == (201, 201)
        assert [one.json["total"] for one in (first, second)] == [2, 3]
        assert counts(pool) == (3, 3, 0, 0)

    @pytest.mark.parametrize(
        "text",
        [
            "AAAA\nBBBB\n",
            "code\r\nAAAA\r\n\r\nBBBB",
            "\ufeffCode;\n".replace(";", "") + 'AAAA,first\n"BBBB",2\n',
        ],
    )
    def test_codes_come_as_csv(self, pool, text):
        assert add_csv(pool, text).status_code == 201
        assert counts(pool) == (2, 2, 0, 0)

    def test_thousands_come_at_once(self, pool):
        assert add(pool, *(f"CODE-{number:06}" for number in range(20_000))).status_code == 201
        assert counts(pool) == (20_000, 20_000, 0, 0)

    def test_what_is_no_code_is_named_by_its_place_and_nothing_is_added(self, pool):
        found = faults(add(pool, "AAAA", "a b!", "AAAA", "ABC"))
        assert found == {
            "/codes/1": "is not a code",
            "/codes/2": "is code 0 again",
            "/codes/3": "is not a code",
        }
        assert set(faults(add_csv(pool, "code\nAAAA\nx\n"))) == {"/codes/1"}
        assert counts(pool) == (0, 0, 0, 0)

    def test_what_there_is_already_is_named_and_nothing_is_added(self, pool):
        pool.put("/code-pools/winter", POOL)
        pool.post("/code-pools/winter/codes", {"codes": ["WINTER"]})
        add(pool, "AAAA")
        found = faults(add(pool, "BBBB", "WINTER", "AAAA"))
        assert found == {"/codes/1": "is in the pool winter", "/codes/2": "is in this pool already"}
        assert counts(pool) == (1, 1, 0, 0)
        assert add(pool, "BBBB").status_code == 201

    def test_two_imports_at_once_neither_lose_nor_double(self, pool, app):
        codes = [f"CODE-{number:04}" for number in range(300)]

        def send(turn):
            with app.test_client() as client:
                return client.post(
                    "/v1/code-pools/summer/codes",
                    json={"codes": list(reversed(codes)) if turn % 2 else codes},
                    headers=pool.headers,
                ).status_code

        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(send, range(4))) == [201, 422, 422, 422]
        assert counts(pool) == (300, 300, 0, 0)

    def test_both_kinds_of_body_are_described(self, pool):
        paths = pool.client.get("/openapi.json").json["paths"]
        described = paths["/v1/code-pools/{pool_id}/codes"]["post"]["requestBody"]["content"]
        assert set(described) == {"application/json", "text/csv"}
        assert "/v1/codes/{code}:redeem" in paths

    def test_what_is_no_csv_is_told(self, pool):
        for body in (b"\xff\xfe", 'AAAA\n"BBBB'):
            answer = add_csv(pool, body)
            assert (answer.status_code, answer.json["code"]) == (400, "csv_invalid")
        assert add_csv(pool, "").json["code"] == "body_missing"
        assert set(faults(add_csv(pool, "code\n"))) == {"/codes"}
        other = pool.client.put(
            "/v1/code-pools/summer", data=b"name\nx\n", headers=pool.headers | {"Content-Type": "text/csv"}
        )
        assert other.status_code == 415


def coffee(**offer):
    return campaign_document("coffee", priority=1, offers=[offer_document("coffee", **offer)])


def pings(shop, *names):
    """(title, code) that each was offered."""
    answer = shop.post_many({shop.phone(name): [shop.ping_body("1")] for name in names}).json
    told = {one["installation_id"]: one["offer"] for one in answer["decisions"]}
    return [(told[name]["title"], told[name]["code"]) if name in told else None for name in names]


OFFER = {"title": "Show {{ offer.code }}", "codes": {"pool": "summer"}}


class TestGivenOut:
    @pytest.fixture
    def cafe(self, shop):
        shop.pool("summer", "AAAA", "BBBB", "CCCC")
        shop.configure(zones=[zone_document("cafe")], campaigns=[coffee(**OFFER), campaign_document("tea")])
        return shop

    def test_each_customer_gets_the_next_one_and_the_last_is_offered_something_else(self, cafe):
        assert pings(cafe, "anna", "ben") == [("Show AAAA", "AAAA"), ("Show BBBB", "BBBB")]
        assert pings(cafe, "carla", "dora") == [("Show CCCC", "CCCC"), ("Coffee", None)]
        lost = cafe.rows("SELECT reasons, counts FROM decisions WHERE campaign = 'tea'")
        assert lost == [({"coffee": "codes"}, [["coffee", "codes:summer", 3, 3]])]

    def test_it_is_recorded_in_its_grant_and_in_what_is_told_again(self, cafe):
        pings(cafe, "anna")
        assert cafe.rows("SELECT campaign, code FROM grants") == [("coffee", "AAAA")]
        assert cafe.rows("SELECT g.code = c.code FROM grants g JOIN codes c USING (decision_id)") == [(True,)]
        again = cafe.post_many({"anna": [cafe.ping_body("1")]}).json
        assert again["results"][0]["status"] == "duplicate"
        assert again["decisions"][0]["offer"]["code"] == "AAAA"
        assert cafe.rows("SELECT used, ceiling FROM tallies") == [(1, 3)]

    def test_of_an_expired_offer_neither_code_nor_text_tells_it(self, cafe):
        pings(cafe, "anna")
        body = cafe.ping_body("1")
        cafe.clock.advance(hours=2)
        offer = cafe.post_many({"anna": [body]}).json["decisions"][0]["offer"]
        assert (offer["code"], offer["title"]) == (None, "Show ")

    def test_nor_does_the_decision_that_the_phone_may_read(self, cafe):
        pings(cafe, "anna")
        ((decision,),) = cafe.rows("SELECT decision_id::text FROM decisions")
        headers = {
            "Authorization": f"Bearer {cafe.publishable}",
            "Beacon-Installation-Token": cafe.tokens["anna"],
        }
        for code, title in (("AAAA", "Show AAAA"), (None, "Show ")):
            offer = cafe.client.get(f"/v1/decisions/{decision}", headers=headers).json["offer"]
            assert (offer["code"], offer["title"]) == (code, title)
            cafe.clock.advance(hours=1)

    def test_a_count_that_is_lost_is_made_from_the_codes(self, cafe):
        pings(cafe, "anna")
        with cafe.connect() as connection:
            connection.execute("DELETE FROM tallies")
        assert [code for _, code in pings(cafe, "ben")] == ["BBBB"]
        assert cafe.rows("SELECT used, ceiling FROM tallies") == [(2, 3)]

    def test_a_pool_that_there_is_not_is_empty(self, cafe):
        cafe.configure(campaigns=[coffee(codes={"pool": "winter"})])
        assert pings(cafe, "anna") == [("Coffee", None)]

    def test_a_rehearsal_takes_none(self, cafe):
        cafe.phone("anna")
        body = {"customer_id": "of-anna", "site": "shop", "zone": "cafe"}
        headers = {"Authorization": f"Bearer {cafe.secret}"}
        offer = cafe.client.post("/v1/decisions:dryRun", json=body, headers=headers).json["offer"]
        assert (offer["code"], offer["title"]) == ("EXAMPLE-CODE", "Show EXAMPLE-CODE")
        assert cafe.rows("SELECT count(*) FROM codes WHERE decision_id IS NOT NULL") == [(0,)]

    def test_an_export_tells_it_and_an_erasure_forgets_where_it_was_redeemed(self, cafe):
        pings(cafe, "anna")
        headers = {"Authorization": f"Bearer {cafe.secret}"}
        with cafe.connect() as connection:
            connection.execute("INSERT INTO sites VALUES ('shop', 'Shop', 'UTC', 1)")
        slip = {"site": "shop", "redemption_id": "slip-1"}
        assert cafe.client.post("/v1/codes/AAAA:redeem", json=slip, headers=headers).status_code == 201
        (told,) = cafe.client.get("/v1/customers/of-anna/export", headers=headers).json["codes"]
        assert (told["code"], told["redeemed_site"]) == ("AAAA", "shop")
        assert cafe.client.delete("/v1/customers/of-anna", headers=headers).status_code == 204
        kept = cafe.rows(
            "SELECT code, redeemed_at IS NULL, redeemed_site, redemption_id FROM codes WHERE pool = 'summer'"
        )
        assert ("AAAA", False, None, None) in kept
        assert cafe.client.get("/v1/codes/AAAA", headers=headers).json["title"] is None

    def test_many_at_once_each_get_their_own(self, app, clock):
        shop = Shop(app, clock)
        shop.pool("summer", *(f"CODE-{number:03}" for number in range(30)))
        shop.configure(zones=[zone_document("cafe")], campaigns=[coffee(**OFFER)])
        names = [shop.phone(f"p{number}") for number in range(40)]

        def ping(name):
            with app.test_client() as client:
                body = {"batches": [{"installation_id": name, "pings": [shop.ping_body("1")]}]}
                headers = {"Authorization": f"Bearer {shop.secret}"}
                return client.post("/v1/pings", json=body, headers=headers).json["decisions"]

        with ThreadPoolExecutor(8) as threads:
            found = [one["offer"]["code"] for decisions in threads.map(ping, names) for one in decisions]
        assert len(found) == len(set(found)) == 30
        assert shop.rows("SELECT used, ceiling FROM tallies") == [(30, 30)]
        assert shop.rows("SELECT count(*), count(code) FROM grants") == [(30, 30)]

    def test_one_that_nobody_saw_comes_back_to_the_end_of_the_queue(self, cafe, engine):
        pings(cafe, "anna", "ben")
        (delivered,) = cafe.rows("SELECT decision_id::text FROM grants WHERE code = 'BBBB'")
        report = {"decision_id": delivered[0], "type": "delivered", "at": cafe.clock.now().isoformat()}
        headers = {"Authorization": f"Bearer {cafe.secret}"}
        assert cafe.client.post("/v1/outcomes", json=report, headers=headers).status_code == 201
        cafe.clock.advance(hours=2)
        with transaction(engine) as connection:
            assert release_due(connection, cafe.clock.now()) == 2
        assert cafe.rows("SELECT used, ceiling FROM tallies") == [(1, 3)]
        assert cafe.rows("SELECT code FROM codes WHERE decision_id IS NULL ORDER BY place") == [
            ("CCCC",),
            ("AAAA",),
        ]
        assert [code for _, code in pings(cafe, "carla", "dora")] == ["CCCC", "AAAA"]

    def test_a_report_that_comes_after_takes_none_away(self, cafe, engine):
        pings(cafe, "anna")
        cafe.clock.advance(hours=2)
        with transaction(engine) as connection:
            release_due(connection, cafe.clock.now())
        ((decision,),) = cafe.rows("SELECT decision_id::text FROM decisions")
        report = {"decision_id": decision, "type": "viewed", "at": cafe.clock.now().isoformat()}
        headers = {"Authorization": f"Bearer {cafe.secret}"}
        answer = cafe.client.post("/v1/outcomes", json=report, headers=headers)
        assert (answer.status_code, answer.json["late"]) == (201, True)
        assert cafe.rows("SELECT used, late, ceiling FROM tallies") == [(0, 0, 3)]

    def test_codes_are_made_where_there_is_no_pool(self, shop):
        offer = {"title": "{{ offer.code }}", "codes": {"generated": {"prefix": "SUN-", "length": 12}}}
        shop.configure(zones=[zone_document("cafe")], campaigns=[coffee(**offer)])
        names = [f"p{number}" for number in range(20)]
        found = [code for _, code in pings(shop, *names)]
        assert len(set(found)) == 20
        ((secret,),) = shop.rows("SELECT value FROM secrets WHERE name = 'codes'")
        assert all(code.startswith("SUN-") and len(code) == 16 and is_ours(secret, code) for code in found)
        assert shop.rows("SELECT count(*) FROM codes WHERE pool IS NULL AND decision_id IS NOT NULL") == [
            (20,)
        ]

    def test_a_code_that_is_anothers_already_is_made_anew(self, shop, engine, clock):
        recipe, mine, other = Recipe("", 12), derived_uuid("mine"), derived_uuid("other")
        with transaction(engine) as connection:
            secret = codes_store.secret(connection)
            codes_store.keep(connection, {other: made(secret, recipe, mine, 0)}, clock.now())
            told = Told(decisions=(decided(mine, recipe),))
            ((decision,),) = [one.decisions for one in CodeTaker(connection, clock.now())([told])]
        assert decision.offer.code == made(secret, recipe, mine, 1)


def decided(decision_id, recipe):
    offer = {"codes": {"generated": {"prefix": recipe.prefix, "length": recipe.length}}}
    decision = decide(question(), [campaign("coffee", offers=[offer_document(**offer)])])
    return replace(decision, id=decision_id)


@pytest.fixture
def brand(app, clock):
    return Brand(app, clock)
