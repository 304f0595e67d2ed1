"""When a line of the trace is played, and which instants it tells then.

Two times run beside each other: the trace's, which is past, and the wall's, which is now. Lines are played when the
wall shows what their time has become. Pings tell

- *compressed* times: those at which they are played. At ten times the speed ten minutes of the trace are one minute of
  the service's clock, and so are ages, waits and ways;
- or *kept* ones: shifted so that the trace ends now, with every distance in time as it was. The service then takes them
  as what phones kept offline: visits come out as they were, but what is older than two minutes makes no offers.

Both are monotone, so that what was before is before. Clocks of phones stay as wrong as they were, in seconds: a service
measures that against its own clock, which does not run faster.
"""

import time
from bisect import bisect_right
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

# As fast as it takes: where no line has been played yet, a second of the trace is told as a millisecond.
FASTEST_SLOPE = 1 / 1000
# A second of the trace and no more: the microsecond that instants are told to.
JUMP_S = 1e-6
# Half a megabyte; older ones are thinned out, and what phones told already they remember themselves.
MOST_ANCHORS = 20_000

Times = Literal["compressed", "kept"]


class TraceClock(Struct):
    """`speed` is None for as fast as it takes. `trace_s` and `wall_s`: pairs that belong together, Unix time."""

    speed: float | None
    trace_s: list[float]
    wall_s: list[float]
    shift_s: float | None = None  # with kept times
    inner_slope: float = 1.0  # what lies within a ping must be told alike whenever it is sent

    @classmethod
    def begun(
        cls, begins_s: float, ends_s: float | None, speed: float | None, times: Times, now_s: float
    ) -> "TraceClock":
        """ValueError where times are to be kept of a trace that does not say when it ends."""
        clock = cls(speed, [begins_s], [now_s])
        if times == "kept":
            if ends_s is None:
                raise ValueError("the trace does not say when it ends, so its times cannot be kept")
            lasts_s = (ends_s - begins_s) / speed if speed is not None else 0.0
            clock.shift_s = now_s + lasts_s - ends_s
        else:
            clock.inner_slope = clock.slope
        return clock

    @property
    def slope(self) -> float:
        """Seconds of the wall that a second of the trace takes."""
        return FASTEST_SLOPE if self.speed is None else 1 / self.speed

    def due_s(self, trace_s: float) -> float:
        return 0.0 if self.speed is None else self.wall_of(trace_s)

    def played(self, trace_s: float, now_s: float) -> None:
        """A line of that time is played now; where it is as fast as it takes, that makes the time."""
        if self.speed is not None or trace_s <= self.trace_s[-1]:
            return
        self.trace_s.append(trace_s)
        self.wall_s.append(max(now_s, self.wall_s[-1]))
        if len(self.trace_s) > MOST_ANCHORS:
            half = MOST_ANCHORS // 2
            del self.trace_s[1:half:2], self.wall_s[1:half:2]

    def goes_on(self, trace_s: float, now_s: float) -> None:
        """The trace was stopped at `trace_s` and goes on now; what was told before stays as it was told."""
        trace_s = max(trace_s, self.trace_s[-1])
        wall_s = self.wall_of(trace_s)
        self.trace_s += [trace_s, trace_s + JUMP_S]
        self.wall_s += [wall_s, max(now_s, wall_s)]

    def told_s(self, trace_s: float) -> float:
        """What a right clock is told to have shown at an instant of the trace."""
        return self.wall_of(trace_s) if self.shift_s is None else trace_s + self.shift_s

    def trace_of(self, told_s: float) -> float:
        """The other way round, for what the service tells."""
        if self.shift_s is not None:
            return told_s - self.shift_s
        return _between(told_s, self.wall_s, self.trace_s, 1 / self.slope)

    def wall_of(self, trace_s: float) -> float:
        return _between(trace_s, self.trace_s, self.wall_s, self.slope)


def _between(x: float, xs: list[float], ys: list[float], slope: float) -> float:
    """Linear between the pairs, and with `slope` before the first and after the last."""
    after = bisect_right(xs, x)
    if after == 0:
        return ys[0] + (x - xs[0]) * slope
    if after == len(xs):
        return ys[-1] + (x - xs[-1]) * slope
    x0, x1, y0, y1 = xs[after - 1], xs[after], ys[after - 1], ys[after]
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def now_s() -> float:
    return time.time()
