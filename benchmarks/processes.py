"""What processes and processors have done and what they hold, by the kernel's own account in /proc."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Machine(NamedTuple):
    """Seconds of all processors together, since the machine started."""

    idle: float
    stolen: float
    available: float


def machine() -> Machine:
    line = Path("/proc/stat").read_text().split("\n", 1)[0]
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    seconds = [int(field) / TICKS_PER_S for field in line.split()[1:9]]
    return Machine(seconds[3] + seconds[4], seconds[7], sum(seconds))


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(_after_name(entry.read_text())[1]), []).append(int(entry.parent.name))
    members = [root]
    for member in members:
        members += children.get(member, [])
    return members


def processor_s(root: int) -> float:
    """Seconds of a processor that a family has used: all that live, and those that ended and were waited for."""
    return sum(map(_used_s, family(root)))


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory; `RssAnon` leaves out what is shared, as PostgreSQL's buffers are. 0.0 of one that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def largest_mb(root: int, what: str = "VmRSS") -> float:
    """Of the largest process of a family."""
    return max(resident_mb(pid, what) for pid in family(root))


def used_ticks(stat: str) -> int:
    """User and system time of a line of /proc/PID/stat, and of the children that it has waited for.

    A child that was waited for is counted with its parent alone, so nobody in a family is counted twice.
    """
    return sum(map(int, _after_name(stat)[11:15]))


def _used_s(pid: int) -> float:
    with suppress(OSError):
        return used_ticks(Path(f"/proc/{pid}/stat").read_text()) / TICKS_PER_S
    return 0.0


def _after_name(stat: str) -> list[str]:
    """The fields behind the name, which may hold spaces and parentheses: state, parent, ..."""
    return stat.rpartition(")")[2].split()
