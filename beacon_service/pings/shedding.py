"""When a queue refuses: by how long those in it wait, and only at the last by how many they are.

A queue of many that is soon done with is healthy, and one of few behind something that hangs is not. So a newcomer is
refused, with a word when to come back, where

- `full`: as many are inside as there are threads for;
- `long`: it would wait longer than anybody may, by those ahead of it and by what their turns take of late, or the
  oldest has waited that long already;
- `standing`: the queue does not come down: in a whole interval no turn began with less than the target's wait. Then no
  more is let in than is worth the target, until it has. This is CoDel's rule (Nichols and Jacobson, *Controlling Queue
  Delay*, 2012): a burst makes a wait that passes, and only one that stays is an overload.

A few are always let in, as CoDel drops nothing of a queue of one packet: where turns are slow by themselves, refusing
makes none of them faster. Nothing latches: each question is judged by the queue as it is, so with the load the refusals
end. Pure: who keeps the queue says what happened and what time it is.
"""

from typing import Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal["full", "long", "standing", "waited"]

# The soonest that anybody is asked to come back, and how much later the latest of them at first: phones that were
# refused in one second shall not come back in one.
SOONEST_S, FIRST_SPREAD_S = 1, 2
# The longest spread: an app waits that long for no answer either.
LONGEST_SPREAD_S = 30
# Refusals farther apart than this belong to two overloads.
APART_S = 5.0


class Bounds(NamedTuple):
    """What a queue may come to."""

    most: int  # jobs, those at work among them
    few: int  # jobs waiting that are let be, however slow the turns
    target_s: float
    interval_s: float
    longest_s: float


class Line(NamedTuple):
    """A queue as a newcomer finds it."""

    inside: int  # jobs, those at work among them
    waiting: int
    turns_ahead: int  # that go before the newcomer's own; the one at work counts
    oldest_s: float  # how long the first in it has waited


class Shedding:
    """The policy of one queue, and what it remembers: two turns, and since when the wait is above its target."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._above_since: float | None = None
        self._turns_s = (0.0, 0.0)
        self._refusing: tuple[float, float] | None = None  # since when, and the last of them

    def began(self, waited_s: float, now: float) -> None:
        """A turn begins, and the oldest of those whose it is has waited so long."""
        if waited_s <= self.bounds.target_s:
            self._above_since = None
        elif self._above_since is None:
            self._above_since = now

    def ended(self, took_s: float) -> None:
        """A turn is over."""
        self._turns_s = (self._turns_s[1], took_s)

    def emptied(self) -> None:
        """A turn is over and nobody waits for the next one."""
        self._above_since = None

    @property
    def turn_s(self) -> float:
        """What a turn takes. The smaller of the last two: one that hung says nothing of those to come."""
        return min(self._turns_s)

    def is_standing(self, now: float) -> bool:
        return self._above_since is not None and now - self._above_since >= self.bounds.interval_s

    def refuses(self, line: Line, now: float) -> Reason | None:
        """Why a newcomer is sent away, or None: it may come in."""
        if line.inside >= self.bounds.most:
            return "full"
        if line.oldest_s > self.bounds.longest_s:
            return "long"
        if line.waiting < self.bounds.few:
            return None
        wait_s = max(line.oldest_s, self.turn_s * line.turns_ahead)
        if wait_s > self.bounds.longest_s:
            return "long"
        return "standing" if wait_s > self.bounds.target_s and self.is_standing(now) else None

    def refused(self, now: float) -> float:
        """Somebody was sent away: for how long this has been going on, in seconds."""
        since = now if self._refusing is None or now - self._refusing[1] > APART_S else self._refusing[0]
        self._refusing = (since, now)
        return now - since


def retry_after_s(refusing_for_s: float, draw: float) -> int:
    """When to come back; `draw` is from [0, 1). The longer there is too much to do, the more the returns are spread.

    At first after 1 or 2 s, after ten seconds of refusals 1 to 12 s, from half a minute on 1 to 30 s.
    """
    spread_s = min(LONGEST_SPREAD_S, FIRST_SPREAD_S + int(refusing_for_s))
    return SOONEST_S + int(draw * spread_s)
