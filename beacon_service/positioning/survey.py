"""A survey: walks on which the way and what was heard are both known. Values only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beacon_service.zones.model import Sighting


class SurveyError(ValueError):
    """A survey that nothing can be learned from; the message says what is wrong, where, and what to do."""


class Waypoint(NamedTuple):
    """Where the surveyor was at one instant (Unix milliseconds); between two the way is straight."""

    t_ms: int
    floor: str
    longitude: float
    latitude: float


class SurveySighting(NamedTuple):
    t_ms: int
    heard: Sighting


class SurveyWalk(NamedTuple):
    """One walk on one floor; waypoints and sightings in order of time."""

    trace: str
    waypoints: Sequence[Waypoint]
    sightings: Sequence[SurveySighting]

    @property
    def floor(self) -> str:
        return self.waypoints[0].floor

    def places(self, t_ms: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude at each time; before the first waypoint and after the last, where those are."""
        times = np.array([point.t_ms for point in self.waypoints], np.float64)
        longitude = np.interp(t_ms, times, [point.longitude for point in self.waypoints])
        latitude = np.interp(t_ms, times, [point.latitude for point in self.waypoints])
        return longitude, latitude
