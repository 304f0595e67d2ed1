"""The benchmark's zones, campaigns and contact policy as this service's documents."""

import json
from typing import Any

from benchmarks import workload
from benchmarks.workload import CampaignPlan

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SITE: dict[str, Any] = {"name": "Benchmark", "time_zone": "UTC"}


def policy(offers_per_day: int = workload.OFFERS_PER_CUSTOMER_AND_DAY) -> dict[str, Any]:
    return {"caps": [_cap(scope="all", limit=offers_per_day, rolling_days=1)], "hold_out": 0.0}


def zones() -> dict[str, Any]:
    """A GeoJSON FeatureCollection of all zones: geofences outdoors, so that a fix alone says where."""
    features = [
        {
            "type": "Feature",
            "id": workload.zone_name(zone),
            "geometry": json.loads(workload.zone_polygon(zone)),
            "properties": {"name": f"Cell {zone}"},
        }
        for zone in range(workload.ZONES)
    ]
    return {"type": "FeatureCollection", "features": features}


def campaigns() -> dict[str, dict[str, Any]]:
    return {plan.name: campaign(plan) for plan in workload.campaigns()}


def campaign(plan: CampaignPlan) -> dict[str, Any]:
    limit = plan.cap_per_customer
    return {
        "name": plan.name,
        "status": "published",
        "priority": plan.priority,
        "trigger": {
            "move": "entered",
            "zones": [{"site": workload.SITE, "zone": workload.zone_name(plan.zone)}],
        },
        "audience": {"attribute": "tier", "op": "eq", "value": "gold"},
        # The same time twice is the whole day: it runs past midnight and ends where it began.
        "dayparts": [{"days": EVERY_DAY, "from": "00:00", "to": "00:00"}] if plan.all_day else [],
        "caps": [_cap(scope="campaign", limit=limit, rolling_days=plan.rolling_days)] if limit else [],
        "hold_out": 0.0,
        "obeys_policy": True,
        "counts_towards_policy": True,
        "offers": [
            {
                "id": "offer",
                "title": "For you, here and now",
                "body": "Show this at the till.",
                "expires_after_s": 3600,
            }
        ],
    }


def _cap(*, scope: str, limit: int, rolling_days: int | None) -> dict[str, Any]:
    window = (
        {"kind": "lifetime"}
        if rolling_days is None
        else {"kind": "rolling", "n": rolling_days, "unit": "day"}
    )
    return {"scope": scope, "subject": "customer", "limit": limit, "counts": "decided", "window": window}
