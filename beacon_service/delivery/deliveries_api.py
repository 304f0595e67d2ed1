"""Routes: what was sent, what was not, and sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.db import db, transaction
from beacon_service.delivery import deliveries_store as store
from beacon_service.delivery.deliveries_schema import DeliveriesQuery, DeliveryOut, DeliveryPage
from beacon_service.errors import BadRequest, Conflict, NotFound
from beacon_service.service import now
from beacon_service.web import page

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from flask.typing import ResponseReturnValue

    from beacon_service.db import Connection

blueprint = APIBlueprint("deliveries", __name__, url_prefix="/v1", tag="Deliveries")


@blueprint.get("/deliveries")
@blueprint.input(DeliveriesQuery, location="query", arg_name="query")
@blueprint.output(DeliveryPage)
@blueprint.doc(
    summary="List messages by webhook and push, newest first",
    description="`state=dead` are the dead letters: those that were given up.",
)
@requires("read")
def list_deliveries(query: DeliveriesQuery) -> ResponseReturnValue:
    asked = {
        "state": query.state,
        "channel": query.channel,
        "endpoint": query.endpoint,
        "before": _number(query.after()),
        "limit": query.limit + 1,
    }
    with transaction(db.engine) as connection:
        found = store.page(connection, asked)
    return page(found, query.limit, key=lambda one: str(one["number"]))


@blueprint.get("/deliveries/<uuid:message_id>")
@blueprint.output(DeliveryOut)
@blueprint.doc(summary="Read a message, what it says, and how the last attempt went")
@requires("read")
def get_delivery(message_id: UUID) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        return _require(connection, message_id)


@blueprint.post("/deliveries/<uuid:message_id>:retry")
@blueprint.output(DeliveryOut, status_code=202)
@blueprint.doc(
    summary="Send a message again, under the same id",
    description="A dead letter, one that waits for its next attempt, or one that was sent. Expired offers are "
    "not sent any more.",
)
@requires("configure")
def retry_delivery(message_id: UUID) -> ResponseReturnValue:
    at = now()
    with transaction(db.engine) as connection:
        found = _require(connection, message_id)
        if not store.retry(connection, message_id, at):
            raise Conflict(_why_not(found, at))
        return _require(connection, message_id), 202


def _require(connection: Connection, message_id: UUID) -> dict[str, Any]:
    found = store.find(connection, message_id)
    if found is None:
        raise NotFound(f"There is no delivery {message_id}.")
    return found


def _why_not(found: dict[str, Any], now: datetime) -> str:
    if found["expires_at"] <= now:
        return "What it offers has expired, and is not sent any more."
    if found["state"] == "withdrawn":
        return f"It was withdrawn: {found['last_error']}."
    return "It is being sent at this moment."


def _number(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isdecimal() or len(after) > 18:
        raise BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
    return int(after)
