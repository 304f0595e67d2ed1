"""A decision told whole: what was seen, what was chosen, and for every campaign that lost, why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from beacon_service.campaigns.ledger import Outcome
from beacon_service.pings.answer import OfferOut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MOMENT = ("site", "zone", "move", "dwell_s", "within_m", "visit", "at")
HEAD = (
    "decision_id",
    "customer_id",
    "installation_id",
    "decided_at",
    "campaign",
    "revision",
    "offer",
    "channel",
)
SHORT = ("decision_id", "installation_id", "campaign", "offer", "expires_at")


def explained(
    decision: Mapping[str, Any],
    grants: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Mapping[str, Any]],
    evidence: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The whole explanation, as an analyst reads it."""
    return {
        **{name: decision[name] for name in HEAD},
        "expires_at": decision["expires_at"],
        "moment": {"key": decision["moment_key"], **{name: decision[name] for name in MOMENT}},
        "reasons": decision["reasons"],
        "counts": [
            {"campaign": campaign, "cap": cap, "used": used, "limit": limit}
            for campaign, cap, used, limit in decision["counts"]
        ],
        "draws": {
            campaign: {"draw": draw, "share": share} for campaign, (draw, share) in decision["draws"].items()
        },
        "refusals": decision["refusals"],
        "scores": decision["scores"],
        "grants": [{**grant, "outcomes": _names(grant["outcomes"])} for grant in grants],
        "outcomes": list(outcomes),
        "seed": str(decision["seed"]),  # 63 bits: more than a number in JavaScript holds
        "catalogue_version": decision["catalogue_version"],
        "code_version": decision["code_version"],
        "evidence": None if evidence is None else _evidence(evidence),
        "evidence_missing": None if evidence is not None else _why_missing(decision),
    }


def short(decision: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the phone that it was made for may know of it: the offer, not the reasons; once expired without its code."""
    told = {name: decision[name] for name in SHORT}
    if told["offer"] is not None and decision["expires_at"] <= now:
        told["offer"] = msgspec.convert(told["offer"], OfferOut).without_code()
    return told


def all_campaigns(
    decision: Mapping[str, Any], grants: Sequence[Mapping[str, Any]], statuses: Mapping[str, str]
) -> dict[str, str]:
    """The verdict on every campaign of that configuration; who is not among the losers was not triggered."""
    arms = {grant["campaign"]: grant["arm"] for grant in grants}
    untold = {
        campaign: "not_live" if status == "draft" else "trigger" for campaign, status in statuses.items()
    }
    return dict(sorted((untold | arms | decision["reasons"]).items()))


def _names(bits: int) -> list[str]:
    return [outcome.name.lower() for outcome in Outcome if bits & outcome and outcome.name]


def _evidence(ping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ping_id": ping["ping_id"],
        "at": ping["at"],
        "received_at": ping["received_at"],
        "sightings": ping["body"].get("sightings") or [],
        "position": ping["body"].get("position"),
        "located": ping["fix"],
    }


def _why_missing(decision: Mapping[str, Any]) -> str:
    if decision["erased"]:
        return "erased"
    return "no_ping" if decision["ping_id"] is None else "retention"
