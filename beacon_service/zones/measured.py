"""Zones with what is measured of them, area and depth. An edit of one zone measures no other anew unless it moves it.

A zone that an edit leaves as it is stays the same object. By that, and not by comparing what they say, later steps
see what they may keep (`changed`).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from beacon_service.configuration.model import Body, Documents
from beacon_service.hours import WeeklyHours
from beacon_service.zones.categories import SENSITIVE
from beacon_service.zones.geometry import areas_m2, footprint
from beacon_service.zones.model import SiteId, Zone, ZoneKey, zone_key
from beacon_service.zones.nesting import depths

Key = TypeVar("Key")


def changed(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> frozenset[Key]:
    """The keys of what came, went, or is another object than before."""
    if before is after:
        return frozenset()
    came = {key for key, value in after.items() if before.get(key) is not value}
    return frozenset(came | (before.keys() - after.keys()))


def measured(before: Mapping[ZoneKey, Zone], changes: Documents) -> Mapping[ZoneKey, Zone]:
    """The zones with the changes applied."""
    after = dict(before)
    moved: set[SiteId] = set()
    drawn: list[ZoneKey] = []
    for name, body in changes.of("zone"):
        key = ZoneKey(name)
        held = before.get(key)
        zone = None if body is None else _zone(body, held)
        if zone is None:
            after.pop(key, None)
        else:
            after[key] = zone
            if held is None or zone.geometry is not held.geometry:
                drawn.append(key)
        if _nests_otherwise(held, zone):
            moved.add(SiteId(key.partition("/")[0]))
    for key, area in zip(drawn, areas_m2([after[key].geometry for key in drawn]), strict=True):
        after[key] = replace(after[key], area_m2=area)
    # What a zone lies in is of its own site.
    at_sites = [zone for zone in after.values() if zone.site in moved]
    for zone, depth in zip(at_sites, depths(at_sites), strict=True):
        if zone.depth != depth:
            after[zone.key] = replace(zone, depth=depth)
    return MappingProxyType(after)


def _nests_otherwise(held: Zone | None, zone: Zone | None) -> bool:
    """Whether the depths at the site may be others."""
    if held is None or zone is None:
        return held is not zone
    same_ground = zone.geometry is held.geometry and zone.floor == held.floor
    return not (same_ground and zone.parent == held.parent)


def _zone(body: Body, held: Zone | None) -> Zone:
    """As the document says it; ground that is drawn as it was is the same object, with its measures."""
    geometry = footprint(body["geometry"], body.get("radius_m"))
    is_kept = held is not None and held.geometry == geometry
    return Zone(
        key=zone_key(body["site"], body["id"]),
        site=SiteId(body["site"]),
        floor=body["floor"],
        name=body["name"],
        geometry=held.geometry if held is not None and is_kept else geometry,
        tags=frozenset(body["tags"]),
        priority=body["priority"],
        sensitive=body["sensitive"] or body.get("category") in SENSITIVE,
        dwell_s=tuple(sorted(body["dwell_s"])),
        enter_confirm=body["enter_confirm"],
        exit_hold_s=body["exit_hold_s"],
        area_m2=held.area_m2 if held is not None and is_kept else 0.0,
        depth=held.depth if held is not None else 0,
        parent=zone_key(body["site"], body["parent"]) if body.get("parent") else None,
        hours=hours_of(body),
    )


def hours_of(body: Body) -> tuple[WeeklyHours, ...] | None:
    """When a site or a zone is open; documents of earlier versions say nothing of it."""
    given = body.get("hours")
    return given and tuple(WeeklyHours.read(one["days"], one["opens"], one["closes"]) for one in given)
