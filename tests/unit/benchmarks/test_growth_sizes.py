"""How large databases are made, what that takes on disk, and what is left out for want of room."""

from dataclasses import replace

import pytest

from benchmarks.growth.disk import GB, WORKING_BYTES, BytesPerRow, needed, refined, refusal
from benchmarks.growth.sizes import COURSES, Size

PER = BytesPerRow(zone=1_000, customer=700, decision=600, grant=400, move=200, ping=700, presence=500)
SMALLEST = Size(1_000, 50_000, 0, 1)


@pytest.mark.parametrize("name", sorted(COURSES))
def test_a_course_grows_one_factor_at_a_time_and_ends_with_all_at_their_largest(name):
    course = COURSES[name]
    base, *grown, largest = course.points()
    assert base.size == SMALLEST
    for point in grown:
        changed = {
            field
            for field in ("zones", "customers", "decisions", "web")
            if getattr(point.size, field) != getattr(base.size, field)
        }
        assert changed == {point.factor}
    assert largest.size == course.largest
    for factor in ("zones", "customers", "decisions", "web"):
        values = [getattr(point.size, factor) for point in course.grown(factor)]
        assert values == sorted(values)


def test_the_full_course_goes_as_far_as_it_is_said_to():
    assert COURSES["full"].largest == Size(100_000, 5_000_000, 50_000_000, 4)


def test_pings_lie_in_four_days_and_no_more_of_them_for_an_older_ledger():
    assert replace(SMALLEST, decisions=100_000).pings == 500_000
    assert (
        replace(SMALLEST, decisions=10_000_000).pings
        == replace(SMALLEST, decisions=50_000_000).pings
        == 5_000_000
    )


def test_only_so_many_customers_are_known_as_there_are_decisions():
    assert replace(SMALLEST, decisions=20_000).known == 20_000
    assert replace(SMALLEST, decisions=200_000).known == 50_000
    assert [replace(SMALLEST, decisions=n).visited for n in (0, 20_000, 200_000, 10_000_000)] == [0, 1, 4, 20]


def test_disk_is_reckoned_from_bytes_of_rows():
    """1 000 zones x 1 000 bytes, 50 000 customers x 700, and what any run needs beside."""
    assert needed(SMALLEST, PER) == 1_000_000 + 35_000_000 + WORKING_BYTES


@pytest.mark.parametrize("field", ["zones", "customers", "decisions"])
def test_more_of_anything_needs_more(field):
    size = replace(SMALLEST, decisions=1_000_000)
    assert needed(replace(size, **{field: 2 * getattr(size, field)}), PER) > needed(size, PER)


def test_the_ledger_counts_with_its_grants_and_moves():
    """600 + 200 + 400 / 4 + 60 for sorting, a million times; pings and customers are as many before and after."""
    smaller, larger = (replace(SMALLEST, decisions=n) for n in (2_000_000, 3_000_000))
    assert needed(larger, PER) - needed(smaller, PER) == 960_000_000


def test_what_needs_more_than_is_allowed_or_free_is_refused_in_a_sentence():
    size = replace(SMALLEST, decisions=50_000_000)
    need = needed(size, PER)
    assert refusal(size, PER, free=need, limit=need) is None
    assert (
        refusal(size, PER, free=need, limit=need - 1)
        == f"needs {need / GB:.1f} GB of disk, and --disk-gb allows {need / GB:.0f}"
    )
    assert (
        refusal(size, PER, free=need - 1, limit=need)
        == f"needs {need / GB:.1f} GB of disk, and {need / GB:.1f} are free"
    )


def test_rows_that_were_filled_in_say_what_more_of_them_will_take():
    have, size = SMALLEST, replace(SMALLEST, decisions=400_000)
    tables = ("decisions", "grants", "moves", "pings", "presence")
    before = dict.fromkeys(tables, 1_000_000)
    after = {
        "decisions": 201_000_000,
        "grants": 31_000_000,
        "moves": 81_000_000,
        "pings": 1_001_000_000,
        "presence": 11_000_000,
    }
    found = refined(PER, size, have, before, after)
    assert found == BytesPerRow(1_000, 700, decision=500, grant=300, move=200, ping=500, presence=200)
    assert refined(PER, have, have, before, after) == PER
