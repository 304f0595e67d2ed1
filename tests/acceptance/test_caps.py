"""However many ask at once, a cap of three is three: by a count made from the grants table alone."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.acceptance.walks import in_zone, report
from tests.torture.world import LIFETIME, TODAY, ZONES, campaign, cap

CLIENTS = 64
PINGS_EACH = 4
HOUR = {"kind": "rolling", "n": 1, "unit": "hour"}

GRANTED = "SELECT count(*) FROM grants WHERE campaign = %s AND arm = 'offered'"
DECIDED = "SELECT count(*) FROM decisions WHERE reasons ? %s OR campaign = %s"


def all_at_once(place, work):
    """`work(http, number)` by 64 clients, each with a connection of its own; all their offers."""
    begin = threading.Barrier(CLIENTS)

    def one(number):
        with httpx2.Client(base_url=place.service.address, timeout=60) as http:
            begin.wait()
            return work(http, number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [offer for offers in pool.map(one, range(CLIENTS)) for offer in offers]


def offers_of(response):
    assert response.status_code == 200, response.text
    assert {result["status"] for result in response.json()["results"]} <= {"accepted", "late"}
    return response.json()["decisions"]


@pytest.fixture
def live(place, request):
    """Publishes a campaign for every zone, alone while the test lasts."""
    published = []

    def publish(name, **fields):
        body = campaign("entered", ZONES, priority=1, expires_after_s=600, **fields)
        published.append((name, body))
        place.campaign(name, body)

    yield publish
    for name, body in published:
        place.campaign(name, {**body, "status": "ended"})


@pytest.mark.parametrize("window", [LIFETIME, HOUR, TODAY], ids=["for life", "rolling", "calendar"])
def test_64_clients_for_one_customer_with_several_phones_get_exactly_three_offers(place, live, window):
    name = f"three-{window['kind']}"
    live(name, caps=[cap(3, "customer", window)])
    phones = {f"{name}-{n}": place.phone(f"{name}-{n}", customer=f"of-{name}") for n in range(8)}

    def walk(http, number):
        rng = random.Random(number)
        phone, headers = list(phones.items())[number % len(phones)]
        pings = [in_zone(rng.randrange(len(ZONES))) for _ in range(PINGS_EACH)]
        return [offer for one in pings for offer in offers_of(report(http, phone, headers, one))]

    told = all_at_once(place, walk)
    assert place.rows(GRANTED, name) == [(3,)]
    assert len({offer["decision_id"] for offer in told}) == len(told) == 3
    # The cap was what stopped it: there were many more moments than offers.
    assert place.rows(DECIDED, name, name)[0][0] >= 10


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("all-lifetime", {"caps": [cap(10, "total", LIFETIME)]}),
        ("all-rolling", {"caps": [cap(10, "total", HOUR)]}),
        ("all-calendar", {"caps": [cap(10, "total", TODAY)]}),
        ("site", {"caps": [cap(10, "site", LIFETIME, "viewed")]}),
        ("budget", {"budget": {"total": 10, "per_day": None}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_64_customers_at_once_get_exactly_as_many_offers_as_all_may_have(place, live, name, bound):
    live(name, **bound)
    phones = {f"{name}-{n}": place.phone(f"{name}-{n}", customer=f"{name}-{n}") for n in range(CLIENTS)}

    def walk(http, number):
        phone, headers = list(phones.items())[number]
        return offers_of(report(http, phone, headers, in_zone(number % len(ZONES))))

    told = all_at_once(place, walk)
    assert place.rows(GRANTED, name) == [(10,)]
    assert len({offer["decision_id"] for offer in told}) == len(told) == 10
    assert place.rows(DECIDED, name, name) == [(CLIENTS,)]
