"""When a site is open, and when people come: hours as the service keeps them, rushes as shops know them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from beacon_service.hours import DAYS, END_OF_DAY
from simulators.generating.sites.files import SiteError

# Where a site says nothing: a shop's usual day.
USUAL_OPENS, USUAL_CLOSES = "09:00", "21:00"
LAST_ARRIVAL_S = 1_800.0  # before it closes
# How many come in an hour of the day beside how many come in others: lunch and the way home on working days, the
# early afternoon on Saturdays and Sundays.
WORKING_DAY = (0, 0, 0, 0, 0, 0, 2, 3, 5, 6, 8, 10, 14, 12, 9, 9, 12, 18, 17, 11, 6, 3, 1, 0)
WEEKEND = (0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 13, 16, 17, 18, 18, 17, 15, 12, 8, 5, 3, 2, 1, 0)
LEAST_WEIGHT = 0.2  # of hours in which nobody is expected and it is open all the same


@dataclass(frozen=True, slots=True)
class OpenDay:
    """From `opens_s` to `closes_s`, Unix seconds; `chances` of the day's arrivals by hour from opening on."""

    number: int
    date: date
    opens_s: float
    closes_s: float
    hours: tuple[float, ...]

    def arrival_s(self, quantile: float) -> float:
        """0 is the first to come, 1 the last."""
        total = np.concatenate(([0.0], np.cumsum(self.hours)))
        span_s = max(60.0, self.closes_s - self.opens_s - LAST_ARRIVAL_S)
        edges = np.minimum(np.arange(len(total)) * 3_600.0, span_s)
        return self.opens_s + float(np.interp(quantile * total[-1], total, edges))


def open_day(hours: Sequence[Mapping[str, Any]], time_zone: str, first: date, number: int) -> OpenDay | None:
    """The number-th day after the first; None where it is closed. Of several stretches the first to the last."""
    day, zone = first + timedelta(days=number), ZoneInfo(time_zone)
    spans = (
        [span for each in hours if (span := _span(each, day, zone))]
        if hours
        else [(_instant_s(day, USUAL_OPENS, zone), _instant_s(day, USUAL_CLOSES, zone))]
    )
    if not spans:
        return None
    opens_s, closes_s = min(span[0] for span in spans), max(span[1] for span in spans)
    weights = WEEKEND if day.weekday() >= 5 else WORKING_DAY
    first_hour = datetime.fromtimestamp(opens_s, zone).hour
    count = max(1, int(np.ceil((closes_s - opens_s - LAST_ARRIVAL_S) / 3_600)))
    chances = tuple(max(LEAST_WEIGHT, weights[(first_hour + hour) % 24]) for hour in range(count))
    return OpenDay(number, day, opens_s, closes_s, chances)


def _span(stretch: Mapping[str, Any], day: date, zone: ZoneInfo) -> tuple[float, float] | None:
    try:
        if DAYS[day.weekday()] not in stretch["days"]:
            return None
        opens_s, closes_s = (_instant_s(day, stretch[name], zone) for name in ("opens", "closes"))
    except (KeyError, TypeError, ValueError) as error:
        raise SiteError(f"the site's hours should be a list of days, opens and closes: {error}") from None
    if closes_s <= opens_s:
        closes_s += 86_400
    return opens_s, closes_s


def _instant_s(day: date, clock: str, zone: ZoneInfo) -> float:
    if clock == END_OF_DAY:
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).timestamp()
