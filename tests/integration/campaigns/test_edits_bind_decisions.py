"""What was answered to a marketer holds for the next phone."""

from tests.factories.brand import campaign_body
from tests.factories.shop import Shop


def test_what_was_published_is_offered_to_the_next_who_enters_and_no_more_once_paused(brand, app, clock):
    shop = Shop(app, clock)
    brand.open_shop()
    brand.put("/campaigns/coffee", campaign_body())
    offered = shop.ping(shop.phone("anna"), "1")["decisions"]

    brand.put("/campaigns/coffee", campaign_body(name="Coffee again"))
    offered += shop.ping(shop.phone("bert"), "1")["decisions"]

    brand.put("/campaigns/coffee", campaign_body(status="paused"))
    late = shop.ping(shop.phone("cleo"), "1")["decisions"]

    assert [decision["campaign"] for decision in offered] == ["coffee", "coffee"]
    assert late == []
    query = "SELECT revision, reasons FROM decisions ORDER BY catalogue_version"
    assert shop.rows(query) == [(1, {}), (2, {}), (None, {"coffee": "not_live"})]
