"""POST /v1/pings: the edge of the ping path. It owns the transaction, and the loop that begins it anew."""

import msgspec
from apiflask import APIBlueprint
from flask import Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState

from beacon_service.auth import (
    KEY_SQL,
    TOKEN_HEADER,
    Principal,
    admit,
    authenticates_itself,
    bearer_hash,
    check_key,
    check_token,
    token_hash,
)
from beacon_service.db import Connection, Statement, db, round_trip, transaction
from beacon_service.errors import ServiceUnavailable
from beacon_service.pings import store
from beacon_service.pings.answer import PingAnswer
from beacon_service.pings.catalogue import CatalogueCache
from beacon_service.pings.ingest import ingest
from beacon_service.pings.records import CatalogueBehindError, InstallationMovedError, Presented
from beacon_service.pings.schema import PingRequest, parse
from beacon_service.pings.settle import Given
from beacon_service.service import Service
from beacon_service.web import read_json_bytes

# An edit or an identification in the very moment makes a transaction begin anew; so many in a row are no accident.
MOST_ATTEMPTS = 5

# Where the application keeps the catalogue that this process decides by.
CATALOGUE = "beacon_catalogue"

blueprint = APIBlueprint("pings", __name__, tag="Pings")
_encode = msgspec.json.Encoder().encode


@blueprint.record_once
def _hold_catalogue(state: BlueprintSetupState) -> None:
    state.app.extensions[CATALOGUE] = CatalogueCache()


@blueprint.post("/v1/pings")
@authenticates_itself
def post_pings() -> Response:
    service: Service = current_app.extensions["beacon"]
    pings = parse(read_json_bytes(request, "ping"), most_pings=service.settings.max_pings_per_request)
    return Response(_encode(_decide(service, pings)), content_type="application/json")


def _decide(service: Service, pings: PingRequest) -> PingAnswer:
    catalogue: CatalogueCache = current_app.extensions[CATALOGUE]
    for attempt in range(MOST_ATTEMPTS):
        try:
            with transaction(db.engine) as connection:
                given = Given(service.clock.now(), catalogue.current, service.seed)
                found = _admitted(connection, service, pings, count=attempt == 0)
                return ingest(connection, given, pings, found)
        except CatalogueBehindError as behind:
            catalogue.refresh(db.engine, wanted=behind.version)
        except InstallationMovedError:
            continue
    raise ServiceUnavailable("The configuration changes too fast just now.")


def _admitted(
    connection: Connection, service: Service, pings: PingRequest, *, count: bool
) -> dict[str, Presented]:
    """Authenticate in the transaction's first round trip: the installations that this key may report for."""
    key = Statement(KEY_SQL, {"key_hash": bearer_hash(request.headers.get("Authorization"))})
    installations = store.find_installations(pings.installation_ids)
    key_rows, rows = round_trip(connection, [key, installations])
    who = check_key(
        key_rows[0] if key_rows else None,
        service.clock.now(),
        token_hash(request.headers.get(TOKEN_HEADER)),
    )
    found = store.presented(rows)
    if pings.many or who.is_secret:
        who.require("ping")
    else:
        _check_owner(who, pings, found)
    if count:
        (named,) = pings.installation_ids if len(pings.installation_ids) == 1 else (None,)
        admit(who, installation_id=named)
    return found


def _check_owner(who: Principal, pings: PingRequest, found: dict[str, Presented]) -> None:
    """A publishable key reports for one installation, and proves by its token that it is that one."""
    for installation_id in pings.installation_ids:
        installation = found.get(installation_id)
        kept = installation.token_hash if installation and not installation.revoked else None
        check_token(who.token_hash, kept)
