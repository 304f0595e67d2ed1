"""What is certain not to come true is not published; what is merely unlikely is."""

from datetime import UTC, datetime

import pytest

from beacon_service.campaigns.publishing import plan_flaws
from tests.factories.catalogue import campaign_document, cap_document

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
LIFETIME = {"kind": "lifetime"}


def flaws(**fields):
    """{path: what}"""
    return {flaw.path: flaw.what for flaw in plan_flaws(campaign_document(**fields), NOW)}


def rolling(n, unit="day"):
    return {"kind": "rolling", "n": n, "unit": unit}


def calendar(n, unit="day", **fields):
    return {"kind": "calendar", "n": n, "unit": unit} | fields


def test_a_plain_campaign_has_none():
    assert flaws() == {}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"ends_at": "2026-06-03T12:00:00Z"}, ("ends_at",)),
        ({"blackouts": [{"from": "2026-01-01", "to": "2030-01-01"}]}, ("blackouts",)),
        (
            {
                "ends_at": "2026-06-05T12:00:00Z",
                "blackouts": [
                    {"from": "2026-06-01", "to": "2026-06-04"},
                    {"from": "2026-06-05", "to": "2026-06-06"},
                ],
            },
            ("blackouts",),
        ),
        (
            {
                "ends_at": "2026-06-05T12:00:00Z",  # a Friday
                "dayparts": [{"days": ["sun"], "from": "10:00", "to": "12:00"}],
            },
            ("dayparts",),
        ),
        (
            {
                "starts_at": "2026-06-08T00:00:00Z",
                "ends_at": "2026-06-20T00:00:00Z",
                "dayparts": [
                    {
                        "rule": "FREQ=MONTHLY;BYDAY=1MO",
                        "starts_on": "2026-06-20",
                        "from": "10:00",
                        "to": "12:00",
                    }
                ],
            },
            ("dayparts",),
        ),
    ],
)
def test_a_schedule_without_a_day_is_refused(fields, where):
    assert list(flaws(**fields)) == [where]


@pytest.mark.parametrize(
    "fields",
    [
        {"ends_at": "2026-06-03T12:00:01Z"},
        {"blackouts": [{"from": "2026-06-01", "to": "2026-06-30"}]},
        {"ends_at": "2026-06-07T12:00:00Z", "dayparts": [{"days": ["sun"], "from": "10:00", "to": "12:00"}]},
        # Began on Tuesday evening, and runs past midnight.
        {"ends_at": "2026-06-03T13:00:00Z", "dayparts": [{"days": ["tue"], "from": "22:00", "to": "20:00"}]},
    ],
)
def test_a_schedule_with_one_is_not(fields):
    assert flaws(**fields) == {}


@pytest.mark.parametrize(
    ("caps", "never"),
    [
        ([(1, LIFETIME), (2, rolling(1))], [1]),
        ([(2, rolling(1)), (1, LIFETIME)], [0]),
        ([(3, rolling(7)), (3, rolling(1))], [1]),
        ([(3, rolling(1, "week")), (4, rolling(7))], [1]),
        ([(3, rolling(7)), (1, rolling(1))], []),
        ([(2, rolling(1)), (2, rolling(1))], [1]),
        ([(1, calendar(2)), (1, calendar(1))], [1]),
        ([(1, calendar(1)), (1, calendar(1, tz="UTC"))], []),
        (
            [(1, calendar(1, "week")), (1, calendar(1, "day"))],
            [],
        ),  # a week is left before its last day is over
        ([(1, calendar(1)), (1, rolling(1))], []),
    ],
)
def test_a_cap_that_another_is_always_before_can_never_bind(caps, never):
    documents = []
    for limit, window in caps:
        tz = window.pop("tz", "site") if "tz" in window else "site"
        documents.append(cap_document(limit, window=dict(window), tz=tz))
    assert list(flaws(caps=documents)) == [("caps", number) for number in never]


@pytest.mark.parametrize("other", [{"subject": "total"}, {"counts": "viewed"}, {"scope": "offer"}])
def test_caps_of_different_things_do_not_meet(other):
    assert flaws(caps=[cap_document(1, window=LIFETIME), cap_document(5, **other)]) == {}
