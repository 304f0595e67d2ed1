"""Routes: backtests are asked for, watched, read, cancelled and deleted."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from beacon_service.auth import principal, requires
from beacon_service.backtests import examples_store, service, store
from beacon_service.backtests.requests import By
from beacon_service.backtests.schema import (
    BacktestIn,
    BacktestOut,
    BacktestPage,
    ExamplePage,
    ExamplesQuery,
    shown,
    shown_item,
)
from beacon_service.db import db, transaction
from beacon_service.errors import BadRequest
from beacon_service.ids import derived_uuid7
from beacon_service.service import now, running
from beacon_service.web import PageQuery, page

blueprint = APIBlueprint("backtests", __name__, url_prefix="/v1", tag="Backtests")

LARGEST_NUMBER = 2**31 - 1


@blueprint.post("/backtests")
@blueprint.input(BacktestIn, arg_name="body")
@blueprint.output(BacktestOut, status_code=202)
@blueprint.doc(
    summary="Ask what would have been decided",
    description="A worker decides recorded traffic again, under a changed configuration; without changes and drafts "
    "it verifies that this comes to what was decided. Nothing of it reaches a customer.",
)
@requires("configure")
def post_backtest(body: BacktestIn) -> ResponseReturnValue:
    by = _by()
    with transaction(db.engine) as connection:
        state = service.ask(connection, body, by)
    return dict(shown(state, by.at)), 202, {"Location": f"/v1/backtests/{state.id}"}


@blueprint.get("/backtests")
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(BacktestPage)
@blueprint.doc(summary="List backtests, newest first")
@requires("read")
def list_backtests(query: PageQuery) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        found = store.page(connection, before=_before(query), limit=query.limit + 1)
    at, answer = now(), page(found, query.limit, key=lambda one: str(one.id))
    return {**answer, "items": [dict(shown_item(one, at)) for one in answer["items"]]}


@blueprint.get("/backtests/<uuid:backtest_id>")
@blueprint.output(BacktestOut)
@blueprint.doc(summary="Read how a backtest is doing, and what came of it")
@requires("read")
def get_backtest(backtest_id: UUID) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        state = service.find(connection, backtest_id)
    return dict(shown(state, now()))


@blueprint.post("/backtests/<uuid:backtest_id>:cancel")
@blueprint.output(BacktestOut)
@blueprint.doc(summary="Cancel a backtest", description="One that runs stops within two seconds.")
@requires("configure")
def cancel_backtest(backtest_id: UUID) -> ResponseReturnValue:
    at = now()
    with transaction(db.engine) as connection:
        state = service.cancel(connection, backtest_id, at)
    return dict(shown(state, at))


@blueprint.delete("/backtests/<uuid:backtest_id>")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Delete a backtest with its report and examples")
@requires("configure")
def delete_backtest(backtest_id: UUID) -> ResponseReturnValue:
    with transaction(db.engine) as connection:
        service.delete(connection, backtest_id)
    return "", 204


@blueprint.get("/backtests/<uuid:backtest_id>/examples")
@blueprint.input(ExamplesQuery, location="query", arg_name="query")
@blueprint.output(ExamplePage)
@blueprint.doc(
    summary="Moments that are decided otherwise, in their order",
    description="The first thousand that were found are kept, while the backtest runs and afterwards.",
)
@requires("read")
def list_examples(backtest_id: UUID, query: ExamplesQuery) -> ResponseReturnValue:
    asked = {"kind": query.kind, "campaign": query.campaign, "after": _after(query), "limit": query.limit + 1}
    with transaction(db.engine) as connection:
        service.find(connection, backtest_id)
        found = examples_store.page(connection, backtest_id, asked)
    return page(found, query.limit, key=lambda one: str(one["number"]))


def _by() -> By:
    at, kept = now(), timedelta(days=running().settings.retention_days)
    first_kept_at = datetime.combine(at.date() - kept, time(), tzinfo=UTC)
    return By(principal().actor, at, derived_uuid7(at, "backtest", running().seed()), first_kept_at)


def _before(query: PageQuery) -> UUID | None:
    cursor = query.after()
    try:
        return None if cursor is None else UUID(cursor)
    except ValueError:
        raise _no_cursor() from None


def _after(query: PageQuery) -> int:
    cursor = query.after()
    if cursor is None:
        return -1
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 10:
        raise _no_cursor()
    return min(int(cursor), LARGEST_NUMBER)


def _no_cursor() -> BadRequest:
    return BadRequest("Send the next_cursor of the page before, unchanged.", code="cursor_invalid")
