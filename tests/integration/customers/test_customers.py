import pytest


def test_a_put_creates_and_then_replaces(brand):
    created = brand.customer("anna", attributes={"loyalty": "gold", "age": 41}, consents={"marketing": True})
    assert created.status_code == 201
    assert created.json["attributes"] == {"loyalty": "gold", "age": 41}
    assert created.json["consents"] == {"marketing": True}

    replaced = brand.customer("anna", attributes={"sizes": [38, 39]})
    assert replaced.status_code == 200
    assert replaced.json["attributes"] == {"sizes": [38, 39]}
    assert replaced.json["consents"] == {"marketing": True}
    assert replaced.headers["ETag"] != created.headers["ETag"]


def test_an_identical_put_changes_nothing(brand):
    first = brand.customer("anna", attributes={"loyalty": "gold"}, consents={"marketing": True})
    logged = brand.rows("SELECT count(*) FROM changes")
    second = brand.customer("anna", attributes={"loyalty": "gold"}, consents={"marketing": True})
    assert second.headers["ETag"] == first.headers["ETag"]
    assert brand.rows("SELECT count(*) FROM changes") == logged


def test_an_edit_of_an_older_version_is_refused(brand):
    etag = brand.customer("anna", attributes={"a": 1}).headers["ETag"]
    brand.customer("anna", attributes={"a": 2})
    body = {"attributes": {"a": 3}}
    refused = brand.ask("PUT", "/v1/customers/anna", body, headers={"If-Match": etag})
    assert refused.status_code == 412
    assert brand.ask("GET", "/v1/customers/anna").json["attributes"] == {"a": 2}


def test_create_only_creates_only(brand):
    only = {"If-None-Match": "*"}
    assert brand.ask("PUT", "/v1/customers/anna", {}, headers=only).status_code == 201
    assert brand.ask("PUT", "/v1/customers/anna", {}, headers=only).status_code == 412


def test_an_edit_meant_for_one_who_is_not_there_creates_nobody(brand):
    refused = brand.ask("PUT", "/v1/customers/anna", {}, headers={"If-Match": '"1"'})
    assert refused.status_code == 412
    assert brand.ask("GET", "/v1/customers/anna").status_code == 404


def test_a_reader_who_has_it_is_told_so(brand):
    etag = brand.customer("anna").headers["ETag"]
    assert brand.ask("GET", "/v1/customers/anna", headers={"If-None-Match": etag}).status_code == 304


def test_the_list_goes_on_where_the_page_ended(brand):
    for name in ("anna", "bert", "carl"):
        brand.customer(name)
    first = brand.ask("GET", "/v1/customers?limit=2").json
    rest = brand.ask("GET", f"/v1/customers?limit=2&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == ["anna", "bert", "carl"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": None},
        {"a": {"b": 1}},
        {"a": [[1]]},
        {"a": list(range(101))},
        {"a": "x" * 1025},
        {"a b": 1},
        {"a": 2**60},
        {f"a{number}": 1 for number in range(101)},
        {f"a{number}": "x" * 1000 for number in range(20)},
    ],
    ids=["null", "object", "nested", "long-list", "long-text", "name", "huge", "many", "all-too-much"],
)
def test_attributes_are_scalars_and_short_lists_of_them(brand, attributes):
    response = brand.customer("anna", attributes=attributes)
    assert response.status_code == 422
    assert len(response.json["errors"]) == 1


def test_a_text_that_the_database_cannot_hold_is_a_clear_problem(brand):
    response = brand.customer("anna", attributes={"name": "a\0b"})
    assert response.status_code in {400, 422}
    assert response.json["code"] != "internal_error"


@pytest.mark.parametrize("name", ["anon-5", "erased-5"])
def test_ids_that_the_service_gives_out_are_not_the_brands(brand, name):
    assert brand.customer(name).status_code == 422


def test_a_key_without_the_scope_is_told_which_one_it_lacks(brand):
    refused = brand.ask("GET", "/v1/customers", key=brand.publishable)
    assert (refused.status_code, refused.json["code"]) == (403, "secret_key_required")
