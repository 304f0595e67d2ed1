"""Routes: the brand's servers that take offers by webhook."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.configuration.edge import deleted, edit, saved, shown, shown_page
from beacon_service.configuration.schema import check_address, check_ids
from beacon_service.configuration.service import require
from beacon_service.db import db, transaction
from beacon_service.delivery import webhook_service as service
from beacon_service.delivery.webhook_schema import (
    RotatedOut,
    RotateIn,
    TestedOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
)
from beacon_service.delivery.webhook_store import WEBHOOKS
from beacon_service.service import running
from beacon_service.web import PageQuery

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.configuration.model import Body

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/v1", tag="Deliveries")


@blueprint.get("/webhooks")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(WebhookPage)
@blueprint.doc(summary="List webhooks by id")
@requires("configure")
def list_webhooks(query: PageQuery) -> ResponseReturnValue:
    return shown_page(WEBHOOKS, query)


@blueprint.get("/webhooks/<webhook_id>")
@blueprint.output(WebhookOut)
@blueprint.doc(summary="Read a webhook; its secret is not shown again")
@requires("configure")
def get_webhook(webhook_id: str) -> ResponseReturnValue:
    check_ids(webhook_id=webhook_id)
    return shown(WEBHOOKS, webhook_id)


@blueprint.put("/webhooks/<webhook_id>")
@blueprint.input(WebhookIn, arg_name="body")
@blueprint.output(WebhookOut)
@blueprint.doc(
    summary="Create or replace a webhook",
    description="The first PUT answers the secret that messages are signed with (Standard Webhooks), this once. "
    "To send `enabled: true` also takes back what a 410 of the receiver did.",
    responses={201: "Created"},
)
@requires("configure")
def put_webhook(webhook_id: str, body: WebhookIn) -> ResponseReturnValue:
    check_ids(webhook_id=webhook_id)
    check_address({"id": body.id}, id=webhook_id)
    document = body.document(webhook_id)
    result, secret = service.put(db.session(), webhook_id, document, edit(), running().settings)

    def show(found: Body) -> dict[str, Any]:
        return {**found, "secret": secret}

    return saved(result, show=show)


@blueprint.delete("/webhooks/<webhook_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a webhook; what waits for it is not sent")
@requires("configure")
def delete_webhook(webhook_id: str) -> ResponseReturnValue:
    check_ids(webhook_id=webhook_id)
    service.delete(db.session(), webhook_id, edit())
    return deleted()


@blueprint.post("/webhooks/<string:webhook_id>:rotate")
@blueprint.input(RotateIn, arg_name="body")
@blueprint.output(RotatedOut)
@blueprint.doc(
    summary="Give a webhook a new secret",
    description="Messages carry a signature by each until the former one ends.",
)
@requires("configure")
def rotate_secret(webhook_id: str, body: RotateIn) -> ResponseReturnValue:
    check_ids(webhook_id=webhook_id)
    overlap, now, settings = timedelta(seconds=body.overlap_s), running().clock.now(), running().settings
    secret, ends_at = service.rotate(db.session(), webhook_id, overlap, now=now, settings=settings)
    db.session.commit()
    return {"secret": secret, "former_ends_at": ends_at}


@blueprint.post("/webhooks/<string:webhook_id>:test")
@blueprint.output(TestedOut, status_code=202)
@blueprint.doc(summary="Send a webhook a message of the type webhook.test")
@requires("configure")
def test_webhook(webhook_id: str) -> ResponseReturnValue:
    check_ids(webhook_id=webhook_id)
    enabled = require(db.session(), WEBHOOKS, webhook_id).body["enabled"]
    with transaction(db.engine) as connection:
        message_id = service.test(connection, webhook_id, enabled, running().clock.now())
    return {"message_id": message_id}, 202
