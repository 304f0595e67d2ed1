"""Whose work the processors did, by the kernel's own account: web processes, PostgreSQL, the loader, others.

Processor time a ping is what a slow minute of the machine changes least, so it is the figure to compare across runs.
"""

import time
from dataclasses import dataclass

from benchmarks.processes import machine, processor_s


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
    whole = machine()
    return Spent(
        web=processor_s(web),
        postgres=processor_s(postgres) if postgres is not None else 0.0,
        loader=time.process_time(),
        available=whole.available,
        idle=whole.idle,
        stolen=whole.stolen,
    )
