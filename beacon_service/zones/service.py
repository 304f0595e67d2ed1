"""Editing sites, floors, zones and beacons: what one document may say depends on what others say.

Every edit takes the configuration's lock before it looks at anything, so that what it found still holds when
it writes. The caller commits.
"""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from beacon_service.configuration import service as configuration
from beacon_service.configuration.model import Body, Edit, Saved
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.configuration.store import Session, lock
from beacon_service.errors import Conflict, Invalid
from beacon_service.web.faults import MOST_FAULTS
from beacon_service.zones import geometry as geometries
from beacon_service.zones import store
from beacon_service.zones.imports import Reading

Place = tuple[float, float]

# An id that no beacon may have, since GET /v1/beacons/health is something else.
RESERVED = "health"
# Where in a feature a flaw of its document stands.
_POINTERS = {"geometry": "/geometry", "longitude": "/geometry", "id": "/id"}


def put_site(session: Session, site: str, body: Body, edit: Edit) -> Saved:
    lock(session)
    return configuration.put(session, store.SITES, site, body, edit)


def put_floor(session: Session, site: str, floor: str, body: Body, edit: Edit) -> Saved:
    """Raises NotFound where there is no such site."""
    lock(session)
    configuration.require(session, store.SITES, site)
    return configuration.put(session, store.FLOORS, f"{site}/{floor}", body, edit)


def put_zone(session: Session, site: str, zone: str, body: Body, edit: Edit) -> Saved:
    """Raises NotFound where there is no such site, Invalid where there is no such floor or it is far off."""
    lock(session)
    configuration.require(session, store.SITES, site)
    refuse_document(flaw for _, flaw in _zone_flaws(session, site, {zone: body}))
    return configuration.put(session, store.ZONES, f"{site}/{zone}", body, edit)


def put_beacon(session: Session, beacon: str, body: Body, edit: Edit) -> Saved:
    lock(session)
    refuse_document(_unknown_site(session, body["site"]))
    refuse_document(flaw for _, flaw in _beacon_flaws(session, body["site"], {beacon: body}))
    return configuration.put(session, store.BEACONS, beacon, body, edit)


def import_zones(session: Session, site: str, reading: Reading, edit: Edit) -> Mapping[str, Saved]:
    """All zones of a collection in one edit, or Invalid with all that is wrong with any of them."""
    lock(session)
    configuration.require(session, store.SITES, site)
    for zone, flaw in _zone_flaws(session, site, reading.documents):
        _blame(reading, zone, flaw)
    _refuse_reading(reading)
    bodies = {f"{site}/{zone}": body for zone, body in reading.documents.items()}
    return configuration.put_all(session, store.ZONES, bodies, edit)


def import_beacons(session: Session, site: str, reading: Reading, edit: Edit) -> Mapping[str, Saved]:
    """All beacons of a collection in one edit, or Invalid with all that is wrong with any of them."""
    lock(session)
    configuration.require(session, store.SITES, site)
    for beacon, flaw in _beacon_flaws(session, site, reading.documents):
        _blame(reading, beacon, flaw)
    _refuse_reading(reading)
    return configuration.put_all(session, store.BEACONS, reading.documents, edit)


def delete_site(session: Session, site: str, edit: Edit) -> None:
    """Raises Conflict while anything is there."""
    lock(session)
    _refuse_occupied(f"The site {site}", store.occupants(session, site))
    configuration.delete(session, store.SITES, site, edit)


def delete_floor(session: Session, site: str, floor: str, edit: Edit) -> None:
    """Raises Conflict while anything is on it."""
    lock(session)
    _refuse_occupied(f"The floor {floor}", store.occupants(session, site, floor))
    configuration.delete(session, store.FLOORS, f"{site}/{floor}", edit)


def delete_zone(session: Session, site: str, zone: str, edit: Edit) -> None:
    """Raises Conflict while a published campaign names it."""
    lock(session)
    named = {"status": "published", "trigger": {"zones": [{"site": site, "zone": zone}]}}
    campaigns = store.campaigns_holding(session, named)
    if campaigns:
        raise Conflict(
            f"The zone {zone} triggers published campaigns: {', '.join(campaigns[:10])}. "
            "Pause or end them, or let them name other zones; then delete it."
        )
    configuration.delete(session, store.ZONES, f"{site}/{zone}", edit)


def delete_beacon(session: Session, beacon: str, edit: Edit) -> None:
    lock(session)
    configuration.delete(session, store.BEACONS, beacon, edit)


def _zone_flaws(session: Session, site: str, zones: Mapping[str, Body]) -> Iterator[tuple[str, Flaw]]:
    yield from _floor_flaws(session, site, zones)
    centres = {zone: geometries.centre(body["geometry"]) for zone, body in zones.items()}
    others = store.centre(session, site, leaving_out=list(zones)) or _middle(list(centres.values()))
    for zone, place in centres.items():
        for flaw in geometries.far_flaw(place, others, ("geometry",)):
            yield zone, flaw


def _beacon_flaws(session: Session, site: str, beacons: Mapping[str, Body]) -> Iterator[tuple[str, Flaw]]:
    if RESERVED in beacons:
        yield RESERVED, Flaw(("id",), "is the address of all beacons' health", "Choose another id.")
    yield from _floor_flaws(session, site, beacons)
    places = {beacon: (body["longitude"], body["latitude"]) for beacon, body in beacons.items()}
    others = store.centre(session, site) or _middle(list(places.values()))
    for beacon, place in places.items():
        for flaw in geometries.far_flaw(place, others, ("longitude",)):
            yield beacon, flaw


def _floor_flaws(session: Session, site: str, bodies: Mapping[str, Body]) -> Iterator[tuple[str, Flaw]]:
    floors = store.floor_ids(session, site)
    for key, body in bodies.items():
        if body["floor"] is not None and body["floor"] not in floors:
            what = f"names the floor {body['floor']}, which the site {site} does not have"
            known = ", ".join(sorted(floors)[:20]) or "none yet"
            yield key, Flaw(("floor",), what, f"Create it first, or send one of: {known}.")


def _unknown_site(session: Session, site: str) -> list[Flaw]:
    if configuration.exists(session, store.SITES, site):
        return []
    return [
        Flaw(("site",), f"names the site {site}, which there is not", f"Create it: PUT /v1/sites/{site}.")
    ]


def _middle(places: list[Place]) -> Place | None:
    """Where most of a collection is, so that one misplaced feature does not pull the middle with it."""
    if not places:
        return None
    return median(place[0] for place in places), median(place[1] for place in places)


def _blame(reading: Reading, key: str, flaw: Flaw) -> None:
    pointer = _POINTERS.get(str(flaw.path[0]), "/properties/floor")
    reading.blame(reading.numbers[key], key, pointer, flaw.what, flaw.do)


def _refuse_reading(reading: Reading) -> None:
    if not reading.faults:
        return
    listed = f"; the first {MOST_FAULTS} are listed" if len(reading.faults) > MOST_FAULTS else ""
    detail = f"{len(reading.faults)} faults in the collection{listed}. Nothing was imported."
    raise Invalid(detail, errors=reading.faults[:MOST_FAULTS])


def _refuse_occupied(what: str, occupants: Mapping[str, Any]) -> None:
    found = [f"{count} {name}" for name, count in occupants.items() if count]
    if found:
        raise Conflict(f"{what} still has {' and '.join(found)}. Delete them first.")
