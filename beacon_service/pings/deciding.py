"""One transaction for the calls that wait: admitted, decided, and each with its own answer.

Who waits for it, and how, is `edge`'s matter.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import structlog
from flask import current_app

from beacon_service.auth import KEYS_SQL, Principal, admit, check_key, check_token
from beacon_service.db import Connection, Row, Statement, db, round_trip, transaction
from beacon_service.engine import Given
from beacon_service.errors import Contended, Problem, ServiceUnavailable
from beacon_service.pings import loading
from beacon_service.pings.answer import PingAnswer
from beacon_service.pings.ingest import Asked, ingest
from beacon_service.pings.records import CatalogueBehindError, InstallationMovedError, Presented
from beacon_service.pings.schema import PingRequest
from beacon_service.service import Service, running

if TYPE_CHECKING:
    from beacon_service.pings.catalogue import CatalogueCache

# An edit or an identification in the very moment makes a transaction begin anew; so many in a row are no accident.
MOST_ATTEMPTS = 5
# For the calls of a group that was taken apart. One may wait for a lock until that is given up, after ten seconds, and
# the others shall have their turn; where several do, those behind them have waited long enough.
LONGEST_APART_S = 15.0

log = structlog.get_logger()

# Where the application keeps the catalogue that this process decides by.
CATALOGUE = "beacon_catalogue"


# What the rate limits said to each call of a group, by its place.
Counted: TypeAlias = dict[int, Problem | None]


class Call(NamedTuple):
    """A request as it waits for its transaction."""

    pings: PingRequest
    key_hash: bytes
    token_hash: bytes | None
    address: str | None
    received_at: datetime


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
