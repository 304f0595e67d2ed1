"""Bodies of beacons, as they are sent and as they are answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from beacon_service.configuration.schema import Document, Flaw, Id, refuse
from beacon_service.zones.geometry import LARGEST_LATITUDE
from beacon_service.zones.identities import FIELDS, identity_fields, identity_text

MOST_IDENTITIES = 16


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

# Any: these are read by hand, so that a wrong one is named by its place.
Identities = Annotated[Any, AfterValidator(_identities), WithJsonSchema(_IDENTITIES_SCHEMA)]


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
    latitude: Annotated[float, Field(ge=-LARGEST_LATITUDE, le=LARGEST_LATITUDE)]

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


class BeaconPage(BaseModel):
    items: list[BeaconOut]
    next_cursor: str | None


def shown_beacon(body: Any) -> dict[str, Any]:
    """A beacon's document as it is sent: its identities in fields."""
    return dict(body) | {"identities": [identity_fields(text) for text in body["identities"]]}
