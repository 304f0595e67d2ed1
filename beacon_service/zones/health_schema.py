"""What may be asked of beacons' health, and what is answered."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from beacon_service.configuration.schema import Id
from beacon_service.web import PageQuery
from beacon_service.zones.health import Finding, Record, State, elsewhere
from beacon_service.zones.health_store import BeaconHealth


class HealthQuery(PageQuery):
    site: Id | None = Field(default=None, description="Only of this site.")
    state: State | None = Field(default=None, description="Only in this state.")


class PlaceOut(BaseModel):
    site: str
    floor: str | None


class ElsewhereOut(BaseModel):
    """What beacons heard with it said in the last two days."""

    pings: int = Field(description="In which at least two others agreed on where the phone was.")
    far: int = Field(description="Of these, how many were far from its place in the catalogue.")
    phones: int = Field(description="Told by at least so many phones.")
    apart_m: float | None = Field(description="How far from there, in the mean of those.")
    near: PlaceOut | None = Field(description="Where most of those were.")


class HealthOut(BaseModel):
    id: str
    site: str
    status: str
    state: State
    findings: list[Finding] = Field(description="All that was found, what names the state first.")
    last_heard_at: datetime | None
    sightings_6h: int
    sightings_24h: int
    battery_mv: int | None
    battery_at: datetime | None
    temperature_c: float | None
    elsewhere: ElsewhereOut
    changed_at: datetime | None


class HealthPage(BaseModel):
    items: list[HealthOut]
    next_cursor: str | None


def shown_health(found: BeaconHealth, now: datetime) -> dict[str, Any]:
    record = found.record or Record("", findings=("unheard",))
    seen = elsewhere(record)
    site, _, floor = (seen.near or "").partition("/")
    near = {"site": site, "floor": floor or None} if site else None
    return {
        "id": found.id,
        "site": found.site,
        "status": found.status,
        "state": found.state,
        "findings": list(record.findings),
        "last_heard_at": record.last_heard_at,
        "sightings_6h": record.sightings(now, 6),
        "sightings_24h": record.sightings(now, 24),
        "battery_mv": record.battery_mv,
        "battery_at": record.battery_at,
        "temperature_c": record.temperature_c,
        "elsewhere": {
            "pings": seen.pings,
            "far": seen.far,
            "phones": seen.phones,
            "apart_m": None if seen.apart_m is None else round(seen.apart_m, 1),
            "near": near,
        },
        "changed_at": found.changed_at,
    }
