"""What positioning is measured with: zones, a survey to learn from, and walks with the truth beside them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shapely import STRtree
from shapely.geometry import Point, shape

from beacon_service.positioning.naming import rotates
from benchmarks.positioning.scoring import Truth, Zone
from simulators.recorded import WalksError, read_features, read_rows, read_sightings, read_ways
from simulators.survey import Recorded, Waypoint, lives, macs_of_identities, position_at

Identity = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Survey:
    sightings: tuple[Recorded, ...]
    ways: Mapping[str, Sequence[Waypoint]]

    def position_at(self, trace: str, t_ms: int) -> Waypoint | None:
        return position_at(self.ways.get(trace, ()), t_ms)


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks to be found again: what was heard on them is told to a method, the truth is not."""

    sightings: tuple[Recorded, ...]
    truth: tuple[Truth, ...]

    def heard_ms(self) -> Mapping[str, Sequence[int]]:
        heard: dict[str, list[int]] = defaultdict(list)
        for row in self.sightings:
            heard[row.trace].append(row.t_ms)
        return heard

    def moments(self) -> Mapping[str, Sequence[int]]:
        """When each walker's zone is asked for, in order of time."""
        asked: dict[str, list[int]] = defaultdict(list)
        for each in self.truth:
            asked[each.trace].append(each.t_ms)
        return {trace: sorted(times) for trace, times in asked.items()}


class Plan:
    """The zones, and which of them holds a place."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self.zones = {zone.id: zone for zone in zones}
        self._by_floor: dict[str, list[Zone]] = defaultdict(list)
        for zone in self.zones.values():
            self._by_floor[zone.floor].append(zone)
        self._trees = {
            floor: STRtree([each.shape for each in those]) for floor, those in self._by_floor.items()
        }

    def zone_at(self, floor: str, longitude: float, latitude: float) -> str | None:
        """The smallest zone over the point: where zones nest, the deepest."""
        if floor not in self._trees:
            return None
        there = self._trees[floor].query(Point(longitude, latitude), predicate="intersects")
        holding = [self._by_floor[floor][index] for index in there]
        return min(holding, key=lambda zone: (zone.shape.area, zone.id)).id if holding else None

    def zone_of(self, place: Waypoint | None) -> str | None:
        return self.zone_at(place.floor, place.longitude, place.latitude) if place else None


def read_plan(zones: Path) -> Plan:
    return Plan(_zones(zones))


def _zones(path: Path) -> Iterator[Zone]:
    for number, feature in enumerate(read_features(path), start=1):
        try:
            properties = feature["properties"]
            yield Zone(properties["zone"], properties["floor"], shape(feature["geometry"]))
        except (KeyError, TypeError, ValueError) as error:
            raise WalksError(
                f"feature {number} of {path} is no zone with the properties zone and floor: {error}"
            ) from None


def read_survey(folder: Path) -> Survey:
    return Survey(tuple(read_sightings(folder)), read_ways(folder))


def read_walks(folder: Path) -> Walks:
    return Walks(tuple(read_sightings(folder)), read_truth(folder))


def read_truth(folder: Path) -> tuple[Truth, ...]:
    return tuple(
        read_rows(
            folder / "truth.csv.gz",
            lambda row: Truth(row["trace"], int(row["t_ms"]), row["floor"], row["zone"]),
        )
    )


def rotating_identities(survey: Survey) -> frozenset[Identity]:
    """Identities whose addresses live for minutes: learning those helps on the day of the survey only."""
    by_mac: dict[str, list[Recorded]] = defaultdict(list)
    for row in survey.sightings:
        by_mac[row.mac].append(row)
    return frozenset(
        identity for identity, macs in macs_of_identities(by_mac).items() if rotates(lives(by_mac, macs))
    )


def without(sightings: Iterable[Recorded], identities: frozenset[Identity]) -> tuple[Recorded, ...]:
    return tuple(row for row in sightings if row.identity not in identities)


def of_traces(survey: Survey, traces: frozenset[str]) -> Survey:
    """The part of a survey that these walks are."""
    return Survey(
        tuple(row for row in survey.sightings if row.trace in traces),
        {trace: way for trace, way in survey.ways.items() if trace in traces},
    )
