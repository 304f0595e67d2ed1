import pytest


def test_registering_makes_an_anonymous_customer_and_answers_a_token_once(brand):
    created = brand.register("phone-1")
    assert created.status_code == 201
    assert created.json["installation_token"].startswith("it_")
    assert created.json["customer_id"].startswith("anon-")

    again = brand.register("phone-1", token=created.json["installation_token"])
    assert again.status_code == 200
    assert again.json == {"installation_token": None, "customer_id": created.json["customer_id"]}


def test_the_token_is_kept_as_a_hash_only(brand):
    token = brand.register("phone-1").json["installation_token"]
    (row,) = brand.rows("SELECT row_to_json(i)::text FROM installations AS i")
    assert token not in row[0]


def test_a_known_installation_is_closed_to_whoever_lacks_its_token(brand):
    brand.register("phone-1")
    brand.register("phone-2")
    without = brand.register("phone-1", app_version="2")
    assert (without.status_code, without.json["code"]) == (403, "token_wrong")
    other = brand.register("phone-1", token=brand.tokens["phone-2"], app_version="2")
    assert (other.status_code, other.json["code"]) == (403, "token_wrong")
    assert brand.rows("SELECT DISTINCT app_version FROM installations") == [(None,)]


def test_a_refused_registration_leaves_no_customer_behind(brand):
    brand.register("phone-1")
    brand.register("phone-1")
    assert brand.rows("SELECT count(*) FROM customers") == [(1,)]


def test_a_secret_key_updates_an_installation_without_its_token(brand):
    brand.register("phone-1")
    response = brand.register("phone-1", key=brand.secret, app_version="2.1", time_zone="Europe/Amsterdam")
    assert response.status_code == 200
    assert brand.rows("SELECT app_version, time_zone FROM installations") == [("2.1", "Europe/Amsterdam")]


def test_rotating_replaces_the_token(brand):
    old = brand.register("phone-1").json["installation_token"]
    new = brand.register("phone-1", token=old, query="?rotate_token=true").json["installation_token"]
    assert new != old
    assert brand.register("phone-1", token=old).status_code == 403
    assert brand.register("phone-1", token=new).status_code == 200


def test_a_revoked_token_is_good_for_nothing_until_the_brand_issues_another(brand):
    token = brand.register("phone-1").json["installation_token"]
    assert brand.ask("DELETE", "/v1/installations/phone-1/token").status_code == 204
    assert brand.register("phone-1", token=token).status_code == 403
    assert brand.ask("GET", "/v1/installations/phone-1/inbox", token=token).status_code == 403
    fresh = brand.register("phone-1", key=brand.secret, query="?rotate_token=true").json["installation_token"]
    assert brand.ask("GET", "/v1/installations/phone-1/inbox", token=fresh).status_code == 200


def test_each_new_statement_of_consent_is_kept_and_the_same_one_is_not_kept_twice(brand):
    brand.register("phone-1", location=True, marketing=None)
    token = brand.tokens["phone-1"]
    brand.register("phone-1", location=True, marketing=None, token=token)
    brand.clock.advance(minutes=1)
    brand.register("phone-1", location=False, marketing=True, token=token)
    kept = brand.rows("SELECT kind, granted, actor FROM consents ORDER BY id")
    app = kept[1][2]
    assert kept == [
        ("location", True, "installation:phone-1"),
        ("location", False, app),
        ("marketing", True, app),
    ]
    assert app.startswith("key:")


def test_consent_to_another_wording_is_another_statement(brand):
    brand.register("phone-1", consents={"location": True, "wording": "2026-01"})
    brand.register(
        "phone-1", consents={"location": True, "wording": "2026-06"}, token=brand.tokens["phone-1"]
    )
    assert brand.rows("SELECT wording FROM consents ORDER BY id") == [("2026-01",), ("2026-06",)]


def test_what_is_not_said_of_consent_stays_as_it_was(brand):
    brand.register("phone-1", location=True, marketing=True)
    brand.register("phone-1", location=None, marketing=None, token=brand.tokens["phone-1"])
    assert brand.rows("SELECT location FROM installations") == [(True,)]
    assert brand.rows("SELECT marketing FROM customers") == [(True,)]


def test_every_consent_is_logged_for_replay_in_the_order_of_its_seq(brand):
    brand.register("phone-1", location=True, marketing=True)
    changes = brand.rows("SELECT kind, body ->> 'granted', seq FROM changes ORDER BY seq")
    assert [change[:2] for change in changes] == [("location_consent", "true"), ("consent", "true")]
    assert brand.rows("SELECT last_seq FROM customers") == [(changes[-1][2],)]


def test_a_phones_model_is_logged_for_replay_whenever_it_changes(brand):
    brand.register("phone-1", model="Pixel 9")
    token = brand.tokens["phone-1"]
    for model in ("Pixel 9", "Pixel 10"):
        brand.register("phone-1", model=model, token=token)
    key = brand.rows("SELECT key FROM installations")[0][0]
    changes = brand.rows("SELECT body FROM changes WHERE kind = 'phone_model' ORDER BY seq")
    assert changes == [
        ({"installation": key, "model": "Pixel 9"},),
        ({"installation": key, "model": "Pixel 10"},),
    ]


def test_a_phones_language_and_clock_are_logged_for_replay_whenever_they_change(brand):
    brand.register("phone-1")
    token = brand.tokens["phone-1"]
    for locale in ("nl-NL", "nl-NL", "de-CH"):
        brand.register("phone-1", locale=locale, time_zone="Europe/Zurich", token=token)
    key = brand.rows("SELECT key FROM installations")[0][0]
    changes = brand.rows("SELECT body FROM changes WHERE kind = 'phone_settings' ORDER BY seq")
    assert changes == [
        ({"installation": key, "locale": "nl-NL", "time_zone": "Europe/Zurich"},),
        ({"installation": key, "locale": "de-CH", "time_zone": "Europe/Zurich"},),
    ]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/platform"),
        ({"platform": "ios", "time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"platform": "ios", "time_zone": "../../etc/passwd"}, "/time_zone"),
        ({"platform": "ios", "consents": {"location": "yes"}}, "/consents/location"),
        ({"platform": "ios", "colour": "red"}, "/colour"),
        ({"platform": "x" * 65}, "/platform"),
    ],
)
def test_what_cannot_be_is_named(brand, body, where):
    response = brand.ask("PUT", "/v1/installations/phone-1", body)
    assert response.status_code == 422
    assert [fault["where"] for fault in response.json["errors"]] == [where]


@pytest.mark.parametrize("name", ["a" * 65, "with%20space", "caf%C3%A9", "nul%00"])
def test_an_id_that_no_brand_may_give_is_refused(brand, name):
    assert brand.ask("PUT", f"/v1/installations/{name}", {"platform": "ios"}).status_code == 422
