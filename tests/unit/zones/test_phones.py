"""Offsets of phone models, from the loudest that each heard of beacons they share."""

import random

import pytest

from beacon_service.zones.phones import Loudness, changed, normalised_model, offsets

BEACONS = [f"b{n}" for n in range(20)]


def heard(model, offset_db, beacons=BEACONS, *, count=200, noise_db=0.0, seed=1):
    """Beacon n gives -60 - n at its usual distance."""
    draw = random.Random(f"{model}{seed}")
    return [
        Loudness(model, beacon, -60.0 - int(beacon[1:]) + offset_db + draw.gauss(0, noise_db), count)
        for beacon in beacons
    ]


def by_model(found):
    return {one.model: one.offset_db for one in found}


def test_models_are_told_apart_relative_to_the_median_one():
    found = offsets([*heard("deaf", -9), *heard("usual", 0), *heard("keen", 6)])

    # 20 beacons are believed by 20 / 24.
    assert by_model(found) == {"deaf": -7.5, "usual": 0.0, "keen": 5.0}


def test_they_need_not_all_have_passed_the_same_beacons():
    found = by_model(
        offsets(
            [
                *heard("a", 0, BEACONS[:14]),
                *heard("b", 8, BEACONS[6:]),
                *heard("c", 0),
                *heard("d", -8, BEACONS[3:17]),
            ]
        )
    )

    assert found["b"] - found["a"] == pytest.approx(8 * 14 / 18, abs=0.2)
    assert found["d"] - found["c"] == pytest.approx(-8 * 14 / 18, abs=0.2)


def test_three_beacons_where_one_models_owners_work_do_not_carry_it_away():
    truth = {"a": 0, "b": 10, "c": 0, "d": -6, "e": 2}
    levels = [one for name, offset in truth.items() for one in heard(name, offset, noise_db=2.5)]
    at_work = [
        Loudness("a", one.beacon, -30.0, 400)
        if one.model == "a" and one.beacon in {"b1", "b2", "b3"}
        else one
        for one in levels
    ]
    plain, found = by_model(offsets(levels)), by_model(offsets(at_work))

    assert found == pytest.approx(plain, abs=1)
    assert found == pytest.approx({model: offset * 20 / 24 for model, offset in truth.items()}, abs=2)


def test_few_beacons_are_half_believed_and_two_not_at_all():
    found = by_model(
        offsets(
            [
                *heard("usual", 0),
                *heard("other", 0),
                *heard("three", 10, BEACONS[:3]),
                *heard("two", 10, BEACONS[:2]),
            ]
        )
    )

    assert found == {"usual": 0.0, "other": 0.0, "three": 4.3}


def test_few_levels_have_no_upper_tenth():
    assert by_model(offsets([*heard("usual", 0), *heard("rare", 10, count=29)])) == {}


def test_a_model_that_shares_no_beacon_with_another_is_compared_with_nobody():
    found = by_model(offsets([*heard("a", 0, BEACONS[:10]), *heard("b", 9, BEACONS[10:])]))

    assert found == {}


def test_no_offset_is_larger_than_phones_can_differ():
    found = by_model(offsets([*heard("a", 0), *heard("b", 0), *heard("broken", -60)]))

    assert found["broken"] == -25.0


def test_nothing_heard_teaches_nothing():
    assert offsets([]) == []


def test_only_what_changed_by_two_decibels_is_written():
    learned = offsets([*heard("deaf", -9), *heard("usual", 0), *heard("keen", 6)])

    assert by_model(changed({}, learned)) == {"deaf": -7.5, "keen": 5.0}
    assert by_model(changed({"deaf": -6.0, "keen": 3.0, "usual": -2.0}, learned)) == {
        "keen": 5.0,
        "usual": 0.0,
    }


def test_an_offset_says_from_how_much_it_is_known():
    (keen, *_) = offsets([*heard("keen", 6), *heard("usual", 0)])

    assert keen.document() == {"model": "keen", "offset_db": 2.5, "beacons": 20, "sightings": 4000}


@pytest.mark.parametrize("written", ["Pixel 9", " pixel  9 ", "PIXEL\t9"])
def test_a_model_has_one_text_however_it_is_written(written):
    assert normalised_model(written) == "pixel 9"
