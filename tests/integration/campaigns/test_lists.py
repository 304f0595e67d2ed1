"""Lists that the brand keeps by hand or by its other systems."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories.brand import faults
from tests.factories.people import People


@pytest.fixture
def brand(app, clock):
    made = People(app, clock)
    made.ask("PUT", "/v1/lists/vip", {"name": "Very important"})
    return made


def put_on(brand, *customers, name="vip"):
    return brand.ask("PUT", f"/v1/lists/{name}/customers", {"customers": list(customers)})


def take_off(brand, *customers, name="vip"):
    return brand.ask("DELETE", f"/v1/lists/{name}/customers", {"customers": list(customers)})


def members(brand, name="vip"):
    found = brand.ask("GET", f"/v1/lists/{name}/customers?limit=1000")
    return [one["id"] for one in found.json["items"]]


def test_customers_are_put_on_a_list_and_taken_off(brand):
    brand.customer("anna")
    assert put_on(brand, "anna", "ben").json == {"changed": 2, "unchanged": 0, "created": 1}
    assert put_on(brand, "ben", "carla", "carla").json == {"changed": 1, "unchanged": 1, "created": 1}
    assert members(brand) == ["anna", "ben", "carla"]
    assert take_off(brand, "ben", "nobody").json == {"changed": 1, "unchanged": 1, "created": 0}
    assert members(brand) == ["anna", "carla"]
    assert brand.ask("GET", "/v1/customers/nobody").status_code == 404


def test_a_customer_knows_the_lists_that_they_are_on_in_order(brand):
    brand.ask("PUT", "/v1/lists/staff", {"name": "Staff"})
    put_on(brand, "anna")
    put_on(brand, "anna", name="staff")
    assert brand.ask("GET", "/v1/customers/anna/audiences").json["lists"] == ["staff", "vip"]


def test_csv_does_as_well(brand):
    headers = {"Authorization": f"Bearer {brand.secret}", "Content-Type": "text/csv"}
    answer = brand.client.put("/v1/lists/vip/customers", data="customer\nanna\nben\n", headers=headers)
    assert (answer.status_code, answer.json["changed"]) == (200, 2), answer.text
    assert members(brand) == ["anna", "ben"]
    wrong = brand.client.put("/v1/lists/vip/customers", data="customer\nanna\na b\n", headers=headers)
    assert set(faults(wrong)) == {"/customers/1"}


def test_thousands_go_at_once_each_logged_under_a_number_of_their_own(brand):
    many = [f"c{number}" for number in range(2_500)]
    assert put_on(brand, *many).json == {"changed": 2500, "unchanged": 0, "created": 2500}
    logged = brand.rows("SELECT seq, last_seq, body FROM changes JOIN customers ON key = customer_key")
    assert len({seq for seq, _, _ in logged}) == len(logged) == 2_500
    assert all(seq == last_seq and body == {"list": "vip", "member": True} for seq, last_seq, body in logged)
    assert put_on(brand, *many).json["changed"] == 0
    assert brand.rows("SELECT count(*) FROM changes") == [(2_500,)]


def test_ids_that_only_the_service_gives_out_are_not_made_up(brand):
    brand.register("phone-1")
    ((anonymous,),) = brand.rows("SELECT id FROM customers")
    assert put_on(brand, anonymous).json["changed"] == 1
    assert set(faults(put_on(brand, "anna", "anon-nobody"))) == {"/customers/1"}
    assert members(brand) == [anonymous]


def test_what_an_anonymous_customer_is_on_the_named_one_is_on_afterwards(brand):
    brand.ask("PUT", "/v1/lists/staff", {"name": "Staff"})
    brand.register("phone-1")
    ((anonymous,),) = brand.rows("SELECT id FROM customers")
    put_on(brand, anonymous, "anna")
    put_on(brand, anonymous, name="staff")
    brand.identify("phone-1", "anna")
    assert brand.rows("SELECT id, lists FROM customers") == [("anna", ["staff", "vip"])]


def test_there_must_be_such_a_list_and_nobody_on_it_when_it_goes(brand):
    assert put_on(brand, "anna", name="strangers").status_code == 404
    assert brand.rows("SELECT count(*) FROM customers") == [(0,)]
    put_on(brand, "anna")
    assert brand.ask("DELETE", "/v1/lists/vip").status_code == 409
    take_off(brand, "anna")
    assert brand.ask("DELETE", "/v1/lists/vip").status_code == 204
    assert brand.ask("GET", "/v1/lists").json["items"] == []


def test_many_who_put_the_same_ones_on_it_in_any_order_do_not_stand_in_each_others_way(brand):
    names = [f"c{number}" for number in range(60)]

    def send(turn):
        return put_on(brand, *(names if turn % 2 else reversed(names))).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(12))) == {200}
    assert members(brand) == sorted(names)
    assert brand.rows("SELECT count(*) FROM changes") == [(60,)]
