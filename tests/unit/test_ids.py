from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from beacon_service.ids import derived_uuid, derived_uuid7, digest, draw

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def test_the_same_parts_give_the_same_id_and_the_same_draw_for_ever():
    assert str(derived_uuid("moment", 7, "shop/cafe")) == "7e025fcd-73f4-8d03-b680-ae0495be2552"
    assert str(derived_uuid7(NOON, "decision", 7)) == "019e8d5a-d200-7028-820c-316badc5af25"
    assert draw("hold_out", "coffee", 7) == 0.33195807258885446


def test_other_parts_another_order_or_other_borders_give_another_id():
    ids = [
        derived_uuid("a", "b"),
        derived_uuid("b", "a"),
        derived_uuid("ab"),
        derived_uuid("ab", ""),
        derived_uuid("a", "b", None),
        derived_uuid("a", "b", ""),
    ]
    assert len(set(ids)) == len(ids)


def test_nothing_is_not_the_empty_text():
    assert digest("timer", None) != digest("timer", "")


def test_ids_of_decisions_are_of_version_7_and_those_of_moments_of_version_8():
    assert derived_uuid7(NOON, 1).version == 7
    assert derived_uuid(1).version == 8
    assert {one.variant for one in (derived_uuid(1), derived_uuid7(NOON, 1))} == {"specified in RFC 4122"}


def test_a_uuid7_begins_with_its_milliseconds():
    assert derived_uuid7(NOON, 1).int >> 80 == int(NOON.timestamp()) * 1000


def test_uuid7s_sort_by_time_whatever_they_are_derived_from():
    moments = [NOON + timedelta(milliseconds=n * n) for n in range(1, 300)]
    ids = [derived_uuid7(at, "decision", (n * 7919) % 300) for n, at in enumerate(moments)]
    assert ids == sorted(ids)
    assert [str(one) for one in ids] == sorted(str(one) for one in ids)


def test_a_uuid7_of_the_end_of_the_calendar_is_an_id_too():
    assert derived_uuid7(datetime.max.replace(tzinfo=UTC), 1).version == 7


def chi_square(draws, bins):
    """Against evenly filled bins."""
    counts = Counter(int(one * bins) for one in draws)
    expected = len(draws) / bins
    return sum((counts[number] - expected) ** 2 / expected for number in range(bins))


@pytest.mark.parametrize("campaign", ["coffee", "cake", "a campaign with a longer name"])
def test_draws_fill_the_unit_interval_evenly(campaign):
    draws = [draw("hold_out", campaign, customer) for customer in range(20_000)]
    assert all(0 <= one < 1 for one in draws)
    # 49 degrees of freedom: 85.4 is passed by one fair source in a thousand, 23.0 is missed by as many.
    assert 23.0 < chi_square(draws, bins=50) < 85.4


def test_who_is_held_out_of_one_campaign_says_nothing_of_another():
    pairs = [(draw("hold_out", "coffee", n), draw("hold_out", "cake", n)) for n in range(20_000)]
    cells = [int(one * 5) * 5 + int(other * 5) for one, other in pairs]
    # 24 degrees of freedom: 51.2 is passed by one fair source in a thousand.
    assert chi_square([(cell + 0.5) / 25 for cell in cells], bins=25) < 51.2
