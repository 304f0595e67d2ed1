"""How beacons are doing: what is kept of each, and what is made of it."""

from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.zones.catalogue import Places
from beacon_service.zones.health import Gathered, HeardPing, Record, elsewhere, gather, judged, merged
from beacon_service.zones.whereabouts import Hearing, compare
from tests.factories.catalogue import beacon_document, documents

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
LEVELS = {"shop/ground": 0, "shop/first": 1, "shop/second": 2, "mall/ground": 0}
NORTH_M = 1 / 111_195  # degrees


def beacon(name, north_m=0.0, *, site="shop", floor="ground"):
    document = beacon_document(name, site=site, floor=floor, identities=["mac:ac233f5a0b1c"])
    document |= {"longitude": 4.9, "latitude": 52.37 + north_m * NORTH_M}
    return Places().updated(documents(beacons=[document])).beacons[name].beacon


B1, B2, B3, B4 = (beacon(f"b{n}", north_m=10 * n) for n in range(1, 5))
STRAY = beacon("stray", north_m=500)
NEXT_DOOR = [beacon(f"m{n}", north_m=300 + 10 * n, site="mall") for n in range(3)]


def heard(*beacons, rssi_dbm=-70):
    return [Hearing(one, rssi_dbm) for one in beacons]


def seen(*beacons, rssi_dbm=-70):
    """{beacon: is far} of those of which the others can tell."""
    told = compare(heard(*beacons, rssi_dbm=rssi_dbm), LEVELS)
    return {one.beacon.id: found.is_far for one, found in told}


def gathered(pings):
    found = {}
    for at, phone, hearings in pings:
        gather(found, HeardPing(at, phone, hearings), LEVELS)
    return found


def record_of(one, pings, *, now=NOON, before=None):
    return merged(before, gathered(pings).get(one.id), one, now)


def findings(record, site_hours=None):
    return judged(record, site_hours or {}).findings


# where


def test_beacons_that_stand_together_are_heard_together():
    assert seen(B1, B2, B3, B4) == {"b1": False, "b2": False, "b3": False, "b4": False}


def test_one_that_is_far_from_the_others_is_told_on_and_tells_on_nobody():
    assert seen(B1, B2, STRAY) == {"stray": True}
    assert seen(B1, B2, B3, STRAY) == {"b1": False, "b2": False, "b3": False, "stray": True}


def test_two_beacons_alone_cannot_tell_which_of_them_is_elsewhere():
    assert seen(B1, STRAY) == {}


def test_half_against_half_tells_nothing():
    assert seen(B1, B2, *NEXT_DOOR[:2]) == {}


def test_among_beacons_of_another_site_it_is_the_only_one_out_of_place():
    assert seen(B1, *NEXT_DOOR) == {"b1": True, "m0": False, "m1": False, "m2": False}


def test_what_faint_levels_explain_is_not_far():
    across = beacon("across", north_m=75)

    assert seen(B1, B2, across, rssi_dbm=-60)["across"]
    assert not seen(B1, B2, across, rssi_dbm=-92)["across"]


def test_two_floors_up_is_elsewhere_and_one_is_a_stairwell():
    above = beacon("above", floor="first")
    far_above = beacon("far_above", floor="second")

    assert seen(B1, B2, above)["above"] is False
    assert seen(B1, B2, far_above)["far_above"] is True


def test_only_the_loudest_of_a_ping_are_compared():
    near = [Hearing(beacon(f"n{n}", north_m=n), -60 - n) for n in range(8)]

    assert {one.beacon.id for one, _ in compare([*near, Hearing(STRAY, -90)], LEVELS)} == {
        f"n{n}" for n in range(8)
    }


def test_nothing_heard_tells_nothing():
    assert list(compare([], LEVELS)) == []


# moved


def strolls(one, *others, pings, phones):
    return [
        (NOON - timedelta(minutes=number), number % phones, heard(one, *others)) for number in range(pings)
    ]


def test_twenty_pings_of_three_phones_move_a_beacon():
    record = record_of(STRAY, strolls(STRAY, B1, B2, pings=20, phones=3))

    assert findings(record) == ("elsewhere",)
    assert judged(record, {}).state == "moved"


@pytest.mark.parametrize(("pings", "phones"), [(19, 3), (200, 2)])
def test_fewer_pings_or_phones_do_not(pings, phones):
    assert findings(record_of(STRAY, strolls(STRAY, B1, B2, pings=pings, phones=phones))) == ()


def test_pings_that_agree_with_the_catalogue_outvote_others():
    there, here = strolls(B3, *NEXT_DOOR, pings=30, phones=5), strolls(B3, B1, B2, pings=30, phones=5)

    assert findings(record_of(B3, [*there, *here])) == ()
    assert findings(record_of(B3, [*there, *here[1:]])) == ("elsewhere",)


def test_it_is_told_where_a_moved_one_seems_to_be():
    found = elsewhere(record_of(B1, strolls(B1, *NEXT_DOOR, pings=20, phones=5)))

    assert found.near == "mall/ground"
    assert (found.pings, found.far, found.phones) == (20, 20, 5)
    assert found.apart_m == pytest.approx(295, abs=10)


def test_once_its_place_is_corrected_the_evidence_begins_anew():
    before = record_of(STRAY, strolls(STRAY, B1, B2, pings=20, phones=3))
    corrected = beacon("stray", north_m=15)

    after = merged(before, None, corrected, NOON)
    assert findings(after) == ()
    assert after.last_heard_at == before.last_heard_at


