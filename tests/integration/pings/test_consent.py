"""Who did not agree to be located is not, and nothing is kept of what the phone said; marketing is another matter."""

from tests.factories.catalogue import campaign_document, zone_document

TABLES = ("pings", "moves", "decisions", "grants", "presence")


def kept(shop):
    return {table: shop.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def configured(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    return shop


def test_without_location_consent_nothing_at_all_is_kept(shop):
    configured(shop).phone("anna", location=False)
    answer = shop.post("anna", shop.ping_body("1")).json
    (result,) = answer["results"]
    assert (result["status"], result["reasons"]) == ("rejected", ["no_location_consent"])
    assert (answer["events"], answer["decisions"]) == ([], [])
    assert kept(shop) == dict.fromkeys(TABLES, 0)
    assert shop.rows("SELECT memory FROM customers") == [({},)]


def test_no_other_reason_is_told_either(shop):
    """Whether the ping would have been too old or mocked is no business of ours without consent."""
    configured(shop).phone("anna", location=False)
    body = shop.ping_body("1") | {"at": "1970-01-01T00:00:00Z"}
    assert shop.post("anna", body).json["results"][0]["reasons"] == ["no_location_consent"]


def test_in_a_batch_the_others_are_kept(shop):
    configured(shop).phone("anna", location=False)
    shop.phone("ben")
    answer = shop.post_many({"anna": [shop.ping_body("1")], "ben": [shop.ping_body("1")]}).json
    assert [one["status"] for one in answer["results"]] == ["rejected", "accepted"]
    assert kept(shop) == dict.fromkeys(TABLES, 1)


def test_consent_of_one_phone_is_not_that_of_the_customers_other(shop):
    configured(shop).phone("phone", customer="anna", location=False)
    shop.phone("watch", customer="anna")
    assert shop.post("phone", shop.ping_body("1")).json["results"][0]["status"] == "rejected"
    assert [one["campaign"] for one in shop.ping("watch", "1")["decisions"]] == ["coffee"]


def test_from_its_withdrawal_on_nothing_more_is_told(shop):
    configured(shop).phone("anna")
    shop.ping("anna", "1")
    with shop.connect() as connection:
        connection.execute("UPDATE installations SET location = false")
    shop.clock.advance(seconds=5)
    answer = shop.post("anna", shop.ping_body("2", column=5)).json
    assert (answer["results"][0]["reasons"], answer["events"]) == (["no_location_consent"], [])
    assert kept(shop)["pings"] == 1


def test_without_marketing_consent_moves_are_kept_and_nothing_is_offered(shop):
    configured(shop).phone("anna", marketing=False)
    answer = shop.ping("anna", "1")
    assert [event["zone"] for event in answer["events"]] == ["cafe"]
    assert answer["decisions"] == []
    assert shop.rows("SELECT campaign, reasons FROM decisions") == [(None, {"coffee": "no_consent"})]
    assert kept(shop)["grants"] == 0
