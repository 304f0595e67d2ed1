"""A customer may be located if any of their phones may: audiences ask for it, so it stands with the customer."""


def located(brand):
    return {name for (name,) in brand.rows("SELECT id FROM customers WHERE location")}


def test_it_follows_what_the_phones_of_a_customer_say(brand):
    brand.register("phone", location=False)
    brand.register("watch", location=True)
    brand.identify("phone", "anna")
    assert "anna" not in located(brand)
    brand.identify("watch", "anna")
    assert located(brand) == {"anna"}
    brand.register("watch", location=False, token=brand.tokens["watch"])
    assert located(brand) == set()
    brand.register("phone", location=True, token=brand.tokens["phone"])
    assert located(brand) == {"anna"}


def test_it_goes_with_a_phone_that_goes_over_to_somebody_else(brand):
    brand.register("phone", location=True)
    brand.identify("phone", "anna")
    brand.identify("phone", "ben")
    assert located(brand) == {"ben"}


def test_an_audience_can_be_picked_by_it(brand):
    brand.register("phone", location=True)
    brand.customer("anna")
    asked = {"rule": {"all": [{"consent": "location"}, {"consent": "marketing"}]}}
    assert brand.ask("POST", "/v1/audiences:estimate", asked).json["customers"] == 1
