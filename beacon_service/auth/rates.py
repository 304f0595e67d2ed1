"""How often one may ask: by key, by network address and by installation.

Each meter is a leaky bucket in its "virtual scheduling" form (GCRA, ITU-T I.371): one number for each name,
the time at which the bucket will have run empty. It takes a microsecond or two, needs no timer and no list of
past requests. Meters live in the process: several web processes each count what reaches them.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beacon_service.errors import RateLimited

if TYPE_CHECKING:
    from beacon_service.auth.model import Principal
    from beacon_service.settings import Settings

_SPELLING = re.compile(r"(\d+) ?(?:/|per) ?(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Rate:
    """`most` at once, and as many again in each period, evenly."""

    most: int
    period_s: int


def parse_rate(text: str) -> Rate:
    """Rate(240, 60) from "240/minute"; ValueError for another spelling."""
    spelled = _SPELLING.fullmatch(text)
    if spelled is None or int(spelled[1]) < 1:
        message = f"{text!r} is not a rate such as 240/minute"
        raise ValueError(message)
    return Rate(int(spelled[1]), _SECONDS[spelled[2]])


class Meter:
    """Counts by name. Names that have not asked for a period are forgotten: two dicts that take turns."""

    def __init__(self, rate: Rate) -> None:
        self._period_s = rate.period_s
        self._step_s = rate.period_s / rate.most
        self._recent: dict[str, float] = {}
        self._older: dict[str, float] = {}
        self._turned_s = 0.0
        self._lock = threading.Lock()

    def wait_s(self, name: str, now_s: float) -> float:
        """0 and counted, or the seconds after which this one would be allowed.

        2/minute, asked at 0, 0, 0 and 30 s: 0, 0, 30, 0.
        """
        with self._lock:
            wait_s, empty_s = self._asked(name, now_s)
            if wait_s == 0:
                self._recent[name] = empty_s
            return wait_s

    def due_s(self, name: str, now_s: float) -> float:
        """The same without counting it: 0, or the seconds after which one more would be allowed."""
        with self._lock:
            return self._asked(name, now_s)[0]

    def _asked(self, name: str, now_s: float) -> tuple[float, float]:
        """(seconds to wait, when the bucket would have run empty with one more in it)"""
        if abs(now_s - self._turned_s) >= self._period_s:
            # Whatever an entry this old says has run empty by now.
            self._older, self._recent, self._turned_s = self._recent, {}, now_s
        runs_empty_s = self._recent.get(name) or self._older.get(name, now_s)
        if runs_empty_s > now_s + self._period_s + self._step_s:
            runs_empty_s = now_s  # fuller than it can be: the clock was set back
        empty_s = max(runs_empty_s, now_s) + self._step_s
        # A millionth of a step for the rounding of sums of floats.
        wait_s = empty_s - now_s - self._period_s - self._step_s * 1e-6
        return max(wait_s, 0.0), empty_s


class RateLimits:
    """The meters of one web process."""

    def __init__(self, settings: Settings) -> None:
        self._keys = Meter(parse_rate(settings.rate_limit_key))
        self._addresses = Meter(parse_rate(settings.rate_limit_address))
        self._installations = Meter(parse_rate(settings.rate_limit_installation))
        self._registrations = Meter(parse_rate(settings.rate_limit_registration))

    def admit(
        self,
        principal: Principal,
        now_s: float,
        *,
        address: str | None,
        installation_id: str | None = None,
        registers: bool = False,
    ) -> None:
        """Count one request; RateLimited with the seconds to wait where it is one too many.

        Addresses and installations bind publishable keys: a brand's backend and its gateways speak for many.
        """
        _admit(self._keys, principal.key_id, now_s, "this key")
        if principal.is_secret:
            return
        _admit(self._addresses, address or "", now_s, "this network address")
        if registers:
            _admit(self._registrations, address or "", now_s, "registrations from this network address")
        if installation_id is not None:
            _admit(self._installations, installation_id, now_s, "this installation")


def _admit(meter: Meter, name: str, now_s: float, whose: str) -> None:
    wait_s = meter.wait_s(name, now_s)
    if wait_s > 0:
        seconds = math.ceil(wait_s)
        raise RateLimited(f"The rate limit of {whose} is reached. Wait {seconds} s.", retry_after_s=seconds)
