"""Routes: what customers did elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint
from flask import current_app

from beacon_service.auth import requires
from beacon_service.customers import events_service as service
from beacon_service.customers.events_schema import EventsIn, EventsOut
from beacon_service.customers.service import check_id
from beacon_service.db import db, transaction

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

blueprint = APIBlueprint("events", __name__, url_prefix="/v1", tag="Customers")


@blueprint.post("/customers/<customer_id>/events")
@blueprint.input(EventsIn, arg_name="body")
@blueprint.output(EventsOut)
@blueprint.doc(
    summary="Report what a customer did elsewhere",
    description="Purchases and other touchpoints, one or up to a hundred, with a verdict for each. The customer is "
    "made if there is none of that id. An event that was reported before is a duplicate and counts once; audiences "
    "may ask how many there were and when the last was.",
)
@requires("outcomes")
def report_events(customer_id: str, body: EventsIn) -> ResponseReturnValue:
    check_id(customer_id, "customer_id")
    now = current_app.extensions["beacon"].clock.now()
    with transaction(db.engine) as connection:
        verdicts = service.record(connection, customer_id, body.happened(), now)
    return {"results": [_shown(verdict) for verdict in verdicts]}


def _shown(verdict: service.Verdict) -> dict[str, Any]:
    reasons = [] if verdict.reason is None else [verdict.reason]
    return {"event_id": verdict.event_id, "status": verdict.status, "reasons": reasons}
