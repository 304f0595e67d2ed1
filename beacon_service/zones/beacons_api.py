"""Routes: beacons, and how they are doing."""

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import requires
from beacon_service.configuration.edge import deleted, edit, imported, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.db import db, transaction
from beacon_service.errors import NotFound
from beacon_service.service import now
from beacon_service.web import PageQuery, import_body, page
from beacon_service.zones import health_store, service
from beacon_service.zones.beacon_schema import BeaconIn, BeaconOut, BeaconPage, shown_beacon
from beacon_service.zones.health_schema import HealthOut, HealthPage, HealthQuery, shown_health
from beacon_service.zones.imports import CollectionIn, ImportOut, read_beacons
from beacon_service.zones.store import BEACONS

blueprint = APIBlueprint("beacons", __name__, url_prefix="/v1", tag="Places")


@blueprint.get("/beacons")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(BeaconPage)
@blueprint.doc(summary="List beacons by id")
@requires("configure")
def list_beacons(query: PageQuery) -> ResponseReturnValue:
    return shown_page(BEACONS, query, show=shown_beacon)


@blueprint.get("/beacons/<beacon_id>")
@blueprint.output(BeaconOut)
@blueprint.doc(summary="Read a beacon")
@requires("configure")
def get_beacon(beacon_id: str) -> ResponseReturnValue:
    check_ids(beacon_id=beacon_id)
    return shown(BEACONS, beacon_id, show=shown_beacon)


@blueprint.put("/beacons/<beacon_id>")
@blueprint.input(BeaconIn, arg_name="body")
@blueprint.output(BeaconOut)
@blueprint.doc(summary="Create or replace a beacon", responses={201: "Created"})
@requires("configure")
def put_beacon(beacon_id: str, body: BeaconIn) -> ResponseReturnValue:
    check_ids(beacon_id=beacon_id)
    check_address({"id": body.id}, id=beacon_id)
    document = body.document(beacon_id)
    found = service.put_beacon(db.session(), beacon_id, document, edit())
    return saved(found, show=shown_beacon)


@blueprint.delete("/beacons/<beacon_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a beacon")
@requires("configure")
def delete_beacon(beacon_id: str) -> ResponseReturnValue:
    check_ids(beacon_id=beacon_id)
    service.delete_beacon(db.session(), beacon_id, edit())
    return deleted()


@blueprint.post("/sites/<site_id>/beacons/imports")
@import_body
@blueprint.input(CollectionIn, arg_name="body")
@blueprint.output(ImportOut)
@blueprint.doc(
    summary="Import beacons from GeoJSON, all or none",
    description="A feature is a Point; its id names the beacon, its properties are the fields of a PUT.",
)
@requires("configure")
def import_beacons(site_id: str, body: CollectionIn) -> ResponseReturnValue:
    check_ids(site_id=site_id)
    reading = read_beacons(body.features, site_id)
    return imported(service.import_beacons(db.session(), site_id, reading, edit()))


@blueprint.get("/beacons/health")
@blueprint.input(HealthQuery, location="query", arg_name="query")
@blueprint.output(HealthPage)
@blueprint.doc(
    summary="How beacons are doing, by id",
    description="Made every few minutes from what phones heard. It is advice: a beacon goes on until its status is "
    "changed. Retired beacons are left out.",
)
@requires("read")
def list_health(query: HealthQuery) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        found = health_store.page(
            connection,
            site=query.site,
            state=query.state,
            after=query.after() or "",
            limit=query.limit + 1,
        )
    at, answer = now(), page(found, query.limit, key=lambda one: one.id)
    return {**answer, "items": [shown_health(one, at) for one in answer["items"]]}


@blueprint.get("/beacons/<beacon_id>/health")
@blueprint.output(HealthOut)
@blueprint.doc(summary="How a beacon is doing")
@requires("read")
def get_health(beacon_id: str) -> ResponseReturnValue:
    check_ids(beacon_id=beacon_id)
    with transaction(db.engine) as connection:
        found = health_store.find(connection, beacon_id)
    if found is None:
        raise NotFound(f"There is no beacon {beacon_id}.")
    return shown_health(found, now())
