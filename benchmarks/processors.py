"""Whose work the processors did, by the kernel's own account: web processes, PostgreSQL, the loader, others.

Processor time a ping is what a slow minute of the machine changes least, so it is the figure to compare across runs.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import family

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor. `available`: of all processors together; `idle` of it nobody used, and `stolen` the
    machine did not have because its host gave it to others."""

    web: float
    postgres: float
    loader: float
    available: float
    idle: float
    stolen: float

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            web=self.web - before.web,
            postgres=self.postgres - before.postgres,
            loader=self.loader - before.loader,
            available=self.available - before.available,
            idle=self.idle - before.idle,
            stolen=self.stolen - before.stolen,
        )

    @property
    def elsewhere(self) -> float:
        """The share of the processors that went to other work, or away from this machine."""
        ours = self.web + self.postgres + self.loader
        left = self.available - self.idle - ours
        return min(1.0, max(0.0, left / self.available)) if self.available > 0 else 0.0


def spent(web: int, postgres: int | None) -> Spent:
    """So far, by the heads of the two families of processes; this process is the loader."""
    idle, stolen, available = _machine()
    return Spent(
        web=_family_s(web),
        postgres=_family_s(postgres) if postgres is not None else 0.0,
        loader=time.process_time(),
        available=available,
        idle=idle,
        stolen=stolen,
    )


def _family_s(pid: int) -> float:
    """Of all that live, and of those that ended and were waited for."""
    return sum(map(_process_s, family(pid)))


def _process_s(pid: int) -> float:
    try:
        # The name in parentheses may hold spaces; behind it, utime, stime, cutime and cstime are at 11 to 14.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def _machine() -> tuple[float, float, float]:
    """Idle, stolen and all seconds of all processors since the machine started."""
    line = Path("/proc/stat").read_text().split("\n", 1)[0]
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    seconds = [int(field) / TICKS_PER_S for field in line.split()[1:9]]
    return seconds[3] + seconds[4], seconds[7], sum(seconds)
