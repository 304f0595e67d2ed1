"""Reads back from the service what it holds of a run: its moves and its decisions, whoever caused them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from simulators.client import Client, bearer


@dataclass(frozen=True, slots=True)
class Move:
    """`zone` is "site/zone"."""

    event_id: str
    installation_id: str
    type: str
    zone: str
    at: datetime
    probability: float | None = None  # of being there; the service tells it in its list, not to phones


@dataclass(frozen=True, slots=True)
class Decision:
    """One moment's decision: the campaign that won, if any, and why each other one did not."""

    decision_id: str
    installation_id: str
    move: str
    zone: str
    at: datetime
    campaign: str | None
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reader:
    """`run` is what the ids of this run's installations begin with; all else is not ours."""

    client: Client
    secret_key: str
    run: str

    async def moves(self, since: datetime) -> list[Move]:
        """In order of time."""
        found = [move_of(item) for item in await self.items("/v1/moves", since)]
        return sorted(found, key=lambda move: (move.at, move.event_id))

    async def decisions(self, since: datetime) -> list[Decision]:
        """In order of time."""
        found = [decision_of(item) for item in await self.items("/v1/decisions", since)]
        return sorted(found, key=lambda decision: (decision.at, decision.decision_id))

    async def items(self, path: str, since: datetime) -> list[dict[str, Any]]:
        pages = self.client.pages(
            path, headers=bearer(self.secret_key), random=Random(path), query={"since": since.isoformat()}
        )
        return [item async for item in pages if (item["installation_id"] or "").startswith(f"{self.run}-")]


def move_of(item: Mapping[str, Any]) -> Move:
    return Move(
        event_id=item["event_id"],
        installation_id=item["installation_id"],
        type=item["type"],
        zone=f"{item['site']}/{item['zone']}",
        at=datetime.fromisoformat(item["at"]),
        probability=item.get("probability"),
    )


def decision_of(item: Mapping[str, Any]) -> Decision:
    return Decision(
        decision_id=item["decision_id"],
        installation_id=item["installation_id"],
        move=item["move"],
        zone=f"{item['site']}/{item['zone']}",
        at=datetime.fromisoformat(item["at"]),
        campaign=item["campaign"],
        reasons=item["reasons"],
    )
