"""What was decided, and what a replay decides of the same history: laid side by side, moment by moment."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from beacon_service.backtests.decided import Decided

# A timer that a replay fires is off by seconds; what found no other side for so long has none.
LONGEST_APART = timedelta(hours=1)


class Pair(NamedTuple):
    """One moment on both sides; None where it was no moment, or nobody spoke of it."""

    before: Decided | None
    after: Decided | None

    @property
    def either(self) -> Decided:
        found = self.before or self.after
        assert found is not None, "a pair has a side"
        return found


class Pairing:
    """Fed in the order of the history; holds only moments of which one side has not come yet."""

    def __init__(self) -> None:
        self._before: dict[UUID, Decided] = {}
        self._after: dict[UUID, Decided] = {}

    def feed(self, before: Iterable[Decided], after: Iterable[Decided], now: datetime) -> Iterator[Pair]:
        """The pairs that are sure by now."""
        for one in before:
            other = self._after.pop(one.moment_key, None)
            if other is None:
                self._before[one.moment_key] = one
            else:
                yield Pair(one, other)
        for other in after:
            met = self._before.pop(other.moment_key, None)
            if met is None:
                self._after[other.moment_key] = other
            else:
                yield Pair(met, other)
        yield from self._alone(now - LONGEST_APART)

    def rest(self) -> Iterator[Pair]:
        """Moments of one side alone; to be asked when all has been fed."""
        yield from self._alone(None)

    def _alone(self, until: datetime | None) -> Iterator[Pair]:
        for one in _oldest(self._before, until):
            yield Pair(one, None)
        for one in _oldest(self._after, until):
            yield Pair(None, one)


def _oldest(waiting: dict[UUID, Decided], until: datetime | None) -> Iterator[Decided]:
    """Taken out, in the order in which they came."""
    while waiting:
        key = next(iter(waiting))
        if until is not None and waiting[key].decided_at > until:
            return
        yield waiting.pop(key)
