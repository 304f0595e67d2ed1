"""Edits of the configuration in the middle of traffic: a cap lowered and raised, one taken away, a pause."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from tests.torture.world import CAMPAIGNS, LIFETIME, MINUTE, cap

if TYPE_CHECKING:
    from collections.abc import Iterator


def edits() -> Iterator[tuple[str, dict[str, Any]]]:
    """(campaign, body) without end."""
    return cycle(
        [
            ("three-each", {**CAMPAIGNS["three-each"], "caps": [cap(2, "customer", LIFETIME)]}),
            ("flash", {**CAMPAIGNS["flash"], "status": "paused"}),
            ("rush", {**CAMPAIGNS["rush"], "caps": []}),
            ("flash", {**CAMPAIGNS["flash"], "caps": [cap(15, "total", MINUTE)]}),
            # A cap that comes back counts what was given while it was away.
            ("rush", CAMPAIGNS["rush"]),
            ("three-each", CAMPAIGNS["three-each"]),
            ("coupons", {**CAMPAIGNS["coupons"], "budget": {"total": 100, "per_day": 90}}),
            ("coupons", CAMPAIGNS["coupons"]),
        ]
    )