def test_evidence_is_kept_for_two_days_and_adds_up_over_midnight():
    evening = [
        (at - timedelta(hours=12, minutes=1), phone, pings)
        for at, phone, pings in strolls(STRAY, B1, B2, pings=10, phones=3)
    ]
    morning = strolls(STRAY, B1, B2, pings=10, phones=3)
    record = record_of(STRAY, morning, before=record_of(STRAY, evening))

    assert findings(record) == ("elsewhere",)
    assert findings(merged(record, None, STRAY, NOON + timedelta(days=1))) == ()


def test_nothing_kept_names_a_phone():
    phone = 4_711_000_123
    (window,) = record_of(STRAY, [(NOON, phone, heard(STRAY, B1, B2))]).windows

    assert window.phones.bit_count() == 1


# silent


def busy(*hours_ago, count=50):
    return {int((NOON - timedelta(hours=ago)).timestamp() // 3600): count for ago in hours_ago}


def heard_at(hours_ago):
    return record_of(B1, [(NOON - timedelta(hours=hours_ago), 1, heard(B1))])


def test_one_that_was_never_heard_is_unheard_and_not_silent():
    assert judged(Record("shop/ground"), busy(*range(1, 20))).state == "unheard"


def test_six_busy_hours_without_it_are_silence():
    record = heard_at(10)

    assert findings(record, busy(*range(1, 6))) == ()
    assert findings(record, busy(*range(1, 7))) == ("silent",)


def test_hours_without_people_are_no_silence():
    assert findings(heard_at(20), busy(*range(1, 20), count=9)) == ()


def test_hours_before_it_was_last_heard_do_not_count():
    assert findings(heard_at(5), busy(*range(1, 20))) == ()


def test_its_own_sightings_are_not_the_others():
    pings = [(NOON - timedelta(hours=10), 1, heard(B1))] * 12
    site = dict(record_of(B1, pings).hours)

    assert findings(record_of(B1, pings), site) == ()


def test_it_stays_silent_while_the_shop_is_closed_until_it_is_heard():
    silent = judged(heard_at(10), busy(*range(1, 7)))
    monday = merged(silent, None, B1, NOON + timedelta(days=2))
    assert judged(monday, {}).state == "silent"

    again = gathered([(NOON + timedelta(days=2), 1, heard(B1))])["b1"]
    assert judged(merged(monday, again, B1, NOON + timedelta(days=2)), {}).state == "ok"


# power


def readings(*days_ago_and_mv, now=NOON):
    record = None
    for days_ago, millivolts in sorted(days_ago_and_mv, reverse=True):
        at = now - timedelta(days=days_ago)
        record = record_of(B1, [(at, 1, [Hearing(B1, -70, millivolts, 21.5)])], now=at, before=record)
    return merged(record, None, B1, now)


def test_a_low_battery_is_dying():
    assert findings(readings((0, 2_299))) == ("battery_low",)
    assert findings(readings((0, 2_300))) == ()
    assert judged(readings((0, 2_299)), {}).state == "dying"


def test_one_low_reading_among_better_ones_of_the_day_is_a_moment_of_load():
    assert findings(readings((0.1, 2_900), (0, 2_100))) == ()


def test_a_battery_that_falls_within_days_is_dying():
    assert findings(readings((5, 2_950), (2, 2_850), (0, 2_750))) == ("battery_falling",)
    assert findings(readings((5, 2_950), (0, 2_800))) == ()
    assert findings(readings((2, 2_950), (0, 2_700))) == ()
    assert findings(readings((30, 2_950), (0, 2_700))) == ()


@pytest.mark.parametrize("millivolts", [0, 999, 20_001, 65_535])
def test_what_is_no_battery_is_not_kept(millivolts):
    record = readings((0, millivolts))

    assert (record.battery_mv, record.battery_days) == (None, {})
    assert findings(record) == ()


def test_the_newest_reading_is_kept_with_its_time():
    record = readings((3, 2_900), (1, 2_880))

    assert (record.battery_mv, record.battery_at, record.temperature_c) == (
        2_880,
        NOON - timedelta(days=1),
        21.5,
    )


# kept


def test_sightings_are_counted_by_the_hour_of_one_day():
    pings = [(NOON - timedelta(hours=ago), 1, heard(B1)) for ago in (0, 0, 2, 7, 23)]
    record = record_of(B1, pings)

    assert (record.sightings(NOON, 6), record.sightings(NOON, 24)) == (3, 5)
    assert merged(record, None, B1, NOON + timedelta(hours=3)).sightings(NOON + timedelta(hours=3), 24) == 4


def test_a_ping_that_stands_for_others_counts_for_them():
    found = {}
    gather(found, HeardPing(NOON, 1, heard(B1)), LEVELS, weight=7)

    assert merged(None, found["b1"], B1, NOON).sightings(NOON, 24) == 7


def test_what_is_found_first_names_the_state():
    pings = strolls(STRAY, B1, B2, pings=20, phones=3)
    low = [(NOON - timedelta(minutes=30), 1, [Hearing(STRAY, -70, 2_000)])]
    record = record_of(STRAY, [*pings, *low])

    assert findings(record) == ("elsewhere", "battery_low")
    later = merged(record, Gathered(), STRAY, NOON + timedelta(hours=8))
    found = judged(later, busy(*range(-8, 0)))
    assert (found.state, found.findings) == ("silent", ("silent", "elsewhere", "battery_low"))
