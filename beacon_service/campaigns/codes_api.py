"""Routes: pools of codes, what is in them, and how many are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.campaigns import codes_service as service
from beacon_service.campaigns.codes_schema import (
    CodePoolIn,
    CodePoolOut,
    CodePoolPage,
    CodesImportIn,
    PoolCountsOut,
)
from beacon_service.campaigns.codes_store import CODE_POOLS
from beacon_service.configuration.edge import deleted, edit, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.db import db
from beacon_service.web import PageQuery, import_body, takes_csv

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.db import Connection

blueprint = APIBlueprint("codes", __name__, url_prefix="/v1", tag="Codes")


@blueprint.get("/code-pools")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(CodePoolPage)
@blueprint.doc(summary="List pools of codes by id")
@requires("configure")
def list_code_pools(query: PageQuery) -> ResponseReturnValue:
    return shown_page(CODE_POOLS, query)


@blueprint.get("/code-pools/<pool_id>")
@blueprint.output(CodePoolOut)
@blueprint.doc(summary="Read a pool of codes")
@requires("configure")
def get_code_pool(pool_id: str) -> ResponseReturnValue:
    check_ids(pool_id=pool_id)
    return shown(CODE_POOLS, pool_id)


@blueprint.put("/code-pools/<pool_id>")
@blueprint.input(CodePoolIn, arg_name="body")
@blueprint.output(CodePoolOut)
@blueprint.doc(summary="Create or rename a pool of codes", responses={201: "Created"})
@requires("configure")
def put_code_pool(pool_id: str, body: CodePoolIn) -> ResponseReturnValue:
    check_ids(pool_id=pool_id)
    check_address({"id": body.id}, id=pool_id)
    return saved(service.put_pool(db.session(), _connection(), pool_id, body.document(pool_id), edit()))


@blueprint.delete("/code-pools/<pool_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Delete a pool of codes",
    description="What is left in it is forgotten; what was given out can still be redeemed.",
)
@requires("configure")
def delete_code_pool(pool_id: str) -> ResponseReturnValue:
    check_ids(pool_id=pool_id)
    service.delete_pool(db.session(), _connection(), pool_id, edit())
    return deleted()


@blueprint.post("/code-pools/<pool_id>/codes")
@import_body
@takes_csv("codes")
@blueprint.input(CodesImportIn, arg_name="body")
@blueprint.output(PoolCountsOut, status_code=201)
@blueprint.doc(
    summary="Add codes to a pool, all or none",
    description="As JSON, or as text/csv with one code in the first column of each line; a first line `code` "
    "is a heading. Codes are unique for ever, over all pools.",
)
@requires("configure")
def add_codes(pool_id: str, body: CodesImportIn) -> ResponseReturnValue:
    check_ids(pool_id=pool_id)
    found = service.add_codes(db.session(), _connection(), pool_id, body.codes)
    db.session.commit()
    return _shown(found), 201


@blueprint.get("/code-pools/<pool_id>/codes")
@blueprint.output(PoolCountsOut)
@blueprint.doc(summary="Count the codes of a pool: how many there are, and how many are left")
@requires("configure")
def count_codes(pool_id: str) -> ResponseReturnValue:
    check_ids(pool_id=pool_id)
    return _shown(service.counts(db.session(), _connection(), pool_id))


def _connection() -> Connection:
    """The session's own, so that one transaction holds the document and the codes."""
    return cast("Connection", db.session.connection().connection.driver_connection)


def _shown(found: Any) -> dict[str, int]:
    return {name: getattr(found, name) for name in ("total", "left", "given_out", "redeemed")}
