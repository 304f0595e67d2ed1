"""Surveys and radio maps as they are sent and shown. A survey says the same as its files do."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from beacon_service.configuration.schema import Document, Flaw, Id, refuse
from beacon_service.errors import Invalid, fault
from beacon_service.positioning.survey import SurveyError, SurveySighting, Waypoint
from beacon_service.positioning.survey_files import (
    MOST_SIGHTINGS,
    MOST_WAYPOINTS,
    NO_LEVELS,
    WIDEST_POWER_DBM,
    Survey,
    Transmitter,
    UnnamedError,
    survey_of,
    transmitter,
)
from beacon_service.positioning.surveys import KeptSurvey, MapState, Status
from beacon_service.positioning.tables import LATEST_MS, MOST_TRACE_CHARACTERS
from beacon_service.zones.model import is_level

MOST_WALKS = 10_000
LARGEST_NUMBER = 2**31 - 1

Milliseconds = Annotated[int, Field(ge=0, le=LATEST_MS, description="Since 1970.", examples=[1772442000000])]
Power = Annotated[float, Field(ge=-WIDEST_POWER_DBM, le=WIDEST_POWER_DBM)]
Text = Annotated[str, Field(max_length=64)]


class WaypointIn(Document):
    t_ms: Milliseconds
    floor: Id
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]

    def waypoint(self) -> Waypoint:
        return Waypoint(self.t_ms, self.floor, self.lon, self.lat)


class SurveySightingIn(Document):
    """What was heard, by its identity or its address or both. Without a type the fields say which it is."""

    t_ms: Milliseconds
    type: Text | None = None
    uuid: Text | None = None
    major: int | Text | None = None
    minor: int | Text | None = None
    namespace: Text | None = None
    instance: Text | None = None
    id1: Text | None = None
    id2: int | Text | None = None
    id3: int | Text | None = None
    mac: Text | None = None
    tx_power: Power | None = Field(default=None, description="As it was advertised.")
    rssi: Power = Field(
        description="127, 0 and -128 mean unknown: such a sighting is left out.", examples=[-70]
    )

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if not is_level(self.rssi) and self.rssi not in NO_LEVELS:
            what, do = f"is {self.rssi:g}", "Send what was received in dBm, below 0 and at least -127."
            refuse("Sighting", [Flaw(("rssi",), what, do)])
        try:
            self._transmitter()
        except UnnamedError as error:
            refuse("Sighting", [Flaw((error.field,), error.what, f"{error.do[0].upper()}{error.do[1:]}.")])
        return self

    def sighting(self) -> SurveySighting | None:
        """None where its level is unknown."""
        if not is_level(self.rssi):
            return None
        return SurveySighting(self.t_ms, self._transmitter().sighting(self.rssi, self.tx_power))

    def _transmitter(self) -> Transmitter:
        named = (self.namespace, self.instance, self.id1, self.id2, self.id3)
        return _transmitter(self.type, self.uuid, self.major, self.minor, *named, self.mac)


_IDENTIFYING = ("type", "uuid", "major", "minor", "namespace", "instance", "id1", "id2", "id3", "mac")


# A survey hears the same few hundred again and again; each is worth spelling out once.
@lru_cache(10_000)
def _transmitter(*values: str | int | None) -> Transmitter:
    named = zip(_IDENTIFYING, values, strict=True)
    return transmitter({field: value for field, value in named if value is not None})


class WalkIn(Document):
    trace: Annotated[str, Field(min_length=1, max_length=MOST_TRACE_CHARACTERS)]
    waypoints: Annotated[list[WaypointIn], Field(min_length=1, max_length=MOST_WAYPOINTS)]
    sightings: Annotated[list[SurveySightingIn], Field(max_length=MOST_SIGHTINGS)]


class SurveyIn(Document):
    """Walks with the places where the surveyor was, and what was heard on them."""

    walks: Annotated[list[WalkIn], Field(min_length=1, max_length=MOST_WALKS)]
    activate: bool = Field(
        default=True, description="Locate the site by the new radio map once it is learned."
    )

    @model_validator(mode="after")
    def _names_each_walk_once(self) -> Self:
        first: dict[str, int] = {}
        flaws = [
            Flaw(("walks", number, "trace"), f"is walk {first[walk.trace]} too", "Name each walk once.")
            for number, walk in enumerate(self.walks)
            if first.setdefault(walk.trace, number) != number
        ]
        refuse("Survey", flaws)
        return self

    def survey(self) -> Survey:
        waypoints = {walk.trace: [one.waypoint() for one in walk.waypoints] for walk in self.walks}
        heard = {walk.trace: [one.sighting() for one in walk.sightings] for walk in self.walks}
        try:
            return survey_of(
                waypoints, {trace: [one for one in those if one] for trace, those in heard.items()}
            )
        except SurveyError as error:
            faults = [fault("/walks", str(error), "Send what was heard on these walks.")]
            raise Invalid("Nothing can be learned from this survey.", errors=faults) from None

    def where(self, trace: str) -> str:
        """The JSON pointer of a walk; one that was split over floors has its part behind a #."""
        numbers = {walk.trace: number for number, walk in enumerate(self.walks)}
        return f"/walks/{numbers.get(trace, numbers.get(trace.rpartition('#')[0]))}"


class LearnIn(Document):
    activate: bool = Field(default=True, description="Locate the site by the map once it is learned.")


class ActiveMapIn(Document):
    number: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]


class ActiveMapOut(BaseModel):
    site: str
    number: int
    sha256: str


class SurveyAccepted(BaseModel):
    survey: int
    radio_map: int = Field(
        description="The number of the map that will be learned from all surveys of the site."
    )


class MapAccepted(BaseModel):
    radio_map: int


class SurveyOut(BaseModel):
    number: int
    imported_at: datetime
    actor: str
    withdrawn_at: datetime | None = Field(description="Since then no map is learned from it.")
    floors: list[str]
    walks: int
    waypoints: int
    sightings: int
    left_out: int = Field(
        description="Sightings on the way between floors: nobody knows where they were heard."
    )


class SurveyPage(BaseModel):
    items: list[SurveyOut]
    next_cursor: str | None


class MapOut(BaseModel):
    number: int
    status: Status
    active: bool = Field(description="Whether the site is located by it.")
    requested_at: datetime
    actor: str
    progress: float = Field(description="The share of learning that is done, 0 to 1.")
    doing: str | None
    eta_s: float | None = Field(description="Seconds that learning will still take, where that can be told.")
    error: str | None = Field(description="Why it could not be learned, or not be put into use.")
    surveys: list[int] | None = Field(description="What it is learned from.")
    report: dict[str, Any] | None
    learned_at: datetime | None


class MapPage(BaseModel):
    items: list[MapOut]
    next_cursor: str | None


def shown_survey(kept: KeptSurvey) -> Mapping[str, Any]:
    return kept._asdict()


def shown_map(state: MapState, active: int | None, now: datetime) -> Mapping[str, Any]:
    eta_s = state.eta_s(now)
    told = {name: getattr(state, name) for name in MapOut.model_fields if name not in {"active", "eta_s"}}
    return told | {"active": state.number == active, "eta_s": None if eta_s is None else round(eta_s, 1)}
