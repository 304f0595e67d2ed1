"""What the demo must remember between runs: the service's secret, and the keys made for each database.

Kept in one file that only its owner can read. Without it each run would make new keys beside the old ones.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.client import Keys


@dataclass(frozen=True, slots=True)
class SecretsFile:
    path: Path

    def keys(self, database_url: str) -> Keys | None:
        told = self.read().get("keys", {}).get(name_of(database_url))
        return Keys(**told) if told else None

    def keep_keys(self, database_url: str, keys: Keys) -> None:
        content = self.read()
        kept = content.setdefault("keys", {})
        kept[name_of(database_url)] = {"publishable": keys.publishable, "secret": keys.secret}
        self.write(content)

    def read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return content

    def write(self, content: dict[str, Any]) -> None:
        """Written beside and renamed, so that a stop in between leaves the old file whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
        beside.rename(self.path)


def name_of(database_url: str) -> str:
    """A database by its address, without writing down the password that may be in it."""
    return hashlib.sha256(database_url.encode()).hexdigest()[:16]
