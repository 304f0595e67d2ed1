"""Routes: installations register, the brand keeps its customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from beacon_service.auth import check_token, principal, requires, requires_key
from beacon_service.customers import service, store
from beacon_service.customers.records import Act
from beacon_service.customers.schema import (
    CustomerIn,
    CustomerOut,
    CustomerPage,
    InstallationIn,
    InstallationOut,
    RotateQuery,
)
from beacon_service.db import db, transaction
from beacon_service.errors import Forbidden
from beacon_service.service import now
from beacon_service.web import PageQuery, check_preconditions, etag, not_modified, page, unchanged

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.customers.records import CustomerRecord, InstallationRecord

blueprint = APIBlueprint("customers", __name__, url_prefix="/v1", tag="Customers")


@blueprint.put("/installations/<installation_id>")
@blueprint.input(RotateQuery, location="query", arg_name="query")
@blueprint.input(InstallationIn, arg_name="body")
@blueprint.output(InstallationOut, status_code=201)
@blueprint.doc(
    summary="Register an installation, or update it",
    description="The first PUT registers the installation for a new anonymous customer (201) and answers its "
    "token. Later ones update it (200) and need that token, or a secret key.",
    responses={200: "Updated"},
)
@requires_key("customers", registers=True)
def put_installation(installation_id: str, query: RotateQuery, body: InstallationIn) -> ResponseReturnValue:
    service.check_id(installation_id, "installation_id")
    asked = body.registration(rotate_token=query.rotate_token)
    act = _act()
    with transaction(db.engine) as connection:
        registered = service.register(connection, installation_id, asked, act.now)
        if registered is None:
            registered = service.update(connection, installation_id, asked, act, _speaks_for)
    answer = {"installation_token": registered.token, "customer_id": registered.customer_id}
    return answer, 201 if registered.created else 200


@blueprint.delete("/installations/<installation_id>/token")
@blueprint.doc(
    summary="Revoke an installation's token",
    description="It can report nothing more. A PUT with a secret key and ?rotate_token=true issues another.",
    responses={204: "Revoked"},
)
@requires("customers")
def revoke_token(installation_id: str) -> ResponseReturnValue:
    service.check_id(installation_id, "installation_id")
    with transaction(db.engine) as connection:
        service.revoke(connection, installation_id, _act().now)
    return "", 204


@blueprint.get("/customers")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(CustomerPage)
@blueprint.doc(summary="List customers by id, anonymous ones included")
@requires("customers")
def list_customers(query: PageQuery) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        found = store.page_customers(connection, after=query.after() or "", limit=query.limit + 1)
    shown = page(found, query.limit, key=lambda customer: customer.id)
    return {**shown, "items": [_shown(customer) for customer in shown["items"]]}


@blueprint.get("/customers/<customer_id>")
@blueprint.output(CustomerOut)
@blueprint.doc(summary="Read a customer")
@requires("customers")
def get_customer(customer_id: str) -> ResponseReturnValue:
    service.check_id(customer_id, "customer_id")
    with transaction(db.engine) as connection:
        customer = service.customer(connection, customer_id)
    if unchanged(customer.version):
        return not_modified(customer.version)
    return _shown(customer), 200, {"ETag": etag(customer.version)}


@blueprint.put("/customers/<customer_id>")
@blueprint.input(CustomerIn, arg_name="body")
@blueprint.output(CustomerOut)
@blueprint.doc(summary="Create a customer, or replace the attributes", responses={201: "Created"})
@requires("customers")
def put_customer(customer_id: str, body: CustomerIn) -> ResponseReturnValue:
    service.check_id(customer_id, "customer_id")
    with transaction(db.engine) as connection:
        asked = body.profile()
        customer, created = service.put_customer(connection, customer_id, asked, _act(), _precondition)
    return _shown(customer), 201 if created else 200, {"ETag": etag(customer.version)}


def _precondition(customer: CustomerRecord | None) -> None:
    check_preconditions(None if customer is None else customer.version)


def _speaks_for(installation: InstallationRecord) -> None:
    who = principal()
    if who.is_secret:
        return
    if who.token_hash is None:
        raise Forbidden(
            "This installation is registered already; send its token in Beacon-Installation-Token. "
            "An app that has lost the token registers under a new installation id.",
            code="token_wrong",
        )
    check_token(who.token_hash, installation.token_hash, revoked_at=installation.revoked_at)


def _act() -> Act:
    return Act(principal().actor, now())


def _shown(customer: CustomerRecord) -> dict[str, Any]:
    return {
        "id": customer.id,
        "anonymous": customer.anonymous,
        "attributes": customer.attributes,
        "consents": {"marketing": customer.marketing},
        "created_at": customer.created_at,
    }
