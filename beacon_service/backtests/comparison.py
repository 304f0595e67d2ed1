"""What was decided, and what a replay decides of the same history: laid side by side, moment by moment."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from beacon_service.backtests.decided import Decided, differences


class Difference(NamedTuple):
    """One moment; `before` or `after` is None where it was no moment. `fields`: by name, what differs."""

    moment_key: UUID
    before: Decided | None
    after: Decided | None
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(slots=True)
class Comparison:
    """Fed in the order of the history; holds only moments of which one side has not come yet."""

    decisions: int = 0
    same: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    _before: dict[UUID, Decided] = field(default_factory=dict)
    _after: dict[UUID, Decided] = field(default_factory=dict)

    def feed(self, before: Iterable[Decided], after: Iterable[Decided]) -> Iterator[Difference]:
        """The differences that are sure by now."""
        for one in before:
            self.decisions += 1
            other = self._after.pop(one.moment_key, None)
            if other is None:
                self._before[one.moment_key] = one
            else:
                yield from self._compared(one, other)
        for other in after:
            one_before = self._before.pop(other.moment_key, None)
            if one_before is None:
                self._after[other.moment_key] = other
            else:
                yield from self._compared(one_before, other)

    def rest(self) -> Iterator[Difference]:
        """Moments of one side alone; to be asked when all has been fed."""
        for one in self._before.values():
            yield self._told(Difference(one.moment_key, one, None, {}))
        for other in self._after.values():
            yield self._told(Difference(other.moment_key, None, other, {}))

    def _compared(self, before: Decided, after: Decided) -> Iterator[Difference]:
        found = differences(before, after)
        if found:
            yield self._told(Difference(before.moment_key, before, after, found))
        else:
            self.same += 1

    def _told(self, difference: Difference) -> Difference:
        self.fields.update(list(difference.fields) or ["lost" if difference.after is None else "gained"])
        return difference
