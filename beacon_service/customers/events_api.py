"""Routes: what customers did elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from beacon_service.auth import requires
from beacon_service.customers import events_service as service
from beacon_service.customers import events_store as store
from beacon_service.customers.events_schema import EventsIn, EventsOut, KeptPage
from beacon_service.customers.service import check_id, customer
from beacon_service.db import db, transaction
from beacon_service.errors import BadRequest
from beacon_service.service import now
from beacon_service.web import PageQuery, page

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
    with transaction(db.engine) as connection:
        verdicts = service.record(connection, customer_id, body.happened(), now())
    return {"results": [_shown(verdict) for verdict in verdicts]}


@blueprint.get("/customers/<customer_id>/events")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(KeptPage)
@blueprint.doc(summary="List what a customer did elsewhere, newest first")
@requires("customers")
def list_events(customer_id: str, query: PageQuery) -> ResponseReturnValue:
    check_id(customer_id, "customer_id")
    with transaction(db.engine) as connection:
        key = customer(connection, customer_id).key
        found = store.page(connection, key, after=_place(query.after()), limit=query.limit + 1)
    answer = page(found, query.limit, key=lambda event: f"{event.at.isoformat()} {event.event_id}")
    return {**answer, "items": [{**event._asdict(), "items": event.items or []} for event in answer["items"]]}


def _place(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    at, _, event_id = after.partition(" ")
    try:
        return datetime.fromisoformat(at), event_id
    except ValueError:
        raise BadRequest(
            "Send the next_cursor of the page before, unchanged.", code="cursor_invalid"
        ) from None


def _shown(verdict: service.Verdict) -> dict[str, Any]:
    reasons = [] if verdict.reason is None else [verdict.reason]
    return {"event_id": verdict.event_id, "status": verdict.status, "reasons": reasons}
