"""Rounds of shared counts: what is given is counted in rows that are locked, however many campaigns fell short before."""

import pytest

from beacon_service.campaigns.decision import Reason
from beacon_service.campaigns.ledger import Tally
from beacon_service.engine import MOST_ROUNDS, Given, follow, settle
from tests.factories.catalogue import campaign_document, cap_document, square, zone_document
from tests.factories.moments import NOW
from tests.factories.steps import catalogue, ping, world

LIFETIME = cap_document(5, subject="total", window={"kind": "lifetime"})
COUNTED = "cap:*policy:tag=free.total.decided.lifetime.1.day.site:all:"


def spent(number):
    """A campaign that comes before those after it, and has nothing left."""
    budget = {"total": 7, "per_day": None, "of": "offers"}
    return campaign_document(f"spent-{number}", priority=100 - number, budget=budget)


class Locks:
    """Rows with their counts; which were locked, round by round."""

    def __init__(self, **used):
        self.used, self.rounds = used, []

    def __call__(self, charges):
        self.rounds.append({charge.row for charge in charges.values()})
        return {key: Tally(self.used.get(key, 7)) for key in charges}


def settled(locks, *campaigns, **policy):
    zone = zone_document("cafe", geometry=square(columns=2, rows=2))
    known = catalogue(zones=[zone], campaigns=campaigns, policy={"caps": [], "hold_out": 0.0} | policy)
    anna = world()
    followed, _ = follow(known, anna, [ping(0, (1, 1))], NOW)
    told, _ = settle(Given(NOW, known, lambda: 1), anna, followed, locks, tuple)
    return told[0].decisions[0]


@pytest.mark.parametrize("before", range(MOST_ROUNDS + 2))
def test_what_is_counted_without_being_obeyed_is_locked_however_late_its_campaign_wins(before):
    free = campaign_document("free", tags=["free"], obeys_policy=False)
    locks = Locks()
    decision = settled(
        locks,
        *map(spent, range(before)),
        free,
        caps=[LIFETIME | {"scope": "tag", "tag": "free"}],
    )
    assert decision.campaign == "free"
    assert [charge.key for grant in decision.grants for charge in grant.charges] == [COUNTED]
    assert COUNTED in locks.rounds[-1]


def test_of_whom_nothing_is_known_after_all_rounds_it_is_said_that_nothing_is_left():
    locks = Locks()
    decision = settled(locks, *map(spent, range(MOST_ROUNDS + 2)))
    assert decision.campaign is None
    assert set(decision.reasons.values()) == {Reason.BUDGET.value}
    assert len(locks.rounds) == MOST_ROUNDS


def test_what_was_looked_at_on_the_way_and_does_not_matter_in_the_end_is_not_told():
    """Between two rounds the locks are given back, and another's offer may expire: the first has room again."""

    class ChangingLocks(Locks):
        def __call__(self, charges):
            found = super().__call__(charges)
            self.used = {"budget:spent-0:total": 6}
            return found

    campaigns = spent(0), spent(1)
    in_one_round, in_two = Locks(**{"budget:spent-0:total": 6}), ChangingLocks()
    told = settled(in_two, *campaigns)
    assert told == settled(in_one_round, *campaigns)
    assert [len(locks.rounds) for locks in (in_one_round, in_two)] == [1, 2]
    assert told.reasons == {"spent-1": Reason.OUTRANKED.value}
