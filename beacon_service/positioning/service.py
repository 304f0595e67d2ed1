"""Surveys and radio maps of a site: kept, learned from, put into use and out of it. The caller commits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog

from beacon_service.configuration import service as configuration
from beacon_service.configuration.store import lock
from beacon_service.errors import Conflict, Invalid, NotFound, fault
from beacon_service.positioning import map_store, store
from beacon_service.positioning.belief import prepare
from beacon_service.positioning.surveys import MapKey, pack, walk_flaws
from beacon_service.web.faults import MOST_FAULTS
from beacon_service.zones.packed_map import RadioMapError, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from beacon_service.configuration.model import Edit, Saved
    from beacon_service.configuration.store import Session
    from beacon_service.db import Connection
    from beacon_service.positioning.survey_files import Survey
    from beacon_service.positioning.surveys import Asked
    from beacon_service.zones.radio_map import RadioMap

log = structlog.get_logger()


def import_survey(
    connection: Connection,
    site: str,
    survey: Survey,
    by: Asked,
    where: Callable[[str], str] = "walk {}".format,
) -> int:
    """Keep a survey of a site and answer its number.

    Raises NotFound without the site, Invalid where the walks do not fit it (`where` says where a trace stands in what
    was sent), Conflict where these very walks are kept already.
    """
    require_site(connection, site)
    flaws = list(walk_flaws(survey.walks, store.ground(connection, site)))
    if flaws:
        listed = f"; the first {MOST_FAULTS} are listed" if len(flaws) > MOST_FAULTS else ""
        raise Invalid(
            f"{len(flaws)} walks do not fit the site {site}{listed}. Nothing was imported.",
            errors=[fault(where(flaw.trace), flaw.what, flaw.do) for flaw in flaws[:MOST_FAULTS]],
        )
    packed = pack(survey)
    if (same := store.same_survey(connection, site, packed.sha256)) is not None:
        raise Conflict(
            f"These walks are the site's survey {same} already, and would weigh twice. To learn from it anew, "
            f"POST /v1/sites/{site}/radio-maps or run beacon-service surveys learn {site}."
        )
    return store.save_survey(connection, site, survey, packed, by)


def withdraw(connection: Connection, site: str, number: int, at: datetime) -> None:
    """Learn no more from a survey; maps that were learned from it stay as they are."""
    if not store.withdraw(connection, site, number, at):
        raise NotFound(f"The site {site} has no survey {number}.")


def ask_for_map(connection: Connection, site: str, *, activate: bool, by: Asked) -> MapKey:
    """Queue the learning of a map from all surveys of the site. Conflict without a survey."""
    require_site(connection, site)
    if all(survey.withdrawn_at for survey in store.surveys(connection, site)):
        raise Conflict(f"The site {site} has no survey to learn from. Import one first.")
    return map_store.queue(connection, site, activate=activate, by=by)


def activate(session: Session, key: MapKey, edit: Edit) -> Saved:
    """Locate the site by this map from now on. What cannot be read, or does not fit the site, is refused before.

    Raises NotFound without the site or the map, Conflict with the reason.
    """
    connection = map_store.connection_of(session)
    site, number = key
    require_site(connection, site)
    # Before the lock, which decisions wait for: a map that is ready never changes.
    body = {"site": site, "number": number, "sha256": _proven(connection, key)}
    lock(session)
    require_site(connection, site)
    return configuration.put(session, map_store.ACTIVE, site, body, edit)


def deactivate(session: Session, site: str, edit: Edit) -> None:
    """Locate the site by its beacons again. NotFound where it is so already."""
    lock(session)
    if not configuration.exists(session, map_store.ACTIVE, site):
        raise NotFound(f"The site {site} is located without a radio map.")
    configuration.delete(session, map_store.ACTIVE, site, edit)


def radio_map(connection: Connection, site: str, number: int, sha256: str) -> RadioMap | None:
    """The map that the configuration names; None, and an error in the log, where it is not what it was."""
    try:
        found = _read(map_store.stored_map(connection, MapKey(site, number)), sha256)
        prepare(found)
    except (RadioMapError, ArithmeticError, LookupError, OSError, RuntimeError, ValueError) as error:
        log.error("a radio map cannot be used", site=site, number=number, reason=str(error))  # noqa: TRY400
        return None
    return found


def require_site(connection: Connection, site: str) -> None:
    if not store.has_site(connection, site):
        raise NotFound(f"There is no site {site}.")


def _proven(connection: Connection, key: MapKey) -> str:
    """The digest of a map that was just read whole."""
    site, number = key
    found = map_store.state(connection, key)
    if found is None:
        raise NotFound(f"The site {site} has no radio map {number}.")
    if found.status != "ready" or found.sha256 is None:
        raise Conflict(
            f"The radio map {number} of the site {site} is {found.status}; only a ready one can be used."
        )
    try:
        known = _read(map_store.stored_map(connection, key), found.sha256)
    except RadioMapError as error:
        raise Conflict(f"The radio map {number} of the site {site} cannot be used: {error}.") from None
    lacking = [floor for floor in known.lattice.floors if floor not in store.ground(connection, site).floors]
    if lacking:
        raise Conflict(
            f"The radio map {number} knows the floors {', '.join(lacking)}, which the site {site} does not have. "
            "Create them, or learn a new map."
        )
    return found.sha256


def _read(stored: map_store.StoredMap | None, sha256: str) -> RadioMap:
    if stored is None:
        raise RadioMapError("it is not stored; learn it anew, or use another")
    if hashlib.sha256(stored.body).hexdigest() != sha256:
        raise RadioMapError("its bytes are not those that were learned; learn it anew, or use another")
    return unpacked(stored.body)
