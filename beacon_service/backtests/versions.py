"""The configuration as of each version of a history, one after the other; with changes laid over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beacon_service.backtests.model import WHERE
from beacon_service.campaigns.programme import Programme
from beacon_service.configuration import store
from beacon_service.configuration.model import NOTHING, Documents
from beacon_service.engine import Catalogue
from beacon_service.pings.catalogue import maps_of
from beacon_service.zones.catalogue import Places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg

CAMPAIGNS = "SELECT body FROM catalogue_log WHERE kind = 'campaign' AND key = ANY(%s) AND body IS NOT NULL"
VERSIONS = "SELECT version, min(at) FROM catalogue_log GROUP BY version ORDER BY version"


@dataclass(slots=True)
class Versions:
    """`instead`: documents that hold whatever the log says of them, those without a body being none."""

    connection: psycopg.Connection[Any]
    instead: Documents = NOTHING
    current: Catalogue = field(default_factory=lambda: Catalogue.of(0, Places(), Programme()))
    _began: list[tuple[int, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = list(self.connection.execute(VERSIONS))

    def at(self, version: int | None, now: datetime) -> Catalogue:
        """That version, or where none was recorded the newest by then; never one before the last that was asked for."""
        wanted = version if version is not None else self._by(now)
        if wanted > self.current.version:
            self.current = self._after(wanted)
        return self.current

    def moves_otherwise(self) -> bool:
        """Whether what is changed says where people are, or after how long in a place a campaign wants to know."""
        kinds = {kind for kind, _ in self.instead.bodies}
        campaigns = [key for kind, key in self.instead.bodies if kind == "campaign"]
        logged = [body for (body,) in self.connection.execute(CAMPAIGNS, [campaigns])]
        instead = [body for (kind, _), body in self.instead.bodies.items() if kind == "campaign"]
        measured = any(_is_measured(body) for body in (*logged, *instead))
        return measured or not kinds.isdisjoint(WHERE)

    def _by(self, now: datetime) -> int:
        return max((version for version, at in self._began if at <= now), default=0)

    def _after(self, version: int) -> Catalogue:
        held = self.current
        read = store.read(self.connection, since=held.version, upto=version)
        bodies = dict(read.bodies)
        if held.version == 0:
            bodies |= {name: body for name, body in self.instead.bodies.items() if body is not None}
        for name, body in self.instead.bodies.items():
            if held.version or body is None:
                bodies.pop(name, None)
        documents = Documents(version, bodies)
        places = held.places.updated(documents, maps_of(self.connection, documents))
        return Catalogue.of(version, places, held.programme.updated(documents), held)


def _is_measured(body: Mapping[str, Any] | None) -> bool:
    """Whether a campaign waits for somebody to have stayed, or to have come so near."""
    return body is not None and body["trigger"].get("move") in {"dwelled", "approached"}
