"""Editing sites, floors, zones and beacons: what one document may say depends on what others say.

Every edit takes the configuration's lock before it looks at anything, so that what it found still holds when
it writes. The caller commits.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from beacon_service.configuration import service as configuration
from beacon_service.configuration.model import Body, Edit, Saved
from beacon_service.configuration.schema import Flaw, pointer, refuse_document
from beacon_service.configuration.store import Session, lock
from beacon_service.errors import Conflict, Invalid
from beacon_service.web.faults import MOST_FAULTS
from beacon_service.zones import geometry as geometries
from beacon_service.zones import store
from beacon_service.zones.imports import Reading
from beacon_service.zones.parents import Placed, parent_flaws

Place = tuple[float, float]

# An id that no beacon may have, since GET /v1/beacons/health is something else.
RESERVED = "health"
# Enough to begin with; a thousand names are no sentence.
MOST_LISTED = 10
# What stands beside a site's zones at addresses of its own.
_TAKEN_NAMES = frozenset({"imports", "exports"})
_TAKEN = Flaw(("id",), "is an address of the service's own", "Choose another id.")


def put_site(session: Session, site: str, body: Body, edit: Edit) -> Saved:
    lock(session)
    return configuration.put(session, store.SITES, site, body, edit)


def put_floor(session: Session, site: str, floor: str, body: Body, edit: Edit) -> Saved:
    """Raises NotFound where there is no such site, Invalid where the outline lies far from it."""
    lock(session)
    configuration.require(session, store.SITES, site)
    refuse_document(_outline_flaws(session, site, floor, body["outline"]))
    return configuration.put(session, store.FLOORS, f"{site}/{floor}", body, edit)


def put_zone(session: Session, site: str, zone: str, body: Body, edit: Edit) -> Saved:
    """Raises NotFound where there is no such site, Invalid where the zone does not fit what is there.

    Conflict where it becomes sensitive while a published campaign names it.
    """
    lock(session)
    configuration.require(session, store.SITES, site)
    refuse_document(flaw for _, flaw in _zone_flaws(session, site, {zone: body}))
    for name, flaw in _named_sensitive_flaws(session, site, {zone: body}):
        raise Conflict(f"The zone {name} {flaw.what}. {flaw.do}")
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
    for zone, flaw in _named_sensitive_flaws(session, site, reading.documents):
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
    _refuse_asked_for(session, "site", site)
    configuration.delete(session, store.SITES, site, edit)


def delete_floor(session: Session, site: str, floor: str, edit: Edit) -> None:
    """Raises Conflict while anything is on it."""
    lock(session)
    _refuse_occupied(f"The floor {floor}", store.occupants(session, site, floor))
    configuration.delete(session, store.FLOORS, f"{site}/{floor}", edit)


def delete_zone(session: Session, site: str, zone: str, edit: Edit) -> None:
    """Raises Conflict while a published campaign or another zone names it."""
    lock(session)
    if children := store.children(session, site, zone):
        raise Conflict(
            f"The zone {zone} is the parent of {_listed(children)}. "
            "Give them another parent or none, or delete them; then delete it."
        )
    named = {"status": "published", "trigger": {"zones": [{"site": site, "zone": zone}]}}
    campaigns = store.campaigns_holding(session, named)
    if campaigns:
        raise Conflict(
            f"The zone {zone} triggers published campaigns: {_listed(campaigns)}. "
            "Pause or end them, or let them name other zones; then delete it."
        )
    _refuse_asked_for(session, "zone", f"{site}/{zone}")
    configuration.delete(session, store.ZONES, f"{site}/{zone}", edit)


def delete_beacon(session: Session, beacon: str, edit: Edit) -> None:
    lock(session)
    configuration.delete(session, store.BEACONS, beacon, edit)


def _zone_flaws(session: Session, site: str, zones: Mapping[str, Body]) -> Iterator[tuple[str, Flaw]]:
    yield from _floor_flaws(session, site, zones)
    yield from ((zone, _TAKEN) for zone in _TAKEN_NAMES & zones.keys())
    shapes = {
        zone: geometries.footprint(body["geometry"], body.get("radius_m")) for zone, body in zones.items()
    }
    unsound = store.unsound(session, shapes)
    for zone, found in unsound.items():
        yield zone, geometries.unsound_flaw(*found)
    centres = {zone: geometries.centre(shape) for zone, shape in shapes.items()}
    others = store.centre(session, site, zones=list(zones)) or _middle(list(centres.values()))
    for zone, place in centres.items():
        for flaw in geometries.far_flaw(place, others, ("geometry",)):
            yield zone, flaw
    if not unsound:
        edited = {
            zone: Placed(body["floor"], body.get("parent"), shapes[zone]) for zone, body in zones.items()
        }
        yield from _parent_flaws(session, site, edited)


def _parent_flaws(session: Session, site: str, edited: Mapping[str, Placed]) -> Iterator[tuple[str, Flaw]]:
    declared = {zone: placed.parent for zone, placed in edited.items() if placed.parent is not None}
    others = {zone: parent for zone, parent in store.parents(session, site).items() if zone not in edited}
    stored = store.placed(session, site, named=list(set(declared.values())), below=list(edited))
    yield from parent_flaws(site, edited, stored, others | declared)


def _named_sensitive_flaws(
    session: Session, site: str, zones: Mapping[str, Body]
) -> Iterator[tuple[str, Flaw]]:
    """Of zones that become sensitive while published campaigns name them: those would fall silent without a word."""
    sensitive = [(site, zone) for zone, body in zones.items() if body["sensitive"]]
    known = store.traits(session, named=sensitive, tags=[], site=None)
    turning = {found.zone for found in known if not found.sensitive}
    for zone, campaigns in store.naming_campaigns(session, site, turning).items():
        what = f"becomes sensitive, and published campaigns name it: {_listed(campaigns)}"
        do = "Pause or end them, or let them name other zones; then make it sensitive."
        yield zone, Flaw(("sensitive",), what, do)
    for place, askers in store.asked_for(session, {f"{site}/{zone}" for zone in turning}).items():
        what = f"becomes sensitive, and visits to it are asked for by {_listed(askers)}"
        do = "Let them ask for something else; then make it sensitive."
        yield place.split("/")[1], Flaw(("sensitive",), what, do)


def _refuse_asked_for(session: Session, kind: str, place: str) -> None:
    """Raise Conflict while a rule asks for visits to it: for who never was there it would hold for everybody."""
    if askers := store.asked_for(session, [place]).get(place):
        raise Conflict(
            f"Visits to the {kind} {place} are asked for by {_listed(askers)}. "
            "Let them ask for something else; then delete it."
        )


def _outline_flaws(session: Session, site: str, floor: str, outline: Body | None) -> Iterator[Flaw]:
    if outline is None:
        return
    shape = geometries.footprint(outline)
    for found in store.unsound(session, {floor: shape}).values():
        yield geometries.unsound_flaw(*found, path=("outline",))
    others = store.centre(session, site, floors=[floor])
    yield from geometries.far_flaw(geometries.centre(shape), others, ("outline",))


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
    # As differences from one of them: neighbours on both sides of the antimeridian would else meet in Greenwich.
    first = places[0][0]
    eastward = median((place[0] - first + 180) % 360 - 180 for place in places)
    return (first + eastward + 180) % 360 - 180, median(place[1] for place in places)


def _blame(reading: Reading, key: str, flaw: Flaw) -> None:
    named = str(flaw.path[0])
    outside = {"geometry": pointer(flaw.path), "longitude": "/geometry", "id": "/id"}
    where = outside.get(named, f"/properties/{named}")
    reading.blame(reading.numbers[key], key, where, flaw.what, flaw.do)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


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
