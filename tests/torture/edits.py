"""Edits in the middle of traffic: a cap lowered and raised, one taken away, a pause, other costs, more codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.torture.programme import CAMPAIGNS, POLICY, POOL, more_codes
from tests.torture.world import LIFETIME, MINUTE, cap

if TYPE_CHECKING:
    from collections.abc import Iterator


def edits() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, body) without end."""
    imports = more_codes()
    while True:
        for campaign, body in _campaigns():
            yield "PUT", f"/v1/campaigns/{campaign}", body
        yield "POST", f"/v1/code-pools/{POOL}/codes", next(imports)
        for policy in ({**POLICY, "min_gap_s": 2}, POLICY):
            yield "PUT", "/v1/policy", policy


def _campaigns() -> Iterator[tuple[str, dict[str, Any]]]:
    variants = CAMPAIGNS["variants"]
    dearer = [{**offer, "cost": offer["cost"] + 4} for offer in variants["offers"]]
    yield "three-each", {**CAMPAIGNS["three-each"], "caps": [cap(2, "customer", LIFETIME)]}
    # What it gave before goes on counting as what it cost, and as loud, then.
    yield "variants", {**variants, "offers": dearer, "tags": ["paid"]}
    yield "flash", {**CAMPAIGNS["flash"], "status": "paused"}
    yield "rush", {**CAMPAIGNS["rush"], "caps": []}
    yield "flash", {**CAMPAIGNS["flash"], "caps": [cap(15, "total", MINUTE)]}
    # A cap that comes back counts what was given while it was away.
    yield "rush", CAMPAIGNS["rush"]
    yield "variants", variants
    yield "paced", {**CAMPAIGNS["paced"], "budget": {"per_day": 20, "pacing": "even"}}
    yield "three-each", CAMPAIGNS["three-each"]
    yield "coupons", {**CAMPAIGNS["coupons"], "budget": {"total": 100, "per_day": 90}}
    yield "coupons", CAMPAIGNS["coupons"]
    yield "paced", CAMPAIGNS["paced"]
