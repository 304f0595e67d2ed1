"""Bodies of sites, floors, zones and beacons, as they are sent and as they are answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from beacon_service.configuration.schema import Document, Flaw, Id, Name, Tag, TimeZone, refuse
from beacon_service.zones import geometry as geometries
from beacon_service.zones.identities import FIELDS, identity_fields, identity_text

# A day: a stay that lasts longer is nobody's dwell.
LONGEST_DWELL_S = 86_400
MOST_IDENTITIES = 16


def _sound_geometry(value: Any) -> dict[str, Any]:
    refuse("geometry", geometries.flaws(value))
    return geometries.normalised(value)


def _identities(given: Any) -> list[str]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_IDENTITIES:
        refuse(
            "identities", [Flaw((), "is not an array of identities", f"Send 1 to {MOST_IDENTITIES} of them.")]
        )
    read = [_identity(number, one) for number, one in enumerate(given)]
    refuse("identities", [flaw for flaw in read if isinstance(flaw, Flaw)])
    texts = [str(text) for text in read]
    return sorted(set(texts), key=texts.index)


def _identity(number: int, given: Any) -> str | Flaw:
    kinds = (
        "Send one of: " + "; ".join(f"{kind} with {', '.join(names)}" for kind, names in FIELDS.items()) + "."
    )
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        return Flaw((number,), "has no type that is known", kinds)
    if surplus := sorted(set(given) - {"type", *FIELDS[kind]}):
        return Flaw((number, surplus[0]), f"is no field of {kind}", kinds)
    try:
        return identity_text(kind, given)
    except ValueError as error:
        return Flaw((number,), str(error), kinds)


_GEOMETRY_SCHEMA = {
    "type": "object",
    "description": "GeoJSON (RFC 7946) in WGS84, longitude before latitude; rings are closed.",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {}},
    },
}
_IDENTITIES_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_IDENTITIES,
    "description": "ibeacon with uuid, major, minor; eddystone_uid with namespace, instance; altbeacon with "
    "id1, id2, id3; mac with mac. Most beacons have one that they advertise, and their MAC.",
    "items": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string", "enum": list(FIELDS)}},
    },
}

# Any: these are read by hand, so that a wrong vertex is named by its place and a million cost nothing.
Shape = Annotated[Any, AfterValidator(_sound_geometry), WithJsonSchema(_GEOMETRY_SCHEMA)]
Identities = Annotated[Any, AfterValidator(_identities), WithJsonSchema(_IDENTITIES_SCHEMA)]
Level = Annotated[int, Field(ge=-100, le=1000, description="0 is the ground floor; floors are listed by it.")]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Dwell = Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)]


class SiteIn(Document):
    """A shop, mall or venue."""

    id: Id | None = None
    name: Name
    time_zone: TimeZone = Field(examples=["Europe/Amsterdam"])


class SiteOut(BaseModel):
    id: str
    name: str
    time_zone: str


class FloorIn(Document):
    """A level of a site."""

    id: Id | None = None
    site: Id | None = None
    name: Name
    level: Level
    outline: Shape | None = None


class FloorOut(BaseModel):
    site: str
    id: str
    name: str
    level: int
    outline: dict[str, Any] | None


class ZoneFields(Document):
    """What a zone has beside its shape."""

    id: Id | None = None
    site: Id | None = None
    floor: Id | None = Field(default=None, description="Left out: outdoors, or on every floor.")
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default_factory=list)
    priority: Priority = 0
    sensitive: bool = Field(
        default=False,
        description="Nothing is decided here and a stay is forgotten at its end: a clinic, say.",
    )
    dwell_s: Annotated[list[Dwell], Field(max_length=10)] = Field(
        default_factory=list, description="Seconds of staying at which a `dwelled` is told."
    )
    enter_confirm: Annotated[int, Field(ge=1, le=10)] | None = Field(
        default=None, description="Pings that confirm an entry. Left out: as everywhere."
    )
    exit_hold_s: Annotated[int, Field(ge=0, le=3600)] | None = Field(
        default=None, description="Seconds without evidence before an exit. Left out: as everywhere."
    )


class ZoneIn(ZoneFields):
    """A polygon on a floor, or outdoors."""

    name: Name
    geometry: Shape

    def document(self, site: str, zone_id: str) -> dict[str, Any]:
        named = {
            "site": site,
            "id": zone_id,
            "tags": sorted(set(self.tags)),
            "dwell_s": sorted(set(self.dwell_s)),
        }
        return self.model_dump(exclude=set(named)) | named


class ZoneOut(BaseModel):
    site: str
    id: str
    floor: str | None
    name: str
    geometry: dict[str, Any]
    tags: list[str]
    priority: int
    sensitive: bool
    dwell_s: list[int]
    enter_confirm: int | None
    exit_hold_s: int | None


class BeaconFields(Document):
    """What a beacon has beside its id and its place."""

    site: Id | None = None
    floor: Id | None = None
    identities: Identities
    tx_power_dbm: Annotated[int, Field(ge=-127, le=20)] | None = Field(
        default=None,
        description="Calibrated level at 1 m, of Eddystone too (its frame states it at 0 m, 41 dB above). "
        "Left out: as the phone reports it.",
    )
    status: Literal["active", "quarantined", "retired"] = Field(
        default="active",
        description="Of a quarantined or retired beacon nothing is made. A quarantined one still transmits: what "
        "shares an identity with it is told apart by MAC only. A retired one is gone.",
    )


class BeaconIn(BeaconFields):
    """A transmitter with an identity and a place."""

    id: Id | None = None
    site: Id
    longitude: Annotated[float, Field(ge=-180, le=180)]
    latitude: Annotated[float, Field(ge=-geometries.LARGEST_LATITUDE, le=geometries.LARGEST_LATITUDE)]

    def document(self, beacon_id: str) -> dict[str, Any]:
        return self.model_dump(exclude={"id"}) | {"id": beacon_id}


class BeaconOut(BaseModel):
    id: str
    site: str
    floor: str | None
    longitude: float
    latitude: float
    identities: list[dict[str, Any]]
    tx_power_dbm: int | None
    status: str


def shown_beacon(body: Any) -> dict[str, Any]:
    """A beacon's document as it is sent: its identities in fields."""
    return dict(body) | {"identities": [identity_fields(text) for text in body["identities"]]}


class SitePage(BaseModel):
    items: list[SiteOut]
    next_cursor: str | None


class FloorPage(BaseModel):
    items: list[FloorOut]
    next_cursor: str | None


class ZonePage(BaseModel):
    items: list[ZoneOut]
    next_cursor: str | None


class BeaconPage(BaseModel):
    items: list[BeaconOut]
    next_cursor: str | None
