"""Where PostgreSQL's own programs are on this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


class ClusterError(Exception):
    """The private cluster could not be made, started or stopped."""


def find_binaries(version: str | None = None) -> Path:
    """The directory of PostgreSQL's programs: of this major version, or the newest that has PostGIS.

    Raises ClusterError when there is none.
    """
    installed = {
        path.parents[1].name: path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")
    }
    if version is None and installed:
        return installed[max(installed, key=lambda name: (_has_postgis(name), int(name)))]
    on_path = _binaries_on_path()
    if on_path is not None:
        installed.setdefault(_major_version(on_path), on_path)
    if version is None and on_path is not None:
        return on_path
    if version in installed:
        return installed[version]
    packages = (
        f"postgresql-{version} postgresql-{version}-postgis-3" if version else "postgresql postgresql-postgis"
    )
    message = f"PostgreSQL {version or ''} is not installed; as root, run: apt-get install {packages}"
    raise ClusterError(message.replace("  ", " "))


def _has_postgis(version: str) -> bool:
    return Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists()


def _binaries_on_path() -> Path | None:
    if shutil.which("pg_config"):
        named = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        directory = Path(named.stdout.strip())
        if (directory / "postgres").exists():
            return directory
    postgres = shutil.which("postgres")
    return Path(postgres).resolve().parent if postgres else None


def _major_version(binaries: Path) -> str:
    """`postgres (PostgreSQL) 15.20 (Debian ...)` -> "15"."""
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2].partition(".")[0]
