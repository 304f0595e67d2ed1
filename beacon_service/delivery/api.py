"""Routes: reports of what became of offers, and the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint
from flask import current_app

from beacon_service.auth import TOKEN_HEADER, principal, requires_installation, requires_key
from beacon_service.customers.service import check_id
from beacon_service.db import db, transaction
from beacon_service.delivery import service, store
from beacon_service.delivery.schema import InboxOut, OutcomesIn, VerdictOut
from beacon_service.errors import Conflict, Invalid, NotFound, Unauthenticated, fault
from beacon_service.service import now

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from beacon_service.delivery.model import Report, Verdict

blueprint = APIBlueprint("delivery", __name__, url_prefix="/v1", tag="Offers")


@blueprint.post("/outcomes")
@blueprint.input(OutcomesIn, arg_name="body")
@blueprint.output(VerdictOut, status_code=201)
@blueprint.doc(
    summary="Report what became of an offer",
    description="One outcome: 201, and 200 with the first report if it was reported before. Several under "
    "`outcomes`: 200 with a verdict for each under `results`. A publishable key with the installation's "
    "token reports delivered, viewed, clicked and dismissed; redeemed needs a secret key.",
    responses={200: "Reported before, or a list of verdicts"},
)
@requires_key("outcomes")
def report_outcomes(body: OutcomesIn) -> ResponseReturnValue:
    reports = body.reports()
    if any(report.type == "redeemed" for report in reports):
        principal().require("outcomes")
    with transaction(db.engine) as connection:
        verdicts = service.report(connection, reports, now(), token_hash=_token_hash())
    if body.outcomes is not None:
        results = [_shown(verdict) for verdict in verdicts]
        return current_app.json.response({"results": [_plain(result) for result in results]})
    return _answer(reports[0], verdicts[0])


@blueprint.get("/installations/<installation_id>/inbox")
@blueprint.output(InboxOut)
@blueprint.doc(
    summary="Offers that wait to be shown, newest first",
    description="Those decided without a ping to answer (a dwell that was reached, a silent exit) and those sent "
    "by push, until they expire or are dismissed; at most a hundred.",
)
@requires_installation("read")
def inbox(installation_id: str) -> ResponseReturnValue:
    check_id(installation_id, "installation_id")
    key = principal().installation_key
    if key is None:
        raise NotFound(f"There is no installation {installation_id}.")
    with transaction(db.engine) as connection:
        waiting = store.inbox(connection, key, now())
    return {"decisions": [{**one, "installation_id": installation_id} for one in waiting]}


def _token_hash() -> bytes | None:
    """What binds the caller to one installation's decisions; None for a secret key, which speaks for all."""
    who = principal()
    if who.is_secret:
        return None
    if who.token_hash is None:
        raise Unauthenticated(f"Send the installation's token in {TOKEN_HEADER}.", code="token_missing")
    return who.token_hash


def _answer(report: Report, verdict: Verdict) -> ResponseReturnValue:
    if verdict.reason == "unknown_decision":
        raise NotFound(f"There is no decision {report.decision_id}.")
    if verdict.reason == "nothing_offered":
        raise Conflict(f"Decision {report.decision_id} made no offer: nothing can become of it.")
    if verdict.reason is not None:
        raise Invalid(
            "The outcome's time cannot be.",
            errors=[fault("/at", verdict.reason.replace("_", " "), "Send the time at which it happened.")],
        )
    return _shown(verdict), 201 if verdict.status == "accepted" else 200


def _shown(verdict: Verdict) -> dict[str, Any]:
    return {
        "decision_id": verdict.decision_id,
        "type": verdict.type,
        "status": verdict.status,
        "reasons": [] if verdict.reason is None else [verdict.reason],
        "at": verdict.at,
        "late": verdict.late,
    }


def _plain(verdict: dict[str, Any]) -> dict[str, Any]:
    return VerdictOut.model_validate(verdict).model_dump(mode="json")
