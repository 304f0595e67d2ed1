"""What processes cost, by the kernel's own account in /proc."""

import os
from contextlib import suppress
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


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
    """Seconds of a processor that it and its descendants have used, also those that have ended and were collected."""
    return sum(_used_s(pid, collected=pid == root) for pid in family(root))


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory; `RssAnon` leaves out what is shared, as PostgreSQL's buffers are. 0.0 of one that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def used_ticks(stat: str, *, collected: bool) -> int:
    """User and system time of a line of /proc/PID/stat; `collected` adds that of children it has waited for."""
    fields = _after_name(stat)
    return sum(int(field) for field in fields[11 : 15 if collected else 13])


def _used_s(pid: int, *, collected: bool) -> float:
    with suppress(OSError):
        return used_ticks(Path(f"/proc/{pid}/stat").read_text(), collected=collected) / TICKS_A_SECOND
    return 0.0


def _after_name(stat: str) -> list[str]:
    """The fields behind the name, which may hold spaces and parentheses: state, parent, ..."""
    return stat.rpartition(")")[2].split()
