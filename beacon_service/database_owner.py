"""As whom PostgreSQL's programs run and files are made: PostgreSQL refuses to run as root.

Run as root, everything of the cluster is done as the account `postgres` that Debian's package creates; run as an
ordinary user, as that user.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from typing import TYPE_CHECKING

from beacon_service.postgresql import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def as_owner(command: Sequence[str]) -> list[str]:
    """The command, run as the owner."""
    if _owner() is None:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", *command]


def run(program: Path, *arguments: str, log: Path) -> None:
    """Run one of PostgreSQL's programs; its own words become the error, which names the log where more is."""
    # Output goes to a file: the postmaster inherits a pipe and would keep us waiting for its end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            as_owner([str(program), *arguments]),
            cwd="/",
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output.seek(0)
        said = " ".join(output.read().split())
    if done.returncode != 0:
        raise ClusterError(f"{program.name} failed: {said or 'no message'} (see {log})")


def give(path: Path) -> None:
    """Make the owner's what we made."""
    owner = _owner()
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def own_directory(path: Path) -> None:
    """Make a directory that only the owner can enter; refuse one that someone else prepared."""
    owner = _owner()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        give(path)
    found = path.lstat()
    expected_uid = os.geteuid() if owner is None else owner.pw_uid
    if not path.is_dir() or path.is_symlink() or found.st_uid not in {expected_uid, os.geteuid()}:
        message = f"{path} belongs to someone else; remove it or set BEACON_CLUSTER_DIR to another directory"
        raise ClusterError(message)
    if found.st_uid != expected_uid:
        give(path)
    path.chmod(0o700)


def _owner() -> pwd.struct_passwd | None:
    """The account to drop to, or None where we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        message = "there is no account named postgres to run the database as; install the package postgresql"
        raise ClusterError(message) from None
