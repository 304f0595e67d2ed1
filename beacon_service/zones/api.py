"""Routes: sites, floors and zones. Those of beacons stand in `beacons_api`."""

from collections.abc import Callable, Iterator

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import requires
from beacon_service.configuration.edge import deleted, edit, imported, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.configuration.service import require
from beacon_service.configuration.store import Session, version_seen
from beacon_service.db import db
from beacon_service.web import PageQuery, import_body, not_modified, spooled, unchanged
from beacon_service.zones import service
from beacon_service.zones.exports import MEDIA_TYPE, CollectionOut, export_beacons, export_zones
from beacon_service.zones.imports import CollectionIn, ImportOut, read_zones
from beacon_service.zones.schema import (
    FloorIn,
    FloorOut,
    FloorPage,
    SiteIn,
    SiteOut,
    SitePage,
    ZoneIn,
    ZoneOut,
    ZonePage,
)
from beacon_service.zones.store import FLOORS, SITES, ZONES

blueprint = APIBlueprint("zones", __name__, url_prefix="/v1", tag="Places")


@blueprint.get("/sites")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(SitePage)
@blueprint.doc(summary="List sites by id")
@requires("configure")
def list_sites(query: PageQuery) -> ResponseReturnValue:
    return shown_page(SITES, query)


@blueprint.get("/sites/<site_id>")
@blueprint.output(SiteOut)
@blueprint.doc(summary="Read a site")
@requires("configure")
def get_site(site_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    return shown(SITES, site_id)


@blueprint.put("/sites/<site_id>")
@blueprint.input(SiteIn, arg_name="body")
@blueprint.output(SiteOut)
@blueprint.doc(summary="Create or replace a site", responses={201: "Created"})
@requires("configure")
def put_site(site_id: str, body: SiteIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    check_address({"id": body.id}, id=site_id)
    document = body.document(site_id)
    return saved(service.put_site(db.session(), site_id, document, edit()))


@blueprint.delete("/sites/<site_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a site that has no floors, zones and beacons")
@requires("configure")
def delete_site(site_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    service.delete_site(db.session(), site_id, edit())
    return deleted()


@blueprint.get("/sites/<site_id>/floors")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(FloorPage)
@blueprint.doc(summary="List a site's floors by id")
@requires("configure")
def list_floors(site_id: str, query: PageQuery) -> ResponseReturnValue:
    return _of_site(site_id, lambda: shown_page(FLOORS, query, within=site_id))


@blueprint.get("/sites/<site_id>/floors/<floor_id>")
@blueprint.output(FloorOut)
@blueprint.doc(summary="Read a floor")
@requires("configure")
def get_floor(site_id: str, floor_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id, floor_id=floor_id)
    return shown(FLOORS, f"{site_id}/{floor_id}")


@blueprint.put("/sites/<site_id>/floors/<floor_id>")
@blueprint.input(FloorIn, arg_name="body")
@blueprint.output(FloorOut)
@blueprint.doc(summary="Create or replace a floor", responses={201: "Created"})
@requires("configure")
def put_floor(site_id: str, floor_id: str, body: FloorIn) -> ResponseReturnValue:
    check_ids(site_id=site_id, floor_id=floor_id)
    check_address({"id": body.id, "site": body.site}, id=floor_id, site=site_id)
    document = body.model_dump() | {"id": floor_id, "site": site_id}
    return saved(service.put_floor(db.session(), site_id, floor_id, document, edit()))


@blueprint.delete("/sites/<site_id>/floors/<floor_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a floor that has no zones and beacons")
@requires("configure")
def delete_floor(site_id: str, floor_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id, floor_id=floor_id)
    service.delete_floor(db.session(), site_id, floor_id, edit())
    return deleted()


@blueprint.get("/sites/<site_id>/zones")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(ZonePage)
@blueprint.doc(summary="List a site's zones by id")
@requires("configure")
def list_zones(site_id: str, query: PageQuery) -> ResponseReturnValue:
    return _of_site(site_id, lambda: shown_page(ZONES, query, within=site_id))


@blueprint.get("/sites/<site_id>/zones/<zone_id>")
@blueprint.output(ZoneOut)
@blueprint.doc(summary="Read a zone")
@requires("configure")
def get_zone(site_id: str, zone_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id, zone_id=zone_id)
    return shown(ZONES, f"{site_id}/{zone_id}")


@blueprint.put("/sites/<site_id>/zones/<zone_id>")
@blueprint.input(ZoneIn, arg_name="body")
@blueprint.output(ZoneOut)
@blueprint.doc(summary="Create or replace a zone", responses={201: "Created"})
@requires("configure")
def put_zone(site_id: str, zone_id: str, body: ZoneIn) -> ResponseReturnValue:
    check_ids(site_id=site_id, zone_id=zone_id)
    check_address({"id": body.id, "site": body.site}, id=zone_id, site=site_id)
    document = body.document(site_id, zone_id)
    return saved(service.put_zone(db.session(), site_id, zone_id, document, edit()))


@blueprint.delete("/sites/<site_id>/zones/<zone_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a zone that no published campaign names")
@requires("configure")
def delete_zone(site_id: str, zone_id: str) -> ResponseReturnValue:
    check_ids(site_id=site_id, zone_id=zone_id)
    service.delete_zone(db.session(), site_id, zone_id, edit())
    return deleted()


@blueprint.post("/sites/<site_id>/zones/imports")
@import_body
@blueprint.input(CollectionIn, arg_name="body")
@blueprint.output(ImportOut)
@blueprint.doc(
    summary="Import zones from GeoJSON, all or none",
    description="A feature's id names the zone, its properties are the fields of a PUT.",
)
@requires("configure")
def import_zones(site_id: str, body: CollectionIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    reading = read_zones(body.features, site_id)
    return imported(service.import_zones(db.session(), site_id, reading, edit()))


@blueprint.get("/sites/<site_id>/zones/exports")
@blueprint.output(CollectionOut, content_type=MEDIA_TYPE)
@blueprint.doc(
    summary="Export a site's zones as GeoJSON",
    description="Imported again it changes nothing. The ETag is the configuration's version.",
)
@requires("configure")
def get_zones_export(site_id: str) -> ResponseReturnValue:
    return _exported(site_id, export_zones)


@blueprint.get("/sites/<site_id>/beacons/exports")
@blueprint.output(CollectionOut, content_type=MEDIA_TYPE)
@blueprint.doc(
    summary="Export a site's beacons as GeoJSON",
    description="Imported again it changes nothing. The ETag is the configuration's version.",
)
@requires("configure")
def get_beacons_export(site_id: str) -> ResponseReturnValue:
    return _exported(site_id, export_beacons)


def _exported(site_id: str, export: Callable[[Session, str], Iterator[bytes]]) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    require(db.session(), SITES, site_id)
    # Before what it names: an edit in between makes the answer newer than its ETag, never older.
    version = version_seen(db.session())
    if unchanged(version):
        return not_modified(version)
    return spooled(export(db.session(), site_id), media_type=MEDIA_TYPE, version=version)


def _of_site(site_id: str, answer: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """A list within a site that there is not is not an empty one."""
    check_ids(site_id=site_id)
    require(db.session(), SITES, site_id)
    return answer()
