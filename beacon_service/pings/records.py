"""What the ping path loads and saves, as values between `store` and its callers."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from beacon_service.engine import World


class Presented(msgspec.Struct, frozen=True):
    """An installation as it is found by the id that a request names, before any lock."""

    key: int
    id: str
    customer_key: int
    token_hash: bytes
    revoked: bool


class Seen(msgspec.Struct, frozen=True):
    """A ping that was stored before, under its installation and id."""

    content_hash: bytes
    answer: bytes | None


class Loaded(msgspec.Struct, frozen=True):
    """The world under its locks, and the configuration's version as of then: None of a world without a phone."""

    world: World
    version: int | None
    seen: dict[tuple[int, str], Seen]


class StoredPing(msgspec.Struct, frozen=True):
    """A row of `pings` that a step adds, but for its `seq`."""

    installation_key: int
    ping_id: str
    customer_key: int
    status: str
    at: datetime
    offset_ms: int
    seed: int
    content_hash: bytes
    body: bytes
    fix: bytes | None
    answer: bytes | None


class InstallationMovedError(Exception):
    """An installation belongs to another customer than the one whose row was locked: begin anew."""


class CatalogueBehindError(Exception):
    """The configuration was edited since this process loaded it: load it and begin anew."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(f"the configuration is at version {version}")


def still_holds(loaded: Loaded, found: Iterable[Presented], version: int) -> None:
    """Raises InstallationMovedError or CatalogueBehindError if what was found before the locks no longer holds."""
    for one in found:
        installation = loaded.world.installations.get(one.key)
        if installation is None or installation.customer_key != one.customer_key:
            raise InstallationMovedError
        if installation.customer_key not in loaded.world.customers:
            raise InstallationMovedError
    if loaded.version is not None and loaded.version != version:
        raise CatalogueBehindError(loaded.version)
