"""GeoJSON collections of zones or beacons, read feature by feature: all that is wrong is told at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from beacon_service.configuration.schema import ID_PATTERN, Flaw, Id, Name, is_id, refuse
from beacon_service.errors import Fault, fault
from beacon_service.web.faults import faults_of
from beacon_service.zones import geometry as geometries
from beacon_service.zones.beacon_schema import BeaconFields, BeaconIn
from beacon_service.zones.schema import ZoneFields

MOST_FEATURES = 20_000


class CollectionIn(BaseModel):
    """A GeoJSON FeatureCollection. A feature's id names the zone or beacon, its properties are as in a PUT."""

    type: Literal["FeatureCollection"]
    features: Annotated[list[Any], Field(max_length=MOST_FEATURES)]


class ImportOut(BaseModel):
    """What an import did; it is all or nothing."""

    created: int
    replaced: int
    unchanged: int
    version: int | None = Field(
        description="Version of the configuration that the import made, if it changed any."
    )


@dataclass(slots=True)
class Reading:
    """Documents by id, in the order of the collection, and what is wrong with the rest."""

    kind: str
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)  # which feature a document was
    faults: list[Fault] = field(default_factory=list)

    def blame(self, number: int, name: str | None, where: str, what: str, do: str) -> None:
        said = f"{self.kind} {name}: {what}" if name else what
        self.faults.append(fault(f"/features/{number}{where}", said, do))


class _ZoneFeature(ZoneFields):
    zone: Id | None = None
    name: Name | None = None


class _Point(BaseModel):
    type: Literal["Point"]
    coordinates: list[Any]

    def model_post_init(self, _context: Any) -> None:
        refuse("Point", geometries.position_flaws(("coordinates",), self.coordinates))


class _BeaconFeature(BeaconFields):
    id: Id | None = None
    beacon: Id | None = None
    geometry: _Point


def read_zones(features: Sequence[Any], site: str) -> Reading:
    def document(name: str, properties: Mapping[str, Any], geometry: Any) -> dict[str, Any]:
        read = _ZoneFeature.model_validate({**properties, "geometry": geometry})
        _refuse_contradiction({"id": name, "zone": name, "site": site}, properties)
        return read.kept(site, name, read.name or name)

    return _read("zone", features, document)


def read_beacons(features: Sequence[Any], site: str) -> Reading:
    def document(name: str, properties: Mapping[str, Any], geometry: Any) -> dict[str, Any]:
        read = _BeaconFeature.model_validate({**properties, "geometry": geometry})
        _refuse_contradiction({"id": name, "beacon": name, "site": site}, properties)
        longitude, latitude = map(float, read.geometry.coordinates[:2])
        placed = {"site": site, "longitude": longitude, "latitude": latitude}
        known = read.model_dump(exclude={"id", "beacon", "geometry"}) | placed
        return BeaconIn.model_construct(**known).document(name)

    return _read("beacon", features, document)


def _read(
    kind: str, features: Sequence[Any], document: Callable[[str, Mapping[str, Any], Any], Any]
) -> Reading:
    reading = Reading(kind)
    for number, feature in enumerate(features):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            reading.blame(
                number, None, "", "is not a GeoJSON Feature", "Send {type, id, geometry, properties}."
            )
            continue
        properties = feature.get("properties") or {}
        name = _name(kind, feature, properties)
        if name is None:
            what, do = "has no id", f"Give the feature an id: it names the {kind} and matches {ID_PATTERN}."
            reading.blame(number, None, "/id", what, do)
        elif name in reading.numbers:
            what = f"is feature {reading.numbers[name]} too"
            reading.blame(number, name, "/id", what, "Give each feature an id of its own.")
        else:
            reading.numbers[name] = number
            _add(reading, name, partial(document, name, properties, feature.get("geometry")))
    return reading


def _add(reading: Reading, name: str, document: Callable[[], dict[str, Any]]) -> None:
    try:
        reading.documents[name] = document()
    except ValidationError as error:
        for one in faults_of(error, "json"):
            inside = "" if one["where"].startswith("/geometry") else "/properties"
            reading.blame(reading.numbers[name], name, inside + one["where"], one["what"], one["do"])


def _name(kind: str, feature: Mapping[str, Any], properties: Mapping[str, Any]) -> str | None:
    """The id as GeoJSON has it, which may be a number, or else as a property."""
    for given in (feature.get("id"), properties.get(kind), properties.get("id")):
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if isinstance(given, str) and given:
            return given if is_id(given) else None
    return None


def _refuse_contradiction(expected: Mapping[str, str], properties: Mapping[str, Any]) -> None:
    flaws = [
        Flaw((name,), f"says {properties[name]}, and it is {value}", f"Leave {name} out, or correct it.")
        for name, value in expected.items()
        if properties.get(name) not in {None, value}
    ]
    refuse("Feature", flaws)
