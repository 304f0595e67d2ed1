"""Which pings are followed: consent, age, spoof signs, order, and the phone's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.geo import degrees
from beacon_service.visits.model import Presence
from beacon_service.visits.screen import corrected, measured_ms, offset_ms, screen
from beacon_service.zones.model import Position
from tests.factories.presence import NOON, at

HOME = (4.9, 52.37)
BEFORE = Presence(last_at=at(0), fix=(at(0), *HOME, 10.0))


def fix(metres_north, *, accuracy_m=10.0, mocked=False):
    _, north = degrees(0, metres_north, HOME[1])
    return Position(HOME[0], HOME[1] + north, accuracy_m, mocked=mocked)


def verdict(presence=BEFORE, *, seconds=60, received=None, position=None, consent=True):
    ping_at = at(seconds)
    received_at = ping_at if received is None else at(received)
    return screen(presence, at=ping_at, received_at=received_at, position=position, location_consent=consent)


def test_an_ordinary_ping_is_accepted():
    assert verdict().status == "accepted"
    assert verdict(Presence(), position=fix(0)).status == "accepted"


def test_without_consent_nothing_else_is_looked_at():
    refused = verdict(consent=False, position=fix(0, mocked=True))
    assert (refused.status, refused.reasons) == ("rejected", ("no_location_consent",))


@pytest.mark.parametrize(
    ("age_h", "reasons"), [(72, ()), (72.01, ("too_old",)), (24 * 365 * 56, ("too_old",))]
)
def test_three_days_are_the_oldest(age_h, reasons):
    assert verdict(Presence(), seconds=0, received=age_h * 3600).reasons == reasons


@pytest.mark.parametrize(
    ("ahead_s", "reasons"), [(120, ()), (121, ("too_new",)), (80 * 365 * 86400, ("too_new",))]
)
def test_two_minutes_are_the_farthest_ahead(ahead_s, reasons):
    assert verdict(Presence(), seconds=ahead_s, received=0).reasons == reasons


def test_a_mocked_location_is_a_spoof_sign():
    assert verdict(position=fix(0, mocked=True)).reasons == ("mocked_location",)


@pytest.mark.parametrize(
    ("metres", "seconds", "reasons"),
    [
        (3000, 60, ()),  # 50 m/s: 180 km/h
        (3100, 60, ("impossible_jump",)),  # beyond both accuracies of 10 m too
        (260, 0, ()),  # two sources of one phone may differ by so much
        (280, 0, ("impossible_jump",)),
        (500_000, 600, ("impossible_jump",)),
        (500_000, 601, ()),  # by then the old fix proves nothing: landed, or it was the wrong one
    ],
)
def test_a_jump_is_faster_than_anyone_travels(metres, seconds, reasons):
    assert verdict(seconds=seconds, position=fix(metres)).reasons == reasons


def test_both_accuracies_are_granted():
    assert verdict(position=fix(8000, accuracy_m=5000)).reasons == ()


def test_every_reason_is_named_and_late_only_if_there_is_none():
    old = verdict(seconds=-10, received=73 * 3600, position=fix(9_000_000, mocked=True))
    assert old.reasons == ("too_old", "mocked_location", "impossible_jump")
    assert old.status == "rejected"


def test_older_than_the_newest_ping_or_fired_timer_is_late_and_equal_is_not():
    fired = Presence(last_at=at(0), fired_at=at(30))
    assert [verdict(fired, seconds=second).status for second in (-1, 29, 30)] == ["late", "late", "accepted"]
    assert verdict(seconds=-1).status == "late"
    assert verdict(seconds=0).status == "accepted"


@pytest.mark.parametrize(
    ("kept", "behind_s", "offset"),
    [
        (0, 5, 0),
        (0, 29.9, 0),
        (0, 40, 40_000),
        (0, -40, -40_000),
        (40_000, 65, 40_000),  # within half a minute of the kept one
        (40_000, 20, 40_000),
        (40_000, 71, 71_000),
        (40_000, 5, 0),
        (0, 86400 * 365 * 56, 86_400_000 * 365 * 56),  # a phone in 1970
    ],
)
def test_the_clock_offset(kept, behind_s, offset):
    assert offset_ms(kept, measured_ms(NOON - timedelta(seconds=behind_s), NOON)) == offset


def test_an_app_that_does_not_say_when_it_sent_keeps_its_offset():
    assert offset_ms(45_000, measured_ms(None, NOON)) == 45_000


def test_correcting_stops_at_the_ends_of_the_calendar():
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert corrected(NOON, 40_000) == at(40)
    assert corrected(last, offset_ms(0, measured_ms(first, NOON))) == last
    assert corrected(first, offset_ms(0, measured_ms(last, NOON))) == first
