"""POST /v1/pings: the edge of the ping path. It owns the transaction, and the loop that begins it anew.

Whoever comes while there is too much to do is refused before any of this, in the `doorway`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import NamedTuple, TypeAlias, cast

import msgspec
import structlog
from apiflask import APIBlueprint
from flask import Flask, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState

from beacon_service.auth import (
    KEYS_SQL,
    TOKEN_HEADER,
    Principal,
    admit,
    authenticates_itself,
    bearer_hash,
    check_key,
    check_token,
    token_hash,
)
from beacon_service.db import Connection, Row, Statement, db, round_trip, transaction
from beacon_service.errors import Contended, Problem, ServiceUnavailable
from beacon_service.pings import loading
from beacon_service.pings.answer import PingAnswer
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.doorway import Doorway, Shares
from beacon_service.pings.ingest import Asked, ingest
from beacon_service.pings.load_meters import LoadMeters
from beacon_service.pings.pace import stretched
from beacon_service.pings.records import CatalogueBehindError, InstallationMovedError, Presented
from beacon_service.pings.schema import PingRequest, parse
from beacon_service.pings.settle import Given
from beacon_service.pings.shedding import Bounds
from beacon_service.pings.together import Together
from beacon_service.service import Service, running
from beacon_service.settings import Settings
from beacon_service.web import read_json_bytes

# An edit or an identification in the very moment makes a transaction begin anew; so many in a row are no accident.
MOST_ATTEMPTS = 5
# As many pings as a transaction may take before those that wait for its locks would notice.
MOST_TOGETHER = 100
# For the calls of a group that was taken apart. One may wait for a lock until that is given up, after ten seconds, and
# the others shall have their turn; where several do, those behind them have waited long enough.
LONGEST_APART_S = 15.0

log = structlog.get_logger()

# Where the application keeps the catalogue that this process decides by, and what brings requests together.
CATALOGUE = "beacon_catalogue"
TOGETHER = "beacon_together"


# What the rate limits said to each call of a group, by its place.
Counted: TypeAlias = dict[int, Problem | None]


class Call(NamedTuple):
    """A request as it waits for its transaction."""

    pings: PingRequest
    key_hash: bytes
    token_hash: bytes | None
    address: str | None
    received_at: datetime


blueprint = APIBlueprint("pings", __name__, tag="Pings")
_encode = msgspec.json.Encoder().encode


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app = cast("Flask", state.app)

    def run(calls: Sequence[Call]) -> Sequence[PingAnswer | Exception]:
        with app.app_context():
            return decide_together(calls)

    service: Service = app.extensions["beacon"]
    shares = Shares.of(service.settings.web_threads)
    together = Together(
        run,
        size=lambda call: len(call.pings.pings),
        most=MOST_TOGETHER,
        bounds=_bounds(service.settings, shares),
    )
    app.extensions[CATALOGUE] = CatalogueCache()
    app.extensions[TOGETHER] = together
    meters = LoadMeters(service.metrics, delay_s=lambda: together.delay_s, waiting=lambda: together.waiting)
    together.on_refusal = meters.refused_ping
    app.wsgi_app = Doorway(  # type: ignore[method-assign]
        app.wsgi_app,
        together,
        meters,
        shares=shares,
        believes_proxies=service.settings.trusted_proxies > 0,
    )


def _bounds(settings: Settings, shares: Shares) -> Bounds:
    """A quarter of the queue is let be; an interval has room for several turns of the target's length."""
    target_s = settings.ping_wait_target_ms / 1000
    return Bounds(
        most=shares.pings,
        few=max(1, shares.pings // 4),
        target_s=target_s,
        interval_s=2 * target_s,
        longest_s=settings.ping_wait_limit_ms / 1000,
    )


@blueprint.post("/v1/pings")
@authenticates_itself
def post_pings() -> Response:
    service = running()
    together: Together[Call, PingAnswer] = current_app.extensions[TOGETHER]
    received_at = service.clock.now()
    key_hash = bearer_hash(request.headers.get("Authorization"))
    call = Call(
        pings=parse(read_json_bytes(request, "ping"), most_pings=service.settings.max_pings_per_request),
        key_hash=key_hash,
        token_hash=token_hash(request.headers.get(TOKEN_HEADER)),
        address=request.remote_addr,
        received_at=received_at,
    )
    answer = together(call)
    pace = stretched(answer.next_ping_after_s, together.delay_s)
    if pace != answer.next_ping_after_s:
        answer = msgspec.structs.replace(answer, next_ping_after_s=pace)
    return Response(_encode(answer), content_type="application/json")


def decide_together(calls: Sequence[Call]) -> Sequence[PingAnswer | Exception]:
    """Each call's answer, or why it has none. One that breaks the transaction does not break its neighbours'."""
    counted: Counted = {}
    try:
        return _decide(calls, counted)
    except Contended as contended:
        if len(calls) == 1:
            return [contended]
    except ServiceUnavailable as unavailable:
        return [unavailable] * len(calls)
    except Exception as error:
        if len(calls) == 1:
            raise
        log.warning("a group of requests is taken apart", error=type(error).__name__)
    ends_at = monotonic() + LONGEST_APART_S
    alone = ({0: counted[number]} if number in counted else {} for number in range(len(calls)))
    return [
        outcome
        for call, before in zip(calls, alone, strict=True)
        for outcome in _alone(call, before, ends_at)
    ]


def _alone(call: Call, counted: Counted, ends_at: float) -> Sequence[PingAnswer | Exception]:
    if monotonic() > ends_at:
        return [ServiceUnavailable("Somebody else holds what others needed, for too long; send it again.")]
    try:
        return _decide([call], counted)
    except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits for the answer
        return [error]


def _decide(calls: Sequence[Call], counted: Counted) -> Sequence[PingAnswer | Exception]:
    """One transaction for all, begun anew while the configuration or an installation's owner changes under it."""
    service = running()
    catalogue: CatalogueCache = current_app.extensions[CATALOGUE]
    for _ in range(MOST_ATTEMPTS):
        try:
            with transaction(db.engine) as connection:
                given = Given(service.clock.now(), catalogue.current, service.seed)
                admitted = _admitted(connection, service, calls, counted)
                asked = [one for one in admitted if isinstance(one, Asked)]
                answers = iter(ingest(connection, given, asked) if asked else ())
                return [next(answers) if isinstance(one, Asked) else one for one in admitted]
        except CatalogueBehindError as behind:
            catalogue.refresh(db.engine, wanted=behind.version)
        except InstallationMovedError:
            continue
    raise ServiceUnavailable("The configuration changes too fast just now.")


def _admitted(
    connection: Connection, service: Service, calls: Sequence[Call], counted: Counted
) -> list[Asked | Problem]:
    """Authenticate in the transaction's first round trip: what each call may report for, or why nothing.

    Each is counted against the rate limits once, however often the transaction begins; `counted` remembers.
    """
    keys = Statement(KEYS_SQL, {"hashes": list({call.key_hash for call in calls})})
    named = {name for call in calls for name in call.pings.installation_ids}
    key_rows, rows = round_trip(connection, [keys, loading.find_installations(named)])
    known_keys = {row[0]: row[1:] for row in key_rows}
    installations = loading.presented(rows)
    admitted: list[Asked | Problem] = []
    for number, call in enumerate(calls):
        try:
            who, asked = _admit(call, known_keys, installations, service)
            if number not in counted:
                counted[number] = _refused(who, call)
            admitted.append(counted[number] or asked)
        except Problem as problem:
            admitted.append(problem)
    return admitted


def _admit(
    call: Call,
    keys: Mapping[bytes, Row],
    installations: Mapping[str, Presented],
    service: Service,
) -> tuple[Principal, Asked]:
    who = check_key(keys.get(call.key_hash), service.clock.now(), call.token_hash)
    names = call.pings.installation_ids
    found = {name: installations[name] for name in names if name in installations}
    if call.pings.many or who.is_secret:
        who.require("ping")
    else:
        _check_owner(who, names, found)
    return who, Asked(call.pings, found, call.received_at)


def _refused(who: Principal, call: Call) -> Problem | None:
    """Counts the call against the rate limits: why it is one too many, or None."""
    names = call.pings.installation_ids
    try:
        admit(who, address=call.address, installation_id=next(iter(names)) if len(names) == 1 else None)
    except Problem as refusal:
        return refusal
    return None


def _check_owner(who: Principal, names: set[str], found: Mapping[str, Presented]) -> None:
    """A publishable key reports for one installation, and proves by its token that it is that one."""
    for name in names:
        installation = found.get(name)
        kept = installation.token_hash if installation and not installation.revoked else None
        check_token(who.token_hash, kept)
