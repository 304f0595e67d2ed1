"""A cap over all that was taken away and put back counts what was given in between."""

import pytest

from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    policy_document,
    site_document,
    zone_document,
)
from tests.factories.shop import Shop

LIFETIME = {"kind": "lifetime"}
TODAY = {"kind": "calendar", "n": 1, "unit": "day"}


@pytest.fixture
def shop(app, clock):
    return Shop(app, clock)


def offers(shop, *names):
    return sum(len(shop.ping(shop.phone(name), "p1")["decisions"]) for name in names)


@pytest.mark.parametrize("window", [LIFETIME, TODAY], ids=lambda window: window["kind"])
@pytest.mark.parametrize("counts", ["decided", "viewed"])
def test_what_was_given_while_the_cap_was_away_counts_when_it_is_back(shop, window, counts):
    capped = campaign_document(caps=[cap_document(3, subject="total", counts=counts, window=window)])
    shop.configure(zones=[zone_document()], campaigns=[capped])
    assert offers(shop, "first") == 1
    shop.configure(zones=[zone_document()], campaigns=[campaign_document()])
    assert offers(shop, "second", "third") == 2
    shop.configure(zones=[zone_document()], campaigns=[capped])
    assert offers(shop, "fourth") == 0


def test_an_edit_that_leaves_the_caps_leaves_the_counts(shop):
    caps = [cap_document(3, subject="total", window=LIFETIME)]
    shop.configure(zones=[zone_document()], campaigns=[campaign_document(caps=caps)])
    assert offers(shop, "first") == 1
    shop.configure(zones=[zone_document()], campaigns=[campaign_document(caps=caps, name="Another name")])
    assert shop.rows("SELECT used FROM tallies") == [(1,)]


def test_a_cap_of_the_policy_counts_what_was_given_while_it_was_away(shop):
    bound = policy_document(cap_document(3, subject="total", window=LIFETIME))
    shop.configure(zones=[zone_document()], campaigns=[campaign_document()], policy=bound)
    assert offers(shop, "first") == 1
    shop.configure(policy=policy_document())
    assert offers(shop, "second", "third") == 2
    shop.configure(policy=bound)
    assert offers(shop, "fourth") == 0


def test_an_edit_of_the_policy_leaves_the_counts_of_a_campaign_that_is_called_policy(shop):
    caps = [cap_document(3, subject="total", window=LIFETIME)]
    called = campaign_document("policy", caps=caps)
    shop.configure(zones=[zone_document()], campaigns=[called], policy=policy_document())
    assert offers(shop, "first") == 1
    shop.configure(policy=policy_document(cap_document(9, subject="total")))
    assert shop.rows("SELECT used FROM tallies") == [(1,)]


@pytest.mark.parametrize(
    "bound", [{"caps": [cap_document(2, subject="total", window=TODAY)]}, {"budget": {"per_day": 2}}]
)
def test_a_clock_that_was_away_knows_what_was_given_meanwhile(shop, bound):
    coffee = campaign_document(caps=bound.get("caps", []), budget=bound.get("budget"))
    shop.configure(zones=[zone_document()], campaigns=[coffee])
    assert offers(shop, "first") == 1
    shop.configure(sites=[site_document(time_zone="Asia/Tokyo")])
    assert offers(shop, "second") == 1
    shop.configure(sites=[site_document()])
    assert offers(shop, "third") == 0


def test_another_number_goes_on_with_the_same_count(shop):
    """Made anew, the count of a campaign of a million offers would take longer than a ping waits."""

    def capped(limit):
        caps = [cap_document(limit, subject="total", window=LIFETIME)]
        return campaign_document(caps=caps, budget={"total": limit, "per_day": limit})

    def rows():
        return shop.rows("SELECT key, used + late, xmin::text FROM tallies ORDER BY key")

    shop.configure(zones=[zone_document()], campaigns=[capped(2)])
    assert offers(shop, "first") == 1
    before = rows()
    shop.configure(zones=[zone_document()], campaigns=[capped(3)])
    assert rows() == before
    assert len(before) == 4  # the organisation's day is another than the site's
    assert offers(shop, "second", "third", "fourth") == 2
    shop.configure(zones=[zone_document()], campaigns=[capped(1)])
    assert offers(shop, "fifth") == 0
    assert [used for _, used, _ in rows()] == [3, 3, 3, 3]


def test_another_clock_makes_no_count_anew_that_asks_for_none(shop):
    caps = [cap_document(3, subject="total", window=LIFETIME)]
    shop.configure(zones=[zone_document()], campaigns=[campaign_document(caps=caps, budget={"total": 3})])
    assert offers(shop, "first") == 1
    shop.configure(sites=[site_document(time_zone="Asia/Tokyo")])
    assert shop.rows("SELECT used FROM tallies") == [(1,), (1,)]
