"""Sites, floors, zones and beacons in the database."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import shapely
from geoalchemy2.elements import WKBElement
from geoalchemy2.shape import from_shape
from shapely.geometry import MultiPolygon, Point, Polygon
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Text,
    all_,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from beacon_service.configuration.model import Body
from beacon_service.configuration.shelf import Shelf, documents_holding, holding, stream
from beacon_service.zones.geometry import footprint
from beacon_service.zones.orm import WGS84, BeaconRow, FloorRow, SiteRow, ZoneRow
from beacon_service.zones.parents import Placed

Values = Mapping[str, Any]


def _site(body: Body) -> Values:
    return {"name": body["name"], "time_zone": body["time_zone"]}


def _floor(body: Body) -> Values:
    outline = footprint(body["outline"]) if body["outline"] else None
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
        "geometry": _wgs84(footprint(body["geometry"], body.get("radius_m"))),
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


def zones_of(session: Session, site: str) -> Iterator[Body]:
    """The documents of a site's zones by id; see `stream`."""
    return (stored.body for stored in stream(session, ZONES, ZoneRow.site_id == site))


def beacons_of(session: Session, site: str) -> Iterator[Body]:
    return (stored.body for stored in stream(session, BEACONS, BeaconRow.site_id == site))


def floor_ids(session: Session, site: str) -> set[str]:
    return set(session.scalars(select(FloorRow.id).where(FloorRow.site_id == site)))


def occupants(session: Session, site: str, floor: str | None = None) -> dict[str, int]:
    """How many floors, zones, beacons and surveys a site has, or how many zones and beacons one floor of it has."""
    if floor is None:
        rows = {"floors": FloorRow.site_id, "zones": ZoneRow.site_id, "beacons": BeaconRow.site_id}
        found = {name: _count(session, column == site) for name, column in rows.items()}
        return found | {
            name: session.scalar(text(sql), {"site": site}) or 0 for name, sql in _LEARNED.items()
        }
    return {
        "zones": _count(session, ZoneRow.site_id == site, ZoneRow.floor_id == floor),
        "beacons": _count(session, BeaconRow.site_id == site, BeaconRow.floor_id == floor),
    }


# Positioning builds on places, not places on it; whoever deletes a site is told of these all the same.
_LEARNED = {
    "surveys that are not withdrawn": """
        SELECT count(*) FROM surveys WHERE site_id = :site AND withdrawn_at IS NULL""",
    "radio maps in use": "SELECT count(*) FROM active_radio_maps WHERE site_id = :site",
}


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0


def centre(
    session: Session, site: str, *, zones: Collection[str] = (), floors: Collection[str] = ()
) -> tuple[float, float] | None:
    """The middle of what a site has, but for these zones and floors; None where there is nothing.

    Longitudes are averaged as directions: on both sides of the antimeridian they are each other's neighbours.
    """
    drawn = select(func.ST_Centroid(ZoneRow.geometry).label("place")).where(
        ZoneRow.site_id == site, ZoneRow.id != all_(_texts(zones))
    )
    outlined = select(func.ST_Centroid(FloorRow.outline).label("place")).where(
        FloorRow.site_id == site, FloorRow.outline.is_not(None), FloorRow.id != all_(_texts(floors))
    )
    place = union_all(drawn, outlined).subquery().c.place
    longitude = func.radians(func.ST_X(place))
    east = func.degrees(func.atan2(func.avg(func.sin(longitude)), func.avg(func.cos(longitude))))
    found = session.execute(select(east, func.avg(func.ST_Y(place)))).one()
    return None if found[0] is None else (found[0], found[1])


def unsound(session: Session, shapes: Mapping[str, shapely.Geometry]) -> dict[str, tuple[str, float, float]]:
    """What PostGIS says against these shapes: (reason, longitude, latitude) by name.

    Its GEOS may be of another version than ours, and has the last word since its tables keep the shapes.
    """
    given = {"names": list(shapes), "shapes": [shape.wkb for shape in shapes.values()]}
    return {name: (reason, x, y) for name, reason, x, y in session.execute(text(_UNSOUND), given)}


