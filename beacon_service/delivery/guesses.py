"""Codes that nobody has, counted by key and by network address: whoever guesses too often waits.

Only misses count, so that a busy till is never held up; and whoever has guessed too often is told nothing of codes
that exist either, until the time has passed. Each process counts what reaches it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from beacon_service.auth.rates import Meter, parse_rate
from beacon_service.errors import RateLimited

if TYPE_CHECKING:
    from beacon_service.auth import Principal


class Guesses:
    def __init__(self, rate: str) -> None:
        self._keys = Meter(parse_rate(rate))
        self._addresses = Meter(parse_rate(rate))

    def admit(self, who: Principal, address: str | None, now_s: float) -> None:
        """RateLimited while there were too many misses."""
        waits = (self._keys.due_s(who.key_id, now_s), self._addresses.due_s(address or "", now_s))
        if (wait_s := max(waits)) > 0:
            seconds = math.ceil(wait_s)
            raise RateLimited(f"Too many codes that do not exist. Wait {seconds} s.", retry_after_s=seconds)

    def missed(self, who: Principal, address: str | None, now_s: float) -> None:
        self._keys.wait_s(who.key_id, now_s)
        self._addresses.wait_s(address or "", now_s)
