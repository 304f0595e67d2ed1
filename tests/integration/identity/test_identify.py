from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest

from tests.factories.catalogue import zone_document
from tests.factories.ledger import decide

SECRET = "a secret that two servers share, long enough"


@pytest.fixture
def settings(settings):
    return settings.model_validate(
        settings.model_dump() | {"identity_keys": [{"alg": "HS256", "key": SECRET}]}
    )


def owner(brand, phone):
    found = (
        "SELECT c.id FROM installations AS i JOIN customers AS c ON c.key = i.customer_key WHERE i.id = %s"
    )
    return brand.rows(found, phone)[0][0]


def test_history_ledger_and_consents_of_an_anonymous_customer_become_the_named_ones(brand):
    brand.register("phone-1")
    decision = decide(brand, "phone-1")
    brand.customer("anna", attributes={"loyalty": "gold"}, consents={"marketing": True})

    answer = brand.identify("phone-1", "anna")
    assert answer.json == {"customer_id": "anna", "merged": True}
    assert owner(brand, "phone-1") == "anna"
    assert brand.rows("SELECT id FROM customers") == [("anna",)]
    (anna,) = brand.rows("SELECT key FROM customers")
    for table in ("decisions", "grants", "consents", "installations"):
        assert set(brand.rows(f"SELECT customer_key FROM {table}")) == {anna}
    shown = brand.ask("GET", f"/v1/decisions/{decision}").json
    assert shown["customer_id"] == "anna"


def test_identifying_twice_changes_nothing(brand):
    brand.register("phone-1")
    brand.identify("phone-1", "anna")
    logged = brand.rows("SELECT count(*) FROM changes")
    assert brand.identify("phone-1", "anna").json == {"customer_id": "anna", "merged": False}
    assert brand.rows("SELECT count(*) FROM changes") == logged


def test_a_customer_that_is_not_known_yet_is_made(brand):
    brand.register("phone-1", marketing=True)
    brand.identify("phone-1", "anna")
    anna = brand.ask("GET", "/v1/customers/anna").json
    assert (anna["anonymous"], anna["consents"]) == (False, {"marketing": True})


def test_a_no_to_marketing_on_the_phone_is_a_no_of_the_person(brand):
    brand.customer("anna", consents={"marketing": True})
    brand.register("phone-1", marketing=False)
    brand.identify("phone-1", "anna")
    assert brand.ask("GET", "/v1/customers/anna").json["consents"] == {"marketing": False}


def test_from_a_named_customer_only_the_phone_goes_over(brand):
    brand.register("phone-1")
    brand.identify("phone-1", "anna")
    decide(brand, "phone-1")
    answer = brand.identify("phone-1", "bert")
    assert answer.json == {"customer_id": "bert", "merged": False}
    assert owner(brand, "phone-1") == "bert"
    history = "SELECT c.id FROM grants AS g JOIN customers AS c ON c.key = g.customer_key"
    assert brand.rows(history) == [("anna",)]


def test_both_sides_log_a_merge_under_one_step(brand):
    brand.register("phone-1")
    brand.identify("phone-1", "anna")
    merges = brand.rows("SELECT seq, body ? 'from' FROM changes WHERE kind = 'merge' ORDER BY seq")
    assert [told for _, told in merges] == [False, True]
    assert merges[1][0] == merges[0][0] + 1
    assert brand.rows("SELECT last_seq FROM customers WHERE id = 'anna'") == [(merges[1][0],)]


def test_visits_go_along_with_the_person(brand):
    brand.configure(zones=[zone_document("cafe")])
    brand.register("phone-1")
    brand.ping("phone-1", "p1")
    brand.identify("phone-1", "anna")
    (memory,) = brand.rows("SELECT memory FROM customers WHERE id = 'anna'")[0]
    assert memory["visits"]["shop/cafe"]["number"] == 1
    assert memory["visits"]["shop/cafe"]["open"] == 1


def test_an_open_stay_changes_hands_with_the_phone(brand):
    brand.configure(zones=[zone_document("cafe")])
    brand.register("phone-1")
    brand.identify("phone-1", "anna")
    brand.ping("phone-1", "p1")
    brand.identify("phone-1", "bert")
    open_stays = "SELECT id, coalesce(memory #>> '{visits,shop/cafe,open}', '0') FROM customers ORDER BY id"
    assert brand.rows(open_stays) == [("anna", "0"), ("bert", "1")]
    brand.clock.now_at += timedelta(minutes=1)
    brand.walk_out("phone-1", "p2")
    assert brand.rows(open_stays) == [("anna", "0"), ("bert", "0")]


def token(clock, **claims):
    plain = {"sub": "anna", "exp": clock.now().timestamp() + 60, "installation": "phone-1"}
    return jwt.encode(plain | claims, SECRET, algorithm="HS256")


def test_an_app_identifies_itself_with_a_token_of_the_brands_backend(brand):
    brand.register("phone-1")
    body = {"identity_token": token(brand.clock)}
    path = "/v1/installations/phone-1/identify"
    assert brand.ask("POST", path, body, token=brand.tokens["phone-1"]).json["customer_id"] == "anna"
    assert owner(brand, "phone-1") == "anna"


def test_a_token_for_one_phone_is_no_use_on_another(brand):
    brand.register("phone-1")
    brand.register("phone-2")
    body = {"identity_token": token(brand.clock)}
    refused = brand.ask("POST", "/v1/installations/phone-2/identify", body, token=brand.tokens["phone-2"])
    assert (refused.status_code, refused.json["code"]) == (403, "identity_token_invalid")


def test_an_app_cannot_say_by_itself_who_it_is(brand):
    brand.register("phone-1")
    path = "/v1/installations/phone-1/identify"
    refused = brand.ask("POST", path, {"customer_id": "anna"}, token=brand.tokens["phone-1"])
    assert (refused.status_code, refused.json["code"]) == (403, "secret_key_required")


@pytest.mark.parametrize("body", [{}, {"customer_id": "a", "identity_token": "b"}, {"customer_id": "anon-1"}])
def test_exactly_one_name_is_needed_and_it_is_the_brands(brand, body):
    brand.register("phone-1")
    assert brand.ask("POST", "/v1/installations/phone-1/identify", body).status_code == 422


def test_an_installation_that_nobody_registered_cannot_be_identified(brand):
    assert brand.identify("phone-9", "anna").status_code == 404
    assert brand.ask("GET", "/v1/customers/anna").status_code == 404


def test_pings_and_identifications_at_once_lose_nothing(brand):
    """Eight phones of one person log in while they ping: each ping is answered, one customer remains."""
    brand.configure(zones=[zone_document("cafe")])
    phones = [f"phone-{number}" for number in range(8)]
    for phone in phones:
        brand.register(phone)

    def ping(phone):
        return [brand.post(phone, brand.ping_body(f"p{number}")).status_code for number in range(3)]

    def identify(phone):
        return brand.identify(phone, "anna").status_code

    with ThreadPoolExecutor(8) as pool:
        pinged = [pool.submit(ping, phone) for phone in phones]
        identified = [pool.submit(identify, phone) for phone in phones]
    assert [future.result() for future in identified] == [200] * 8
    assert [future.result() for future in pinged] == [[200] * 3] * 8
    assert brand.rows("SELECT id FROM customers") == [("anna",)]
    assert brand.rows("SELECT count(*) FROM pings") == [(24,)]
    assert brand.rows("SELECT memory #>> '{visits,shop/cafe,open}' FROM customers") == [("8",)]
