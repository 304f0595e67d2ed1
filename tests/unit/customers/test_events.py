"""What events come to: a total, a last time, and a count for each of the last ninety days."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from beacon_service.customers.events import DAYS_KEPT, EventCount, in_days, merged_events, with_events

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def ago(**time):
    return NOW - timedelta(**time)


def summed(*events):
    return with_events({}, events, NOW)


def test_events_are_counted_by_type_and_by_day():
    assert summed(("purchase", ago(hours=1)), ("call", ago(days=1)), ("purchase", ago(days=1))) == {
        "purchase": EventCount(2, ago(hours=1), {"2026-06-02": 1, "2026-06-03": 1}),
        "call": EventCount(1, ago(days=1), {"2026-06-02": 1}),
    }


def test_one_that_is_reported_late_is_not_the_last():
    before = summed(("purchase", ago(hours=1)))
    assert with_events(before, [("purchase", ago(days=5))], NOW)["purchase"].last_at == ago(hours=1)


def test_days_are_those_of_utc():
    assert summed(("call", datetime.fromisoformat("2026-06-03T01:00:00+02:00")))["call"].days == {
        "2026-06-02": 1
    }


def test_what_was_too_long_ago_is_in_the_total_only():
    first, before = ago(days=DAYS_KEPT - 1), ago(days=DAYS_KEPT)
    assert summed(("call", first), ("call", before))["call"] == EventCount(
        2, first, {first.date().isoformat(): 1}
    )


def test_the_last_day_alone_is_today():
    count = summed(("call", ago(hours=12)), ("call", ago(hours=12, microseconds=1)))["call"]
    assert [in_days(count, days, NOW) for days in (1, 2)] == [1, 2]


happenings = st.lists(
    st.tuples(st.sampled_from(["purchase", "call"]), st.integers(0, 120).map(lambda days: ago(days=days))),
    max_size=9,
)


@given(one=happenings, other=happenings)
def test_a_merge_comes_to_the_same_as_if_one_had_done_it_all(one, other):
    together = with_events(with_events({}, one, NOW), other, NOW)
    assert merged_events(with_events({}, one, NOW), with_events({}, other, NOW), NOW) == together


@given(events=happenings, days=st.integers(1, DAYS_KEPT))
def test_the_last_days_hold_what_happened_in_them(events, days):
    first = (NOW - timedelta(days=days - 1)).date()
    expected = sum(kind == "call" and at.date() >= first for kind, at in events)
    count = with_events({}, events, NOW).get("call")
    assert (in_days(count, days, NOW) if count else 0) == expected
