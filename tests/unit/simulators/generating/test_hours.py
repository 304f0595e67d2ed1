"""When it is open, and when people come: by the site's own clocks, at its rush hours."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from simulators.generating.hours import LAST_ARRIVAL_S, open_day
from simulators.generating.sites.files import SiteError

MONDAY, SATURDAY = date(2026, 3, 2), date(2026, 3, 7)
SHOP = [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "21:00"}]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def hours_of(day):
    """How many of a thousand come in each hour after opening."""
    came = [day.arrival_s(quantile) for quantile in (np.arange(1_000) + 0.5) / 1_000]
    return np.bincount(((np.array(came) - day.opens_s) // 3_600).astype(int))


def test_hours_are_those_of_the_sites_clocks():
    day = open_day(SHOP, "Europe/Amsterdam", MONDAY, 0)
    assert (day.opens_s, day.closes_s) == (utc(2026, 3, 2, 8), utc(2026, 3, 2, 20))
    summer = open_day(SHOP, "Europe/Amsterdam", date(2026, 6, 1), 0)
    assert summer.opens_s == utc(2026, 6, 1, 7)


def test_on_other_days_it_is_closed_and_without_hours_it_is_not():
    assert open_day(SHOP, "UTC", MONDAY, 5) is None
    assert open_day([], "UTC", MONDAY, 5).closes_s == utc(2026, 3, 7, 21)


@pytest.mark.parametrize(("closes", "ends"), [("24:00", utc(2026, 3, 3)), ("02:00", utc(2026, 3, 3, 2))])
def test_some_close_at_midnight_or_after(closes, ends):
    late = [{"days": ["mon"], "opens": "18:00", "closes": closes}]
    assert open_day(late, "UTC", MONDAY, 0).closes_s == ends


def test_on_working_days_most_come_around_noon_and_on_the_way_home():
    hours = hours_of(open_day(SHOP, "UTC", MONDAY, 0))
    assert hours[3] > 1.3 * hours[1]  # noon beside ten
    assert hours[8] == max(hours)  # five in the afternoon
    assert hours[8] > 2.5 * hours[0]


def test_on_saturdays_most_come_early_in_the_afternoon():
    hours = hours_of(open_day([], "UTC", SATURDAY, 0))
    assert 4 <= int(np.argmax(hours)) <= 5


def test_nobody_comes_in_the_last_half_hour():
    day = open_day(SHOP, "UTC", MONDAY, 0)
    assert day.arrival_s(0) == day.opens_s
    assert day.arrival_s(1) == day.closes_s - LAST_ARRIVAL_S


@pytest.mark.parametrize(
    "hours", [[{"opens": "09:00"}], [{"days": ["mon"], "opens": "nine", "closes": "10:00"}]]
)
def test_hours_that_are_none_are_told(hours):
    with pytest.raises(SiteError, match="days, opens and closes"):
        open_day(hours, "UTC", MONDAY, 0)
