"""Bodies of sites, floors and zones, as they are sent and as they are answered."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, field_validator, model_validator

from beacon_service.configuration.schema import Clock, Day, Document, Flaw, Id, Name, Tag, TimeZone, refuse
from beacon_service.hours import DAYS
from beacon_service.zones import geometry as geometries
from beacon_service.zones.categories import SENSITIVE, Category
from beacon_service.zones.circles import LARGEST_RADIUS_M, SMALLEST_RADIUS_M

# A day: a stay that lasts longer is nobody's dwell.
LONGEST_DWELL_S = 86_400


def _sound_drawing(value: Any) -> dict[str, Any]:
    refuse("geometry", geometries.drawing_flaws(value))
    return geometries.normalised(value)


def _sound_geometry(value: Any) -> dict[str, Any]:
    refuse("geometry", geometries.flaws(value))
    return geometries.normalised(value)


_GEOMETRY_SCHEMA = {
    "type": "object",
    "description": "GeoJSON (RFC 7946) in WGS84, longitude before latitude; rings are closed.",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {}},
    },
}
_DRAWING_SCHEMA = _GEOMETRY_SCHEMA | {
    "description": "GeoJSON (RFC 7946) in WGS84, longitude before latitude; rings are closed. A Point is the centre "
    "of a circle, whose radius is `radius_m`.",
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon", "Point"]},
        "coordinates": {"type": "array", "items": {}},
    },
}

# Any: these are read by hand, so that a wrong vertex is named by its place and a million cost nothing.
Shape = Annotated[Any, AfterValidator(_sound_geometry), WithJsonSchema(_GEOMETRY_SCHEMA)]
Drawing = Annotated[Any, AfterValidator(_sound_drawing), WithJsonSchema(_DRAWING_SCHEMA)]
Level = Annotated[
    int,
    Field(ge=-100, le=1000, description="The order of the floors; 0 is the ground floor."),
]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Dwell = Annotated[int, Field(ge=1, le=LONGEST_DWELL_S)]


ClosingTime = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", examples=["21:00"])]


class HoursIn(Document):
    """Days of the week and hours on the site's clocks; what closes before it opens runs past midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    opens: Clock
    closes: ClosingTime

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.opens == self.closes:
            do = "Send opens 00:00 and closes 24:00 for a whole day, or two other times."
            refuse("hours", [Flaw(("closes",), "is when it opens", do)])
        return self

    @field_validator("days")
    @classmethod
    def _in_order(cls, days: list[Day]) -> list[Day]:
        return sorted(set(days), key=DAYS.index)


Hours = Annotated[list[HoursIn], Field(min_length=1, max_length=50)]


class SiteIn(Document):
    """A shop, mall or venue."""

    id: Id | None = None
    name: Name
    time_zone: TimeZone = Field(examples=["Europe/Amsterdam"])
    hours: Hours | None = Field(default=None, description="When it is open. Left out: always.")

    def document(self, site_id: str) -> dict[str, Any]:
        return _without_silence(self.model_dump() | {"id": site_id})


class SiteOut(BaseModel):
    id: str
    name: str
    time_zone: str
    hours: list[dict[str, Any]] | None = None


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
    """What a zone has beside its name."""

    id: Id | None = None
    site: Id | None = None
    floor: Id | None = Field(default=None, description="Left out: outdoors, or on every floor.")
    parent: Id | None = Field(
        default=None,
        description="A zone of the site, on the same floor or without one, that this one lies in, even where it sticks "
        "out a little. Left out: as the shapes lie.",
    )
    category: Category | None = Field(
        default=None,
        description=f"What it is. Always sensitive are: {', '.join(sorted(SENSITIVE))}.",
    )
    hours: Hours | None = Field(default=None, description="When it is open. Left out: as its site.")
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

    radius_m: Annotated[float, Field(ge=SMALLEST_RADIUS_M, le=LARGEST_RADIUS_M)] | None = Field(
        default=None, description="Of a zone drawn as a Point, which is a circle."
    )
    geometry: Drawing

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = geometries.circle_flaws(self.geometry, self.radius_m)
        if self.category in SENSITIVE and not self.sensitive:
            if "sensitive" in self.model_fields_set:
                what = f"is false, and a zone of the category {self.category} is always sensitive"
                found.append(Flaw(("sensitive",), what, "Leave sensitive out, or send another category."))
            self.sensitive = True
        refuse("zone", found)
        return self

    def kept(self, site: str, zone_id: str, name: str) -> dict[str, Any]:
        """The zone as it is kept."""
        named = {
            "site": site,
            "id": zone_id,
            "name": name,
            "tags": sorted(set(self.tags)),
            "dwell_s": sorted(set(self.dwell_s)),
        }
        return _without_silence(self.model_dump(include=set(ZoneFields.model_fields)) | named)


class ZoneIn(ZoneFields):
    """A polygon or a circle, on a floor or outdoors."""

    name: Name

    def document(self, site: str, zone_id: str) -> dict[str, Any]:
        return self.kept(site, zone_id, self.name)


class ZoneOut(BaseModel):
    site: str
    id: str
    floor: str | None
    name: str
    geometry: dict[str, Any]
    radius_m: float | None = None
    parent: str | None = None
    category: str | None = None
    hours: list[dict[str, Any]] | None = None
    tags: list[str]
    priority: int
    sensitive: bool
    dwell_s: list[int]
    enter_confirm: int | None
    exit_hold_s: int | None


# What documents learned to say after the first of them were kept: silence is left out, so that those stay as they are
# and the same body sent again still changes nothing.
_LEARNED = ("parent", "category", "hours", "radius_m")


def _without_silence(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None or name not in _LEARNED}


class SitePage(BaseModel):
    items: list[SiteOut]
    next_cursor: str | None


class FloorPage(BaseModel):
    items: list[FloorOut]
    next_cursor: str | None


class ZonePage(BaseModel):
    items: list[ZoneOut]
    next_cursor: str | None