_UNSOUND = """
SELECT given.name, detail.reason, ST_X(detail.location), ST_Y(detail.location)
FROM unnest(CAST(:names AS text[]), CAST(:shapes AS bytea[])) AS given (name, shape),
    LATERAL ST_IsValidDetail(ST_GeomFromWKB(given.shape, 4326)) AS detail
WHERE NOT detail.valid
"""


def parents(session: Session, site: str) -> dict[str, str]:
    """The declared parent of each zone of the site that has one."""
    declared = select(ZoneRow.id, ZoneRow.parent_id).where(
        ZoneRow.site_id == site, ZoneRow.parent_id.is_not(None)
    )
    return {zone: parent for zone, parent in session.execute(declared) if parent is not None}


def children(session: Session, site: str, zone: str) -> list[str]:
    """The zones that name this one as their parent."""
    found = select(ZoneRow.id).where(ZoneRow.site_id == site, ZoneRow.parent_id == zone)
    return sorted(session.scalars(found))


def placed(
    session: Session, site: str, *, named: Collection[str], below: Collection[str]
) -> dict[str, Placed]:
    """Where these zones lie, and where those lie that name one of `below` as their parent."""
    wanted = or_(ZoneRow.id == any_(_texts(named)), ZoneRow.parent_id == any_(_texts(below)))
    shape = func.ST_AsBinary(ZoneRow.geometry, type_=LargeBinary)
    rows = session.execute(
        select(ZoneRow.id, ZoneRow.floor_id, ZoneRow.parent_id, shape).where(ZoneRow.site_id == site, wanted)
    )
    return {zone: Placed(floor, parent, shapely.from_wkb(wkb)) for zone, floor, parent, wkb in rows}


def _texts(values: Iterable[str]) -> ColumnElement[Any]:
    """One parameter, however many there are."""
    return literal(list(values), ARRAY(Text))


def naming_campaigns(session: Session, site: str, zones: Collection[str]) -> dict[str, list[str]]:
    """By zone, the published campaigns whose trigger names it; read from the log as in `campaigns_holding`."""
    found: dict[str, list[str]] = {}
    published = documents_holding(session, "campaign", {"status": "published"}) if zones else {}
    for campaign, body in published.items():
        for named in body["trigger"]["zones"]:
            if named["site"] == site and named["zone"] in zones:
                found.setdefault(named["zone"], []).append(campaign)
    return found


def campaigns_holding(session: Session, part: Body) -> list[str]:
    """Campaigns that say this of themselves, as the log has it: they build on zones, not zones on them."""
    return holding(session, "campaign", part)


def asked_for(session: Session, places: Collection[str]) -> dict[str, list[str]]:
    """By site or "site/zone", the audiences and published campaigns whose rule asks for visits to it."""
    found: dict[str, list[str]] = {}
    if not places:
        return found
    named = documents_holding(session, "audience", {})
    published = documents_holding(session, "campaign", {"status": "published"})
    rules = {f"audience {key}": body["rule"] for key, body in named.items()}
    rules |= {f"campaign {key}": body.get("audience") for key, body in published.items()}
    for asker, rule in rules.items():
        for place in _visited(rule) & set(places):
            found.setdefault(place, []).append(asker)
    return found


def _visited(rule: Any) -> set[str]:
    """The places that a rule asks for visits to, wherever it does; what else rules are is the campaigns' affair."""
    if isinstance(rule, list):
        return set().union(*map(_visited, rule))
    if not isinstance(rule, dict):
        return set()
    asked = [rule[kind] for kind in ("visits", "last_visit") if kind in rule]
    return {str(name) for where in asked for name in where.values()}.union(*map(_visited, rule.values()))


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
