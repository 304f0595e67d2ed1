"""Routes: named audiences, how large a rule's audience is, and who is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.campaigns import audience_service as service
from beacon_service.campaigns import audience_store as store
from beacon_service.campaigns.audience_schema import (
    AudienceIn,
    AudienceOut,
    AudiencePage,
    CustomersAudiencesOut,
    EstimateIn,
    MemberPage,
    SizeOut,
)
from beacon_service.campaigns.members import shown_members
from beacon_service.configuration.edge import deleted, edit, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids, refuse_document
from beacon_service.configuration.service import require
from beacon_service.db import db, transaction
from beacon_service.service import now
from beacon_service.web import PageQuery

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.campaigns.audience_sql import Condition

blueprint = APIBlueprint("audiences", __name__, url_prefix="/v1", tag="Audiences")


@blueprint.get("/audiences")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(AudiencePage)
@blueprint.doc(summary="List audiences by id")
@requires("configure")
def list_audiences(query: PageQuery) -> ResponseReturnValue:
    return shown_page(store.AUDIENCES, query)


@blueprint.get("/audiences/<audience_id>")
@blueprint.output(AudienceOut)
@blueprint.doc(summary="Read an audience")
@requires("configure")
def get_audience(audience_id: str) -> ResponseReturnValue:
    check_ids(audience_id=audience_id)
    return shown(store.AUDIENCES, audience_id)


@blueprint.put("/audiences/<audience_id>")
@blueprint.input(AudienceIn, arg_name="body")
@blueprint.output(AudienceOut)
@blueprint.doc(
    summary="Create or replace an audience",
    description="An edit binds every campaign and audience that names it, from the next decision on.",
    responses={201: "Created"},
)
@requires("configure")
def put_audience(audience_id: str, body: AudienceIn) -> ResponseReturnValue:
    check_ids(audience_id=audience_id)
    check_address({"id": body.id}, id=audience_id)
    return saved(service.put_audience(db.session(), audience_id, body.document(audience_id), edit()))


@blueprint.delete("/audiences/<audience_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete an audience that no audience and no published campaign asks for")
@requires("configure")
def delete_audience(audience_id: str) -> ResponseReturnValue:
    check_ids(audience_id=audience_id)
    service.delete_audience(db.session(), audience_id, edit())
    return deleted()


@blueprint.get("/audiences/<audience_id>/size")
@blueprint.output(SizeOut)
@blueprint.doc(summary="How many customers are in an audience now")
@requires("configure")
def get_size(audience_id: str) -> ResponseReturnValue:
    check_ids(audience_id=audience_id)
    return _size(_condition(audience_id))


@blueprint.post("/audiences:estimate")
@blueprint.input(EstimateIn, arg_name="body")
@blueprint.output(SizeOut)
@blueprint.doc(
    summary="How many customers a rule holds for now",
    description="Counted for at most three seconds, then reckoned from a sample.",
)
@requires("configure")
def estimate(body: EstimateIn) -> ResponseReturnValue:
    session = db.session()
    refuse_document(service.reference_flaws(session, body.rule, ("rule",)))
    return _size(service.resolved(session, body.rule, now()))


@blueprint.get("/audiences/<audience_id>/customers")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(MemberPage)
@blueprint.doc(summary="List the customers in an audience by id, anonymous ones included")
@requires("customers")
def list_audience_customers(audience_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(audience_id=audience_id)
    asked = _condition(audience_id)
    with transaction(db.engine) as connection:
        found = store.page(connection, asked, after=query.after() or "", limit=query.limit + 1)
    return shown_members(found, query)


@blueprint.get("/customers/<customer_id>/audiences")
@blueprint.output(CustomersAudiencesOut)
@blueprint.doc(summary="Which audiences a customer is in now, and which lists they are on")
@requires("customers")
def list_customers_audiences(customer_id: str) -> ResponseReturnValue:
    check_ids(customer_id=customer_id)
    with transaction(db.engine) as connection:
        audiences, lists = service.audiences_of(db.session(), connection, customer_id, now())
    named = [{"id": body["id"], "name": body["name"]} for body in audiences]
    return {"audiences": named, "lists": list(lists)}


def _condition(audience_id: str) -> Condition:
    session = db.session()
    rule = require(session, store.AUDIENCES, audience_id).body["rule"]
    return service.resolved(session, rule, now())


def _size(asked: Condition) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        size = store.measure(connection, asked)
    share = round(size.customers / size.total, 4) if size.total else 0.0
    return {"customers": size.customers, "share": share, "estimated": size.sampled}
