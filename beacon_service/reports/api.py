"""Routes: the explanation of a decision, and the feeds of decisions and moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from apiflask import APIBlueprint
from flask import Response

from beacon_service.auth import TOKEN_HEADER, principal, requires, requires_key
from beacon_service.customers.service import check_id, customer
from beacon_service.db import db, transaction
from beacon_service.delivery.store import decisions as may_be_told
from beacon_service.errors import BadRequest, NotFound, Unauthenticated
from beacon_service.reports import scheduler, store
from beacon_service.reports.explain import all_campaigns, explained, short
from beacon_service.reports.schema import (
    DecisionPage,
    DecisionQuery,
    DecisionsQuery,
    ExplainQuery,
    Explanation,
    MovePage,
    SchedulerOut,
    SinceQuery,
)
from beacon_service.service import now
from beacon_service.web import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from beacon_service.db import Connection

blueprint = APIBlueprint("reports", __name__, url_prefix="/v1", tag="Decisions")


@blueprint.get("/decisions/<uuid:decision_id>")
@blueprint.input(ExplainQuery, location="query", arg_name="query")
@blueprint.output(Explanation)
@blueprint.doc(
    summary="Explain a decision",
    description="With a secret key the whole explanation. A publishable key with the installation's token "
    "reads its own decisions in short: decision_id, installation_id, campaign, offer, expires_at.",
)
@requires_key("read")
def explain_decision(decision_id: UUID, query: ExplainQuery) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        decision = store.decision(connection, decision_id)
        if decision is None or not _may_read(connection, decision):
            raise NotFound(f"There is no decision {decision_id}.")
        if not principal().is_secret:
            return Response(msgspec.json.encode(short(decision, now())), content_type="application/json")
        grants = store.grants(connection, decision_id)
        found = store.outcomes(connection, decision_id)
        whole = explained(decision, grants, found, store.evidence(connection, decision))
        if query.campaigns == "all":
            statuses = store.statuses(connection, decision["catalogue_version"])
            whole["all_campaigns"] = all_campaigns(decision, grants, statuses)
    return whole


@blueprint.get("/decisions")
@blueprint.input(DecisionQuery, location="query", arg_name="query")
@blueprint.output(DecisionPage)
@blueprint.doc(
    summary="Decisions in the order in which they were made",
    description="Decisions that are being made at the same moment may appear in either order: whoever "
    "follows the feed asks again from a few seconds back and leaves out what it has seen.",
)
@requires("read")
def list_decisions(query: DecisionQuery) -> ResponseReturnValue:
    return _decisions(query, query.customer)


@blueprint.get("/customers/<customer_id>/decisions")
@blueprint.input(DecisionsQuery, location="query", arg_name="query")
@blueprint.output(DecisionPage)
@blueprint.doc(summary="One customer's decisions, in the order in which they were made")
@requires("read")
def list_customers_decisions(customer_id: str, query: DecisionsQuery) -> ResponseReturnValue:
    check_id(customer_id, "customer_id")
    return _decisions(query, customer_id)


def _decisions(query: DecisionsQuery, customer_id: str | None) -> ResponseReturnValue:
    asked = query.model_dump() | {"offered": None if query.offered is None else query.offered == "true"}
    with transaction(db.engine) as connection:
        key = None if customer_id is None else customer(connection, customer_id).key
        found = store.decisions(connection, asked, after=_after(query), customer=key, limit=query.limit + 1)
    return page(found, query.limit, key=lambda item: str(item["decision_id"]))


@blueprint.get("/moves")
@blueprint.input(SinceQuery, location="query", arg_name="query")
@blueprint.output(MovePage)
@blueprint.doc(summary="Moves in the order in which they were recorded")
@requires("read")
def list_moves(query: SinceQuery) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        found = store.moves(connection, _after(query), query.limit + 1)
    return page(found, query.limit, key=lambda item: str(item["event_id"]))


@blueprint.get("/scheduler")
@blueprint.output(SchedulerOut)
@blueprint.doc(summary="What the workers' jobs came to, and what is due")
@requires("read")
def show_scheduler() -> ResponseReturnValue:
    at = now()
    with transaction(db.engine) as connection:
        return {"jobs": scheduler.jobs(connection, at), "queues": scheduler.queues(connection, at)}


def _after(query: SinceQuery) -> UUID:
    """Where the page begins: behind the cursor, or at `since`, whichever is later."""
    beginning = store.first_id(query.since) if query.since else store.BEGINNING
    cursor = query.after()
    if cursor is None:
        return beginning
    try:
        return max(UUID(cursor), beginning)
    except ValueError:
        raise BadRequest(
            "Send the next_cursor of the page before, unchanged.", code="cursor_invalid"
        ) from None


def _may_read(connection: Connection, decision: Mapping[str, Any]) -> bool:
    """A secret key reads all; a token what its phone may be shown, and of the rest not even that it exists."""
    who = principal()
    if who.is_secret:
        return True
    if who.token_hash is None:
        raise Unauthenticated(f"Send the installation's token in {TOKEN_HEADER}.", code="token_missing")
    return bool(may_be_told(connection, {decision["decision_id"]}, who.token_hash))
