"""Whatever happens to a pool, its count says what its codes say, and each code is one customer's at most."""

import random
from itertools import count

import pytest

from beacon_service.campaigns import codes_store
from beacon_service.db import transaction
from beacon_service.delivery.release import release_due
from tests.factories.catalogue import campaign_document, offer_document, zone_document
from tests.factories.shop import Shop

# The count, the codes, the grants, and what was told: four books of one thing.
BOOKS = """
SELECT t.used, t.ceiling, t.late,
    (SELECT count(decision_id) FROM codes WHERE pool = 'summer'),
    (SELECT count(*) FROM codes WHERE pool = 'summer'),
    (SELECT count(*) FROM codes c JOIN grants g USING (decision_id) WHERE c.pool = 'summer' AND g.code = c.code)
FROM tallies t WHERE t.key = 'codes:summer'
"""


class Street(Shop):
    """A shop into which somebody new walks each time."""

    def open(self, engine, chance):
        self.engine, self.chance, self.numbers, self.told = engine, chance, count(), {}
        offer = offer_document(codes={"pool": "summer"}, expires_after_s=1800)
        self.pool("summer", "FIRST")
        self.configure(zones=[zone_document("cafe")], campaigns=[campaign_document(offers=[offer])])

    def enter(self):
        names = [self.phone(f"p{next(self.numbers)}") for _ in range(self.chance.randint(1, 4))]
        for one in self.post_many({name: [self.ping_body("1")] for name in names}).json["decisions"]:
            self.told[one["decision_id"]] = one["offer"]["code"]

    def fill(self):
        codes = [f"CODE-{next(self.numbers)}" for _ in range(self.chance.randint(1, 3))]
        with self.connect() as connection:
            assert codes_store.add(connection, "summer", codes) == {}

    def deliver(self):
        self._post("/v1/outcomes", decision_id=self._some(), type="viewed", at=self.clock.now().isoformat())

    def redeem(self):
        self._post(f"/v1/codes/{self.told.get(self._some(), 'NONE')}:redeem")

    def wait(self):
        self.clock.advance(minutes=self.chance.randint(1, 20))

    def release(self):
        with transaction(self.engine) as connection:
            release_due(connection, self.clock.now())

    def _some(self):
        return self.chance.choice([*self.told, "00000000-0000-7000-8000-000000000000"])

    def _post(self, path, **body):
        answer = self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.secret}"})
        assert answer.status_code in {200, 201, 404, 409}, answer.text


@pytest.mark.parametrize("seed", range(3))
def test_the_books_agree_after_every_step(app, clock, engine, seed):
    street = Street(app, clock)
    street.open(engine, random.Random(seed))
    steps = [street.enter, street.fill, street.deliver, street.redeem, street.wait, street.release]
    for _ in range(80):
        street.chance.choice(steps)()
        ((used, ceiling, late, given, total, granted),) = street.rows(BOOKS)
        assert (used, ceiling, late, granted) == (given, total, 0, given)
    assert street.rows("SELECT count(*) > 0 FROM codes WHERE redeemed_at IS NOT NULL") == [(True,)]
    assert street.rows("SELECT count(*) > count(DISTINCT code) FROM grants WHERE code IS NOT NULL") == [
        (True,)
    ]
