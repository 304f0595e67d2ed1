"""Codes that are one customer's alone, given to the winners once it is settled who they are.

Taken under the locks that the winners hold by then: a pool's tally has been claimed, so that what is told to be left
is left. Steps that give out no such code send nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from beacon_service.campaigns import codes_store as store
from beacon_service.campaigns.codes import coded, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from beacon_service.campaigns.decision import Decision
    from beacon_service.campaigns.model import Recipe
    from beacon_service.db import Connection
    from beacon_service.engine import Told

# Two decisions make the same code once in a lifetime; five in a row are no chance.
MOST_ATTEMPTS = 5


class CodeTaker:
    """Gives what was told its codes, in the transaction that decided it."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def __call__(self, told: Sequence[Told]) -> tuple[Told, ...]:
        pooled = [
            (decision.offer.pool, decision.id)
            for decision in _takers(told)
            if decision.offer is not None and decision.offer.pool is not None
        ]
        recipes = {
            decision.id: decision.offer.recipe
            for decision in _takers(told)
            if decision.offer is not None and decision.offer.recipe is not None
        }
        codes = store.take(self._connection, pooled, self._now) if pooled else {}
        if recipes:
            codes |= self._make(recipes)
        return with_codes(told, codes) if codes else tuple(told)

    def _make(self, recipes: Mapping[UUID, Recipe]) -> dict[UUID, str]:
        secret = store.secret(self._connection)
        kept: dict[UUID, str] = {}
        for attempt in range(MOST_ATTEMPTS):
            wanted = {key: made(secret, one, key, attempt) for key, one in recipes.items() if key not in kept}
            kept |= store.keep(self._connection, wanted, self._now)
            if len(kept) == len(recipes):
                return kept
        raise AssertionError("the same codes were made again and again")


def with_codes(told: Iterable[Told], codes: Mapping[UUID, str]) -> tuple[Told, ...]:
    """The same, each decision that has a code with it in its texts."""
    return tuple(
        replace(
            one,
            decisions=tuple(
                coded(decision, codes[decision.id]) if decision.id in codes else decision
                for decision in one.decisions
            ),
        )
        if any(decision.id in codes for decision in one.decisions)
        else one
        for one in told
    )


def _takers(told: Iterable[Told]) -> list[Decision]:
    return [
        decision
        for one in told
        for decision in one.decisions
        if decision.offer is not None and decision.offer.takes_code
    ]
