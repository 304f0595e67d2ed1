"""What waits, and what is not worth waiting for."""

from datetime import timedelta

import pytest

from beacon_service.campaigns.decide import decide
from beacon_service.campaigns.waiting import EVENT_GOOD_FOR, delayed, held, of_absence
from tests.factories.catalogue import cap_document, policy_document, trigger_document
from tests.factories.moments import AMSTERDAM, NOW, campaign, grant, moment, question

NIGHT = policy_document() | {"quiet": {"from": "12:00", "to": "20:00", "tz": "site", "then": "hold"}}
MORNING = NOW.replace(hour=18)  # when it is over, at eight in the evening


def later(id_="coffee", **fields):
    return campaign(id_, trigger=trigger_document("shop/cafe", delay_s=300), **fields)


def held_of(asked, *campaigns):
    decision = decide(asked, campaigns)
    return [(one.campaign, one.due_at) for one in held(asked, campaigns, decision)]


@pytest.mark.parametrize(
    ("asked", "fields", "reason"),
    [
        ({}, {}, "delayed"),
        ({"marketing": False}, {}, "no_consent"),
        ({"at": NOW - timedelta(minutes=3)}, {}, "stale"),
        ({}, {"status": "paused"}, "not_live"),
        ({}, {"status": "ended"}, "not_live"),
        ({}, {"ends_at": (NOW + timedelta(minutes=4)).isoformat()}, "not_live"),
        ({}, {"starts_at": (NOW + timedelta(minutes=4)).isoformat()}, "delayed"),
    ],
)
def test_nothing_waits_for_what_waiting_cannot_mend(asked, fields, reason):
    waiting, reasons = delayed(question(**asked), [later(**fields)])
    assert reasons == {"coffee": reason}
    assert bool(waiting) == (reason == "delayed")


class TestHeld:
    def test_the_best_that_nothing_else_speaks_against_is_held_until_it_is_over(self):
        spent = campaign("a", priority=9, caps=[cap_document(1)])
        asked = question(grant("a"), policy=NIGHT)
        assert held_of(asked, spent, campaign("b"), campaign("c", priority=1)) == [("c", MORNING)]

    def test_of_nothing_that_would_have_spoken_nothing_is_held(self):
        asked = question(grant("a"), policy=NIGHT)
        assert held_of(asked, campaign("a", caps=[cap_document(1)])) == []

    def test_held_again_it_is_good_for_no_longer_and_asked_what_it_was_asked(self):
        once = campaign()
        asked = question(policy=NIGHT, good_until=MORNING + timedelta(hours=1))
        (again,) = held(asked, [once], decide(asked, [once]), still_there=True)
        assert (again.good_until, again.still_there) == (MORNING + timedelta(hours=1), True)
        spoilt = question(policy=NIGHT, good_until=MORNING - timedelta(hours=1))
        assert held(spoilt, [once], decide(spoilt, [once])) == ()


class TestAbsence:
    def due(self, **fields):
        asked = campaign(trigger=trigger_document(move=None, absent_days=30), **fields)
        found = of_absence(moment(), asked, NOW.astimezone(AMSTERDAM))
        assert found.good_until - found.due_at == EVENT_GOOD_FOR
        return found.due_at

    def test_it_is_due_now_or_when_the_campaign_begins_or_speaks_next(self):
        assert self.due() == NOW
        begins = NOW + timedelta(days=3)
        assert self.due(starts_at=begins.isoformat()) == begins
        monthly = {
            "rule": "FREQ=MONTHLY;BYDAY=1SA",
            "starts_on": "2026-01-01",
            "from": "10:00",
            "to": "12:00",
        }
        assert self.due(dayparts=[monthly]) == NOW.replace(day=6, hour=8)
        evenings = {"days": ["thu"], "from": "18:00", "to": "20:00"}
        assert self.due(dayparts=[evenings], starts_at=begins.isoformat()) == NOW.replace(day=11, hour=16)
