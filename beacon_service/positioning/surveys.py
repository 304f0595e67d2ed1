"""Surveys as they are kept, and what may be wrong with one at its site. Values only."""

import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.positioning.survey import SurveyWalk
from beacon_service.positioning.survey_files import Survey

# A car park and a stop in front of the house belong to a site; the next town is a mistake.
FARTHEST_M = 2_000.0

Status: TypeAlias = Literal["queued", "learning", "ready", "failed"]


class MapKey(NamedTuple):
    """A radio map: the site's, and its number there in the order in which they were asked for."""

    site: str
    number: int


class Asked(NamedTuple):
    """Who asks for something, and when."""

    actor: str
    at: datetime


class LearnedMap(NamedTuple):
    """A map as learning hands it over: packed, and what it was learned from."""

    body: bytes
    report: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class PackedSurvey(NamedTuple):
    """A survey as it is stored. `sha256` is of the content: the same walks are the same survey."""

    body: bytes
    sha256: str


class KeptSurvey(NamedTuple):
    """What is told of a stored survey."""

    number: int
    imported_at: datetime
    actor: str
    withdrawn_at: datetime | None
    floors: Sequence[str]
    walks: int
    waypoints: int
    sightings: int
    left_out: int


class MapState(NamedTuple):
    """A radio map but for the map itself."""

    site: str
    number: int
    status: Status
    requested_at: datetime
    actor: str
    activate: bool
    begun_at: datetime | None
    progress: float
    doing: str | None
    told_at: datetime | None
    error: str | None
    surveys: Sequence[int] | None
    report: Mapping[str, Any] | None
    sha256: str | None
    learned_at: datetime | None

    @property
    def is_settled(self) -> bool:
        """Nothing more becomes of it by itself."""
        return self.status == "failed" or (self.status == "ready" and not self.activate)

    def eta_s(self, now: datetime) -> float | None:
        """Seconds that learning will still take, by what it took so far; None where nothing is known of it yet."""
        if self.status != "learning" or self.begun_at is None or self.told_at is None or self.progress <= 0.0:
            return None
        took_s = (self.told_at - self.begun_at) / timedelta(seconds=1)
        since_s = (now - self.told_at) / timedelta(seconds=1)
        return max(0.0, took_s * (1.0 - self.progress) / self.progress - since_s)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is drawn of a site. `floors`: from the lowest, each with where one can be, empty where nothing is drawn."""

    floors: Mapping[str, BaseGeometry]
    outdoors: BaseGeometry | None = field(repr=False, default=None)


class WalkFlaw(NamedTuple):
    trace: str
    what: str
    do: str


def pack(survey: Survey) -> PackedSurvey:
    content = msgspec.json.encode(survey.walks)
    return PackedSurvey(zlib.compress(content), hashlib.sha256(content).hexdigest())


def unpack(body: bytes) -> list[SurveyWalk]:
    return msgspec.json.decode(zlib.decompress(body), type=list[SurveyWalk])


def floors_of(walks: Sequence[SurveyWalk]) -> tuple[str, ...]:
    return tuple(sorted({walk.floor for walk in walks}))


def walk_flaws(walks: Sequence[SurveyWalk], ground: Ground) -> Iterator[WalkFlaw]:
    """What the site says against a survey, once for each walk."""
    known = ", ".join(list(ground.floors)[:20]) or "none yet"
    drawn = [*ground.floors.values(), *([ground.outdoors] if ground.outdoors else [])]
    far = _Far([shape for shape in drawn if not shape.is_empty])
    for walk in walks:
        if walk.floor not in ground.floors:
            what = f"is on the floor {walk.floor}, which the site does not have"
            yield WalkFlaw(walk.trace, what, f"Create it first, or name one of: {known}.")
        elif (place := far.beyond(walk)) is not None:
            number, distance_m = place
            what = f"its waypoint {number + 1} lies {distance_m / 1000:.1f} km from all that is drawn of the site"
            yield WalkFlaw(walk.trace, what, "Are latitude and longitude swapped, or is it another site's?")


class _Far:
    """Distances from a site, on the plane that touches the earth there."""

    def __init__(self, shapes: Sequence[BaseGeometry]) -> None:
        self._ground: BaseGeometry | None = None
        if shapes:
            self._west, self._south, _, north = shapely.total_bounds(shapes).tolist()
            middle = math.radians((self._south + north) / 2)
            self._scale = np.array([METRES_PER_DEGREE * math.cos(middle), METRES_PER_DEGREE])
            self._ground = shapely.GeometryCollection(
                [shapely.transform(one, self._metres) for one in shapes]
            )
            shapely.prepare(self._ground)

    def beyond(self, walk: SurveyWalk) -> tuple[int, float] | None:
        """The first waypoint that lies too far away, and how far; where nothing is drawn nothing is far."""
        if self._ground is None:
            return None
        degrees = np.array([[point.longitude, point.latitude] for point in walk.waypoints])
        away_m = shapely.distance(self._ground, shapely.points(self._metres(degrees)))
        number = int(np.argmax(away_m > FARTHEST_M))
        return (number, float(away_m[number])) if away_m[number] > FARTHEST_M else None

    def _metres(self, degrees: Any) -> Any:
        # Neighbours on both sides of the antimeridian are each other's.
        east = (degrees[:, 0] - self._west + 180) % 360 - 180
        return np.stack([east, degrees[:, 1] - self._south], axis=1) * self._scale
