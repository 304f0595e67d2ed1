"""Import and export as the command line does them: the same checks and the same edit as over HTTP."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import ValidationError

from beacon_service.configuration.model import Edit, Saved
from beacon_service.configuration.schema import check_ids
from beacon_service.configuration.store import Session
from beacon_service.errors import Invalid
from beacon_service.web.faults import faults_of
from beacon_service.web.strict_json import decode_strict
from beacon_service.zones import service
from beacon_service.zones.exports import export_beacons, export_zones
from beacon_service.zones.imports import CollectionIn, Reading, read_beacons, read_zones

Kind: TypeAlias = Literal["zones", "beacons"]


class _Way(NamedTuple):
    read: Callable[[list[Any], str], Reading]
    save: Callable[[Session, str, Reading, Edit], Mapping[str, Saved]]
    export: Callable[[Session, str], Iterator[bytes]]


_WAYS: Mapping[Kind, _Way] = {
    "zones": _Way(read_zones, service.import_zones, export_zones),
    "beacons": _Way(read_beacons, service.import_beacons, export_beacons),
}


def bring_in(session: Session, kind: Kind, site: str, content: bytes, edit: Edit) -> Mapping[str, Saved]:
    """All of a collection or nothing; the caller commits. Raises BadRequest, or Invalid with every fault."""
    check_ids(site=site)
    way = _WAYS[kind]
    try:
        collection = CollectionIn.model_validate(decode_strict(content))
    except ValidationError as error:
        faults = faults_of(error, "json")
        raise Invalid("This is not a collection that can be imported.", errors=faults) from None
    reading = way.read(collection.features, site)
    return way.save(session, site, reading, edit)


def take_out(session: Session, kind: Kind, site: str) -> Iterator[bytes]:
    """The site's collection in pieces; NotFound before the first."""
    check_ids(site=site)
    return _WAYS[kind].export(session, site)


def edit_by(actor: str, at: datetime) -> Edit:
    """An edit over whatever version there is."""
    return Edit(actor, at, lambda _version: None)
