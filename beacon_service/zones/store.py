"""Sites, floors, zones and beacons in the database."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import shapely
from geoalchemy2.elements import WKBElement
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Point, Polygon, shape
from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, union_all
from sqlalchemy.orm import Session

from beacon_service.configuration.model import Body
from beacon_service.configuration.shelf import Shelf, holding
from beacon_service.zones.orm import WGS84, BeaconRow, FloorRow, SiteRow, ZoneRow

Values = Mapping[str, Any]


def _site(body: Body) -> Values:
    return {"name": body["name"], "time_zone": body["time_zone"]}


def _floor(body: Body) -> Values:
    outline = shape(body["outline"]) if body["outline"] else None
    whole = MultiPolygon([outline]) if isinstance(outline, Polygon) else outline
    return {
        "name": body["name"],
        "level": body["level"],
        "outline": None if whole is None else _wgs84(whole),
    }


def _zone(body: Body) -> Values:
    copied = ("name", "tags", "priority", "sensitive", "dwell_s", "enter_confirm", "exit_hold_s")
    placed = {
        "floor_id": body["floor"],
        "parent_id": body.get("parent"),
        "geometry": _wgs84(shape(body["geometry"])),
    }
    return placed | {name: body[name] for name in copied}


def _beacon(body: Body) -> Values:
    copied = ("identities", "tx_power_dbm", "status")
    place = _wgs84(Point(body["longitude"], body["latitude"]))
    return {"site_id": body["site"], "floor_id": body["floor"], "place": place} | {
        name: body[name] for name in copied
    }


def _wgs84(geometry: shapely.Geometry) -> WKBElement:
    return from_shape(geometry, srid=WGS84)


SITES = Shelf("site", SiteRow, (SiteRow.id,), SiteRow.version, _site)
FLOORS = Shelf("floor", FloorRow, (FloorRow.site_id, FloorRow.id), FloorRow.version, _floor)
ZONES = Shelf("zone", ZoneRow, (ZoneRow.site_id, ZoneRow.id), ZoneRow.version, _zone)
BEACONS = Shelf("beacon", BeaconRow, (BeaconRow.id,), BeaconRow.version, _beacon)


def floor_ids(session: Session, site: str) -> set[str]:
    return set(session.scalars(select(FloorRow.id).where(FloorRow.site_id == site)))


def occupants(session: Session, site: str, floor: str | None = None) -> dict[str, int]:
    """How many floors, zones and beacons a site has, or how many zones and beacons one floor of it has."""
    if floor is None:
        rows = {"floors": FloorRow.site_id, "zones": ZoneRow.site_id, "beacons": BeaconRow.site_id}
        return {name: _count(session, column == site) for name, column in rows.items()}
    return {
        "zones": _count(session, ZoneRow.site_id == site, ZoneRow.floor_id == floor),
        "beacons": _count(session, BeaconRow.site_id == site, BeaconRow.floor_id == floor),
    }


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0


def centre(session: Session, site: str, *, leaving_out: Collection[str] = ()) -> tuple[float, float] | None:
    """The middle of a site's zones and floors, but for these zones; None where there are none."""
    zones = select(ZoneRow.geometry.label("shape")).where(
        ZoneRow.site_id == site, ZoneRow.id.not_in(leaving_out)
    )
    floors = select(FloorRow.outline.label("shape")).where(FloorRow.site_id == site)
    shapes = union_all(zones, floors).subquery()
    middle = func.ST_Centroid(func.ST_Envelope(func.ST_Collect(shapes.c.shape)))
    found = session.execute(select(func.ST_X(middle), func.ST_Y(middle))).one()
    return None if found[0] is None else (found[0], found[1])


def campaigns_holding(session: Session, part: Body) -> list[str]:
    """Campaigns that say this of themselves, as the log has it: they build on zones, not zones on them."""
    return holding(session, "campaign", part)


class ZoneTraits(NamedTuple):
    """What a campaign's trigger may ask of a zone."""

    site: str
    zone: str
    tags: frozenset[str]
    sensitive: bool


def traits(
    session: Session, *, named: Collection[tuple[str, str]], tags: Collection[str], site: str | None
) -> list[ZoneTraits]:
    """The zones named as (site, zone), and those that carry one of the tags, at one site or anywhere."""
    tagged = ZoneRow.tags.overlap(list(tags))
    if site is not None:
        tagged = and_(tagged, ZoneRow.site_id == site)
    chosen = or_(tuple_(ZoneRow.site_id, ZoneRow.id).in_(list(named)), tagged)
    rows = session.execute(select(ZoneRow.site_id, ZoneRow.id, ZoneRow.tags, ZoneRow.sensitive).where(chosen))
    return [ZoneTraits(row[0], row[1], frozenset(row[2]), row[3]) for row in rows]
