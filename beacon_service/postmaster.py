"""Whether PostgreSQL's main process lives, and what to do with what it left behind when it was killed."""

from __future__ import annotations

from pathlib import Path

# Linux hands out process ids up to 2**22.
IMPOSSIBLE_PID = 2**22 + 1


def running_pid(data: Path) -> int | None:
    """The process id of the server of this data directory, or None.

    After a crash the file stays, and its number may be anyone's, or a dead process's that nobody has
    collected yet; so the process itself is looked at, and whether it works in our directory.
    """
    pid = _recorded_pid(data)
    if pid is None:
        return None
    process = Path(f"/proc/{pid}")
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        ours = (process / "cwd").samefile(data)
    except OSError:
        return None
    return pid if ours and state not in {"Z", "X"} else None


def retire_dead_pid(data: Path, socket_dir: Path) -> bool:
    """Put a number that no process can have in the place of a dead server's; True if there was one.

    PostgreSQL takes any process of that number, even a dead one that nobody has collected, for its rival.
    Removing the files would help too, but with them would go the check that no orphan of the old server still
    writes to the shared memory.
    """
    left_behind = [path for path in (_pid_file(data), *socket_dir.glob(".s.PGSQL.*.lock")) if path.exists()]
    for path in left_behind:
        path.write_text(f"{IMPOSSIBLE_PID}\n" + path.read_text().partition("\n")[2])
    return bool(left_behind)


def _recorded_pid(data: Path) -> int | None:
    try:
        first_line = _pid_file(data).read_text().partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first_line) if first_line.isdigit() else None


def _pid_file(data: Path) -> Path:
    return data / "postmaster.pid"
