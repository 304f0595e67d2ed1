"""Routes: customers' codes at the till."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from apiflask import APIBlueprint
from flask import current_app, request

from beacon_service.auth import principal, requires
from beacon_service.db import db, transaction
from beacon_service.delivery import redemption
from beacon_service.delivery.codes_schema import CodeOut, RedeemIn
from beacon_service.delivery.guesses import Guesses
from beacon_service.delivery.redemption import Redemption, UnknownCode
from beacon_service.service import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask import Flask
    from flask.sansio.blueprints import BlueprintSetupState
    from flask.typing import ResponseReturnValue

    from beacon_service.campaigns.codes_store import HeldCode

GUESSES = "beacon_guesses"

blueprint = APIBlueprint("tills", __name__, url_prefix="/v1", tag="Codes")


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app = cast("Flask", state.app)
    app.extensions[GUESSES] = Guesses(app.extensions["beacon"].settings.rate_limit_code_guesses)


@blueprint.get("/codes/<code>")
@blueprint.output(CodeOut)
@blueprint.doc(
    summary="Look at a customer's code",
    description="404 for one that nobody has; who asks for too many of these is answered 429.",
)
@requires("outcomes")
def get_code(code: str) -> ResponseReturnValue:
    now = running().clock.now()
    with _guarded(now), transaction(db.engine) as connection:
        return _shown(redemption.look_up(connection, code), now)


# The type is named, since APIFlask takes a colon behind a name without one for the end of it.
@blueprint.post("/codes/<string:code>:redeem")
@blueprint.input(RedeemIn, arg_name="body")
@blueprint.output(CodeOut, status_code=201)
@blueprint.doc(
    summary="Redeem a customer's code, once",
    description="201 for the one that redeemed it, and 200 where the same redemption_id asks again. Any other is a "
    "409, `code_redeemed` or `code_expired`. Records the outcome `redeemed`.",
    responses={200: "This redemption did it before"},
)
@requires("outcomes")
def redeem_code(code: str, body: RedeemIn) -> ResponseReturnValue:
    now = running().clock.now()
    asked = Redemption(code, body.at or now, principal().actor, body.site, body.redemption_id)
    with _guarded(now), transaction(db.engine) as connection:
        done = redemption.redeem(connection, asked, now)
    return _shown(done.held, now), 200 if done.again else 201


@contextmanager
def _guarded(now: datetime) -> Iterator[None]:
    """Counts codes that nobody has, and refuses whoever asked for too many."""
    guesses: Guesses = current_app.extensions[GUESSES]
    who, address, now_s = principal(), request.remote_addr, now.timestamp()
    guesses.admit(who, address, now_s)
    try:
        yield
    except UnknownCode:
        guesses.missed(who, address, now_s)
        raise


def _shown(held: HeldCode, now: datetime) -> dict[str, Any]:
    return {
        "code": held.code,
        "status": redemption.state(held, now),
        "pool": held.pool,
        "decision_id": held.decision_id,
        "campaign": held.campaign,
        "offer_id": held.offer_id,
        "title": held.title,
        "given_at": held.given_at,
        "expires_at": held.expires_at,
        "redeemed_at": held.redeemed_at,
        "redeemed_site": held.redeemed_site,
    }
