"""Routes: who an installation belongs to; everything of a person, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from apiflask import APIBlueprint
from flask import Response

from beacon_service.auth import principal, requires, requires_installation
from beacon_service.customers.service import check_id
from beacon_service.db import db, transaction
from beacon_service.identity import service, tokens
from beacon_service.identity.schema import IdentifyIn, IdentifyOut
from beacon_service.service import now, running

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


blueprint = APIBlueprint("identity", __name__, url_prefix="/v1", tag="Customers")


@blueprint.post("/installations/<installation_id>/identify")
@blueprint.input(IdentifyIn, arg_name="body")
@blueprint.output(IdentifyOut)
@blueprint.doc(
    summary="Say who an installation belongs to",
    description="An anonymous customer is merged into the named one, history and caps included; from another "
    "named one only the installation goes over. Repeating it changes nothing.",
)
@requires_installation("customers")
def identify(installation_id: str, body: IdentifyIn) -> ResponseReturnValue:
    check_id(installation_id, "installation_id")
    customer_id = _customer_id(installation_id, body)
    with transaction(db.engine) as connection:
        identified = service.identify(connection, installation_id, customer_id, now())
    return {"customer_id": identified.customer_id, "merged": identified.merged}


@blueprint.get("/customers/<customer_id>/export")
@blueprint.doc(summary="Everything about a customer, as JSON", responses={200: "All rows, by kind"})
@requires("customers")
def export_customer(customer_id: str) -> ResponseReturnValue:
    check_id(customer_id, "customer_id")
    with transaction(db.engine) as connection:
        found = service.export(connection, customer_id)
    headers = {"Content-Disposition": f'attachment; filename="{customer_id.replace(":", "_")}.json"'}
    return Response(msgspec.json.encode(found), content_type="application/json", headers=headers)


@blueprint.delete("/customers/<customer_id>")
@blueprint.doc(
    summary="Erase a customer",
    description="Location, attributes, installations and consents are gone at once; the ledger of what was "
    "offered stays under a random pseudonym.",
    responses={204: "Erased"},
)
@requires("customers")
def erase_customer(customer_id: str) -> ResponseReturnValue:
    check_id(customer_id, "customer_id")
    with transaction(db.engine) as connection:
        service.erase(connection, customer_id, now())
    return "", 204


def _customer_id(installation_id: str, body: IdentifyIn) -> str:
    if body.identity_token is not None:
        keys = running().settings.identity_keys
        return tokens.subject(body.identity_token, keys, installation_id=installation_id, now=now())
    principal().require("customers")
    assert body.customer_id is not None, "the body has one of both"
    return body.customer_id
