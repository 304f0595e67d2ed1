"""Routes: lists, and who is on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.campaigns import audience_service as service
from beacon_service.campaigns import audience_store as store
from beacon_service.campaigns.audience_schema import (
    ListIn,
    ListOut,
    ListPage,
    MemberPage,
    MembersIn,
    MembersOut,
)
from beacon_service.campaigns.members import shown_members
from beacon_service.configuration.edge import deleted, edit, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.configuration.service import require
from beacon_service.customers import lists_service, lists_store
from beacon_service.db import db, transaction
from beacon_service.service import now
from beacon_service.web import PageQuery, import_body, takes_csv

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.db import Connection

blueprint = APIBlueprint("lists", __name__, url_prefix="/v1", tag="Audiences")


@blueprint.get("/lists")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(ListPage)
@blueprint.doc(summary="List the lists by id")
@requires("configure")
def list_lists(query: PageQuery) -> ResponseReturnValue:
    return shown_page(store.LISTS, query)


@blueprint.get("/lists/<list_id>")
@blueprint.output(ListOut)
@blueprint.doc(summary="Read a list's name")
@requires("configure")
def get_list(list_id: str) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    return shown(store.LISTS, list_id)


@blueprint.put("/lists/<list_id>")
@blueprint.input(ListIn, arg_name="body")
@blueprint.output(ListOut)
@blueprint.doc(summary="Create or rename a list", responses={201: "Created"})
@requires("configure")
def put_list(list_id: str, body: ListIn) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    check_address({"id": body.id}, id=list_id)
    return saved(service.put_list(db.session(), list_id, body.document(list_id), edit()))


@blueprint.delete("/lists/<list_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a list that nobody is on and nothing asks for")
@requires("configure")
def delete_list(list_id: str) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    session = db.session()
    connection = cast("Connection", session.connection().connection.driver_connection)
    service.delete_list(session, connection, list_id, edit())
    return deleted()


@blueprint.get("/lists/<list_id>/customers")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(MemberPage)
@blueprint.doc(summary="List who is on a list, by id")
@requires("customers")
def list_members(list_id: str, query: PageQuery) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    require(db.session(), store.LISTS, list_id)
    with transaction(db.engine) as connection:
        found = lists_store.page(connection, list_id, after=query.after() or "", limit=query.limit + 1)
    return shown_members(found, query)


@blueprint.put("/lists/<list_id>/customers")
@import_body
@takes_csv("customers")
@blueprint.input(MembersIn, arg_name="body")
@blueprint.output(MembersOut)
@blueprint.doc(
    summary="Put customers on a list",
    description="Up to ten thousand at once, all or none. Who is not there yet is made.",
)
@requires("customers")
def put_members(list_id: str, body: MembersIn) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    with transaction(db.engine) as connection:
        store.hold_list(connection, list_id)
        return _counted(lists_service.put_on(connection, list_id, body.customers, now()))


@blueprint.delete("/lists/<list_id>/customers")
@import_body
@takes_csv("customers")
@blueprint.input(MembersIn, arg_name="body")
@blueprint.output(MembersOut)
@blueprint.doc(summary="Take customers off a list", description="Up to ten thousand at once.")
@requires("customers")
def delete_members(list_id: str, body: MembersIn) -> ResponseReturnValue:
    check_ids(list_id=list_id)
    with transaction(db.engine) as connection:
        store.hold_list(connection, list_id)
        return _counted(lists_service.take_off(connection, list_id, body.customers, now()))


def _counted(changed: lists_service.Changed) -> dict[str, Any]:
    return {"changed": changed.changed, "unchanged": changed.unchanged, "created": changed.created}
